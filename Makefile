# PiCloud. "make run" and "make test" do all the set-up they need.

BIN      := bin
ADDR     ?= 127.0.0.1:8080
DATA     ?= ./data
FUZZTIME ?= 5s
N        ?= 20000
SEED     ?= 1
SOAK     ?= 10m
ATTACK   ?= 2s
SEEDS    ?= 5000
EVENTS   ?= 100000
BACKUP   ?= 1000

# For how long `make fuzz-api` makes requests.
FUZZAPITIME ?= 1m

# Debian's packages that the tests use: a real PostgreSQL, what compiles the guest, and what judges the server.
PACKAGES := postgresql llvm-19-dev libclang-19-dev clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32 binaryen python3-venv chromium zsh fish
# Node, unless there is one of another vendor's, with which Debian's npm conflicts.
PACKAGES += $(if $(shell command -v node),,nodejs) $(if $(shell command -v npm),,npm)

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: run build test deps lint unit unit-postgres race fuzz fuzz-api matrix bench-dev bench-test bench-backup conformance differential bench figures bench-engine bench-plugin soak attack kill kill-events model two-nodes s3 upgrade-data generate clean

build:
	go build -o $(BIN)/picloud ./host/cmd/picloud
	go build -o $(BIN)/rhai ./host/cmd/rhai

run: build
	$(BIN)/picloud serve --addr $(ADDR) --data $(DATA)

# Everything CI runs, from the quickest to the slowest.
test: deps lint guest-check plugins-check dashboard-check guest-stress unit unit-postgres browser conformance s3 fuzz-api attack guest-go race fuzz

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
	go vet -tags nodashboard ./host/dashboard ./host/server ./host/cmd/picloud
	go run $(STATICCHECK) ./...
	cd host/bench && go vet ./... && go run $(STATICCHECK) ./...

unit:
	go test -timeout 20m ./...
	cd host/bench && go test ./...

# On PostgreSQL, what `unit` runs on SQLite alone: the API, requests, rights and the audit, and the built program but for
# NOT_AGAIN: what is on PostgreSQL already, or has a target of its own, or knows no database. Other packages run their
# tests on both, or do not care.
NOT_AGAIN := Backup|Killed|ManyClients|Node|DatabaseIsDown|Quotas|OfTheReference|ServeOnPostgreSQL|Transactions|Upgrade
NOT_AGAIN := $(NOT_AGAIN)|Attacks|Browser|Conformance|FuzzAPI
NOT_AGAIN := $(NOT_AGAIN)|TestTest|OfTests|TestPull|Plugin|Descriptors|Bodies|AnswersThat|Help|Console|WorkWordForWord/examples/plugin

unit-postgres:
	PICLOUD_TEST_STORE=postgres go test -timeout 10m ./host/api ./host/front ./host/authz ./host/audit
	PICLOUD_TEST_STORE=postgres go test -timeout 10m -skip '$(NOT_AGAIN)' ./host/e2e

# Where goroutines meet. Of the tests of the built server, which is built with the race detector for them, those in
# which it does much at once.
TOGETHER := Many|Killed|Node|Orders|Database|Disk|Survive|Orderly|Transactions|Descriptors|Bodies|Answers|Pages

# What asks thousands of times, once at a time, is left to `unit`: no goroutines meet in it.
ONE_BY_ONE := TestDocumentIsWhatIsDone

race:
	go test -race -timeout 30m -skip '^$(ONE_BY_ONE)$$' $$(go list ./host/... | grep -v '/host/e2e$$')
	go test -race -timeout 30m -run '$(TOGETHER)' ./host/e2e

