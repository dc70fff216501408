# PiCloud. "make run" and "make test" do all the set-up they need.

BIN      := bin
ADDR     ?= 127.0.0.1:8080
DATA     ?= ./data
FUZZTIME ?= 10s

# Debian's packages that the tests use: a real PostgreSQL, and what compiles the guest.
PACKAGES := postgresql llvm-19-dev libclang-19-dev clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32 binaryen

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: run build test deps lint unit race fuzz bench bench-engine generate clean

build:
	go build -o $(BIN)/picloud ./host/cmd/picloud
	go build -o $(BIN)/rhai ./plugins/rhai/cmd/rhai

run: build
	$(BIN)/picloud serve --addr $(ADDR) --data $(DATA)

# Everything CI runs, from the quickest to the slowest.
test: deps lint guest-check unit guest-go race fuzz

# Installs what the tests need where that is possible: as root on Debian and its kin.
deps:
	@missing=; for p in $(PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
		if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing >/dev/null; \
		else \
			echo "Missing packages:$$missing. Tests on PostgreSQL are skipped without it; the guest cannot be rebuilt without LLVM."; \
		fi; \
	fi
	go mod download

lint:
	@unformatted=$$(gofmt -l abi host plugins migrations examples guest-sdk 2>/dev/null); \
	if [ -n "$$unformatted" ]; then echo "Not formatted:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go run $(STATICCHECK) ./...
	cd host/bench && go vet ./... && go run $(STATICCHECK) ./...

unit:
	go test ./...
	cd host/bench && go test ./...

# Where goroutines meet.
race:
	go test -race ./host/...

# Each fuzz target for FUZZTIME.
fuzz:
	@set -e; grep -rlE --include=*_test.go '^func Fuzz' . | xargs -n1 dirname | sort -u | while read -r dir; do \
		for f in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]+' $$dir/*_test.go | cut -d' ' -f2); do \
			echo "fuzz $$dir $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$dir; \
		done; \
	done

bench: build
	cd host/bench && go run .

# The interpreter in the sandbox against the native engine; see host/bench.
bench-engine: build
	cd host/bench && go run . -only engine

# Code made from other code: the messages' codecs.
generate:
	go generate ./...

clean:
	rm -rf $(BIN)

include plugins/rhai/guest/guest.mk
