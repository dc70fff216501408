// Extism for a plugin in C: the imports it needs of Extism's kernel, copying to and
// from blocks of the kernel's memory, and memory of the plugin's own.

#ifndef EXTISM_H
#define EXTISM_H

#include <stddef.h>
#include <stdint.h>

// A block of the kernel's memory, named by its offset.
typedef uint64_t extism_block;

#define EXTISM_KERNEL(name) __attribute__((import_module("extism:host/env"), import_name(#name)))

EXTISM_KERNEL(input_length) uint64_t extism_input_length(void);
EXTISM_KERNEL(input_load_u8) uint8_t extism_input_load_u8(uint64_t offset);
EXTISM_KERNEL(input_load_u64) uint64_t extism_input_load_u64(uint64_t offset);
EXTISM_KERNEL(alloc) extism_block extism_alloc(uint64_t size);
EXTISM_KERNEL(length) uint64_t extism_length(extism_block block);
EXTISM_KERNEL(load_u8) uint8_t extism_load_u8(uint64_t offset);
EXTISM_KERNEL(store_u8) void extism_store_u8(uint64_t offset, uint8_t value);
EXTISM_KERNEL(store_u64) void extism_store_u64(uint64_t offset, uint64_t value);
EXTISM_KERNEL(output_set) void extism_output_set(extism_block block, uint64_t size);
EXTISM_KERNEL(error_set) void extism_error_set(extism_block message);

// Declares a host function: takes a block with a request, answers one with the result.
#define PICLOUD_OPERATION(name) \
  __attribute__((import_module("extism:host/user"), import_name(#name))) extism_block name(extism_block request)

// Whole pages of memory for at least size bytes, or NULL when there is no more to be
// had. Nobody frees them: the plugin lives for one execution.
static inline void *extism_pages(size_t size) {
  size_t page = __builtin_wasm_memory_grow(0, size / 65536 + 1);
  return page == SIZE_MAX ? NULL : (void *)(page * 65536);
}

// Copies the plugin's input, of size bytes.
static inline void extism_read_input(char *to, size_t size) {
  size_t i = 0;
  for (; size - i >= 8; i += 8) {
    uint64_t eight = extism_input_load_u64(i);
    __builtin_memcpy(to + i, &eight, 8);
  }
  for (; i < size; i++) to[i] = (char)extism_input_load_u8(i);
}

// Copies the first size bytes of a block.
static inline void extism_read(char *to, extism_block block, size_t size) {
  for (size_t i = 0; i < size; i++) to[i] = (char)extism_load_u8(block + i);
}

// A new block with a copy of size bytes.
static inline extism_block extism_write(const char *from, size_t size) {
  extism_block block = extism_alloc(size);
  size_t i = 0;
  for (; size - i >= 8; i += 8) {
    uint64_t eight;
    __builtin_memcpy(&eight, from + i, 8);
    extism_store_u64(block + i, eight);
  }
  for (; i < size; i++) extism_store_u8(block + i, (uint8_t)from[i]);
  return block;
}

#endif