# Each fuzz target for FUZZTIME. On a busy machine Go's fuzzing can miss its own deadline and call that a failure;
# one without an input that fails is none.
fuzz:
	@set -e; log=$$(mktemp); trap 'rm -f '$$log EXIT; grep -rlE --include=*_test.go '^func Fuzz' . | xargs -n1 dirname | sort -u | while read -r dir; do \
		for f in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]+' $$dir/*_test.go | cut -d' ' -f2); do \
			echo "fuzz $$dir $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$dir >$$log 2>&1 || \
				{ grep -q '^    context deadline exceeded$$' $$log && ! grep -q 'Failing input' $$log; } || { cat $$log; exit 1; }; \
			tail -n 2 $$log; \
		done; \
	done

# Writes host/api/testdata/matrix.txt, who may do what over the API, of what everybody who tries it gets. The tests
# compare it.
matrix:
	PICLOUD_MATRIX_WRITE=1 go test -count=1 -run TestMatrix ./host/api

# How long picloud dev takes from a save to the new answer.
bench-dev:
	go test -run XXX -bench BenchmarkDev ./host/e2e

# How long picloud test takes for 100 tests.
bench-test:
	go test -run XXX -bench BenchmarkTest$$ ./host/e2e

# How fast a backup of BACKUP MiB goes, of the store alone and of the built server while clients ask it.
bench-backup:
	PICLOUD_BACKUP_BENCH_MB=$(BACKUP) go test -run XXX -bench BenchmarkBackup$$ -benchtime 2x -timeout 1h ./host/backup ./host/e2e

# REDbot and httplint judge the built server. They are installed where nothing else is, once for each version; where
# that is not possible there is no judgement.
CONFORMANCE := .cache/conformance
JUDGES      := host/e2e/testdata/conformance.txt

conformance:
	$(call venv,conformance,$(CONFORMANCE),$(JUDGES))
	[ ! -f $(CONFORMANCE)/installed ] || \
		PICLOUD_CONFORMANCE=$(CURDIR)/$(CONFORMANCE)/bin go test -count=1 -timeout 5m -run TestConformance ./host/e2e

# schemathesis makes requests of the API's document to the built server, for FUZZAPITIME.
FUZZAPI := .cache/fuzz-api
FUZZERS := host/e2e/testdata/fuzzapi.txt

fuzz-api:
	$(call venv,fuzz-api,$(FUZZAPI),$(FUZZERS))
	[ ! -f $(FUZZAPI)/installed ] || \
		PICLOUD_FUZZ_API=$(CURDIR)/$(FUZZAPI)/bin PICLOUD_FUZZ_API_FOR=$(FUZZAPITIME) go test -count=1 -timeout 2h -run TestFuzzAPI -v ./host/e2e

# Installs the packages of a file $(3) in an environment $(2) of their own, for the target $(1); once for each version.
define venv
@if ! cmp -s $(3) $(2)/installed; then \
	rm -rf $(2); \
	python3 -m venv $(2) && $(2)/bin/pip install --quiet --disable-pip-version-check --no-deps -r $(3) && \
		cp $(3) $(2)/installed || \
		{ rm -rf $(2); echo "$(1): skipped, it needs python3 with venv, and PyPI"; }; \
fi
endef

# N programs made from a grammar by the seed SEED, each run by the real engine and by ours. RHAI_ORACLE names
# a binary of the oracle; without it cargo builds one.
differential:
	@if [ -z "$$RHAI_ORACLE" ] && ! command -v cargo >/dev/null; then \
		echo "differential: skipped, it needs cargo or RHAI_ORACLE"; exit 0; \
	fi; \
	[ -n "$$RHAI_ORACLE" ] || (cd plugins/rhai/conformance/oracle && cargo build --release --quiet) || exit 1; \
	go run ./plugins/rhai/conformance/differential -n $(N) -seed $(SEED)

# Writes host/bench/results.json and what figures makes of it. BENCH=-quick shows in a few minutes that it works.
bench:
	cd host/bench && go run . $(BENCH)

# Makes host/bench/FIGURES.md, its chart and the README's figures from results.json, without measuring.
figures:
	cd host/bench && go run . -figures

# The interpreter in the sandbox against the native engine; see host/bench.
bench-engine:
	cd host/bench && go run . -only engine -out bin $(BENCH)

