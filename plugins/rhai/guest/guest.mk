# The guest: plugins/rhai/guest compiled by TinyGo to host/sandbox/guest.wasm.
# TinyGo itself is built here from its Go module; LLVM, wasi-libc and the
# compiler runtime are the system's (apt-get install -y --no-install-recommends
# llvm-19-dev libclang-19-dev clang-19 lld-19 wasi-libc
# libclang-rt-19-dev-wasm32 binaryen).
#
#   make guest        build the guest and the sandbox's test guest
#   make guest-check  build both again and compare with what is committed
#   make guest-go     the same source through Go's own compiler, smoke-tested
#   make guest-stress the conformance cases in a guest that collects whenever it may
#   make guest-bench  the heap against TinyGo's own collectors

GUEST_DIR     := plugins/rhai/guest
GUEST_WASM    := host/sandbox/guest.wasm
GUEST_TOY     := host/sandbox/testdata/toy.wasm
TINYGO_VERSION = $(shell sed -n 's/^require github.com\/tinygo-org\/tinygo //p' $(GUEST_DIR)/tinygo/go.mod)
TINYGO_CACHE  ?= $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/picloud/tinygo-$(TINYGO_VERSION)
TINYGO        := $(TINYGO_CACHE)/tinygo
TINYGO_RUN     = TINYGOROOT=$(TINYGO_CACHE)/root $(TINYGO)
TINYGO_FLAGS  := -target=$(GUEST_DIR)/tinygo/wasm.json -opt=2 -no-debug -panic=trap -scheduler=none

.PHONY: guest guest-check guest-go guest-stress guest-bench

$(TINYGO): $(GUEST_DIR)/tinygo/go.mod $(GUEST_DIR)/tinygo/go.sum
	cd $(GUEST_DIR)/tinygo && GOFLAGS= go build -mod=readonly -tags llvm19 -o $(TINYGO).new github.com/tinygo-org/tinygo
	rm -rf $(TINYGO_CACHE)/root && mkdir -p $(TINYGO_CACHE)/root
	source=$$(cd $(GUEST_DIR)/tinygo && GOFLAGS= go list -mod=readonly -m -f '{{.Dir}}' github.com/tinygo-org/tinygo) && \
		cp -r $$source/src $$source/targets $(TINYGO_CACHE)/root/
	chmod -R u+w $(TINYGO_CACHE)/root && mkdir -p $(TINYGO_CACHE)/root/src/net
	mv $(TINYGO).new $(TINYGO)

guest: $(TINYGO)
	$(TINYGO_RUN) build $(TINYGO_FLAGS) -o $(GUEST_WASM) ./$(GUEST_DIR)
	$(TINYGO_RUN) build $(TINYGO_FLAGS) -o $(GUEST_TOY) ./host/sandbox/testdata/toy

guest-check: $(TINYGO)
	rebuilt=$$(mktemp -d) && trap 'rm -rf '$$rebuilt EXIT && \
	$(TINYGO_RUN) build $(TINYGO_FLAGS) -o $$rebuilt/guest.wasm ./$(GUEST_DIR) && \
	$(TINYGO_RUN) build $(TINYGO_FLAGS) -o $$rebuilt/toy.wasm ./host/sandbox/testdata/toy && \
	cmp $$rebuilt/guest.wasm $(GUEST_WASM) && cmp $$rebuilt/toy.wasm $(GUEST_TOY)

guest-go:
	go test -run TestGuestFromGo -count=1 -tags guestgo ./host/sandbox

guest-stress: $(TINYGO)
	built=$$(mktemp -d) && trap 'rm -rf '$$built EXIT && \
	$(TINYGO_RUN) build $(TINYGO_FLAGS) -tags heapstress -o $$built/guest.wasm ./$(GUEST_DIR) && \
	echo '{"Replace":{"$(CURDIR)/$(GUEST_WASM)":"'$$built/guest.wasm'"}}' >$$built/overlay.json && \
	go test -overlay $$built/overlay.json -count=1 -timeout 30m -run TestSandboxed ./host/cmd/rhai

guest-bench: $(TINYGO)
	for gc in none leaking precise conservative; do \
		$(TINYGO_RUN) build $(TINYGO_FLAGS) -gc=$$gc -o $(TINYGO_CACHE)/bench-$$gc.wasm ./$(GUEST_DIR)/heap/bench || exit 1; done
	go run ./$(GUEST_DIR)/heap/bench/compare $(foreach gc,none leaking precise conservative,$(TINYGO_CACHE)/bench-$(gc).wasm)
