# The example plugins in other languages than Go. Their modules are committed.
#
#   make example-plugins        build them
#   make example-plugins-check  build them again and compare with what is committed
#
# AssemblyScript needs Node.js 20 with npm, C needs clang-19 and lld-19.

EXAMPLE_AS := examples/plugin-assemblyscript
EXAMPLE_C  := examples/plugin-c
EXAMPLE_CC := clang-19 --target=wasm32 -std=c17 -Oz -Wall -Wextra -Wconversion -Werror -ffreestanding -nostdlib -mbulk-memory \
	-Wl,--no-entry,--strip-all,--stack-first,-z,stack-size=16384

.PHONY: example-plugins example-plugins-check

example-plugins:
	cd $(EXAMPLE_AS) && npm ci --silent && npx asc limiter.ts
	$(EXAMPLE_CC) -o $(EXAMPLE_C)/avatar.wasm $(EXAMPLE_C)/avatar.c
	chmod 644 $(EXAMPLE_AS)/limiter.wasm $(EXAMPLE_C)/avatar.wasm

example-plugins-check:
	built=$$(mktemp -d) && trap 'rm -rf '$$built EXIT && \
	(cd $(EXAMPLE_AS) && npm ci --silent && npx asc limiter.ts --outFile $$built/limiter.wasm) && \
	$(EXAMPLE_CC) -o $$built/avatar.wasm $(EXAMPLE_C)/avatar.c && \
	cmp $$built/limiter.wasm $(EXAMPLE_AS)/limiter.wasm && cmp $$built/avatar.wasm $(EXAMPLE_C)/avatar.wasm