# The plugin of the benchmark's peer Extism, which is committed.
bench-plugin: $(TINYGO)
	cd host/bench/peers/extism && $(TINYGO_RUN) build -target=$(CURDIR)/$(GUEST_DIR)/tinygo/wasm.json -gc=leaking \
		-opt=2 -no-debug -panic=trap -scheduler=none -o plugin.wasm ./plugin

# Good and hostile scripts at full concurrency for a while, then 2,000 connections, half of them hostile, for as
# long: right answers, flat memory.
soak: build
	cd host/bench && go run ./soak -for $(SOAK)

# What README says it withstands, tried on the built server and on its parts. ATTACK is how long each of the
# attacks on the built server goes on: ATTACK=60s is the long form.
attack:
	PICLOUD_ATTACK=$(ATTACK) go test -count=1 -timeout 3h -run TestAttacks -v ./host/e2e
	go test -count=1 -timeout 20m -run 'Descriptors|BodiesInFlight|NobodyReads|Quotas|OneServerForADirectory|DiskIsFull' ./host/e2e
	go test -count=1 -timeout 20m -run 'Differential|Connections|SlowSenders|SlowReaders|StopIsNotHeldUp|AcceptTriesAgain|RefusedBeforeTheBody|BudgetIsUsedUp|IDsAreTheServers|TokensReachNoScript|CompressedBodies|UnknownPaths|NotReady' ./host/front/...
	go test -count=1 -timeout 20m -run 'Attack|HostilePlugins|SlowModules|ScriptOutcomes|AnAppIsSureOfAPlace|TakeTurns' ./host/sandbox/...
	go test -count=1 -timeout 20m -run 'CompilingIsLinear|CompilingStops|RouteTakes|KnownDevice|ReachNothing|Rebinding|HostileServers|Redirect|CredentialsStay|RoutesSideBySide|ThrownTextIsCut|Reclaim|Meter' \
		./plugins/rhai ./host/api ./host/authz ./host/fetch ./host/executions ./host/store/sqlite ./host/quota

# Kills the server ROUNDS times (200) on each database while data is written.
kill:
	PICLOUD_KILL_ROUNDS=$(or $(ROUNDS),200) go test -count=1 -run TestKilledWhileDataIsWritten -timeout 2h -v ./host/e2e

# Kills the server ROUNDS times (1,000) on each database while events are made and handled.
kill-events:
	PICLOUD_KILL_ROUNDS=$(or $(ROUNDS),1000) go test -count=1 -run TestKilledWhileEventsAreHandled -timeout 6h -v ./host/e2e

# SEEDS random programs of events against a model of what must come of them. PICLOUD_MODEL_SEED runs the one that
# failed.
model:
	PICLOUD_MODEL_SEEDS=$(SEEDS) go test -count=1 -run TestModel -timeout 4h ./host/dispatch

# Two nodes share EVENTS events: each is handled once, and all of them also if one node is killed.
two-nodes:
	PICLOUD_EVENTS=$(EVENTS) go test -count=1 -run 'TwoNodes' -timeout 2h -v ./host/dispatch

# moto, a server that speaks S3 and is not ours, keeps backups.
S3      := .cache/s3
SERVERS := host/backup/testdata/s3.txt

s3:
	$(call venv,s3,$(S3),$(SERVERS))
	[ ! -f $(S3)/installed ] || PICLOUD_TEST_S3=$(CURDIR)/$(S3)/bin go test -count=1 -timeout 5m -run TestBucket ./host/backup

# Writes what TestUpgrade of later releases uses: run it on a release, and commit what it writes.
upgrade-data:
	PICLOUD_UPGRADE_WRITE=1 go test -count=1 -run TestUpgrade ./host/e2e

# Code made from other code: the messages' codecs.
generate:
	go generate ./...

clean:
	rm -rf $(BIN)

include plugins/rhai/guest/guest.mk
include examples/plugins.mk
include host/dashboard/dashboard.mk
