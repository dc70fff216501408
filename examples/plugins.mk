# The plugins that are committed: the examples, and one of the tests of the sandbox.
#
#   make plugins        build them
#   make plugins-check  build them again and compare with what is committed
#
# Those in Go are built by the TinyGo of guest.mk, C needs clang-19 and lld-19,
# AssemblyScript Node.js 20 with npm; without that it is left out of the check.

PLUGIN_GO     := examples/plugin-go
PLUGIN_AS     := examples/plugin-assemblyscript
PLUGIN_C      := examples/plugin-c
PLUGIN_RANDOM := host/sandbox/plugin/testdata/random

PLUGIN_TINYGO = $(TINYGO_RUN) build -target=guest-sdk/tinygo-system.json -buildmode=c-shared -opt=z -no-debug
PLUGIN_CC     := clang-19 --target=wasm32 -std=c17 -Oz -Wall -Wextra -Wconversion -Werror -ffreestanding -nostdlib -mbulk-memory \
	-Wl,--no-entry,--strip-all,--stack-first,-z,stack-size=16384
PLUGIN_ASC    := npm ci --silent && npx asc limiter.ts

.PHONY: plugins plugins-check

plugins: $(TINYGO)
	$(PLUGIN_TINYGO) -o $(PLUGIN_GO)/pages.wasm ./$(PLUGIN_GO)
	$(PLUGIN_TINYGO) -o $(PLUGIN_RANDOM)/random.wasm ./$(PLUGIN_RANDOM)
	$(PLUGIN_CC) -o $(PLUGIN_C)/avatar.wasm $(PLUGIN_C)/avatar.c
	cd $(PLUGIN_AS) && $(PLUGIN_ASC)
	chmod 644 $(PLUGIN_GO)/pages.wasm $(PLUGIN_RANDOM)/random.wasm $(PLUGIN_C)/avatar.wasm $(PLUGIN_AS)/limiter.wasm

plugins-check: $(TINYGO)
	built=$$(mktemp -d) && trap 'rm -rf '$$built EXIT && \
	$(PLUGIN_TINYGO) -o $$built/pages.wasm ./$(PLUGIN_GO) && cmp $$built/pages.wasm $(PLUGIN_GO)/pages.wasm && \
	$(PLUGIN_TINYGO) -o $$built/random.wasm ./$(PLUGIN_RANDOM) && cmp $$built/random.wasm $(PLUGIN_RANDOM)/random.wasm && \
	$(PLUGIN_CC) -o $$built/avatar.wasm $(PLUGIN_C)/avatar.c && cmp $$built/avatar.wasm $(PLUGIN_C)/avatar.wasm && \
	if command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; then \
		(cd $(PLUGIN_AS) && $(PLUGIN_ASC) --outFile $$built/limiter.wasm) && cmp $$built/limiter.wasm $(PLUGIN_AS)/limiter.wasm; \
	else echo "plugins-check: AssemblyScript is left out, there is no npm with Node.js 20"; fi
