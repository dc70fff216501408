// Package abi is the contract between the PiCloud host and its guests: the
// table of operations a guest may call, the messages that cross the boundary,
// limits and error codes. It compiles for the host and for WebAssembly guests
// and imports nothing else of PiCloud.
//
// # How a guest is driven
//
// The interpreter guest exports
//
//	buffer(size u32) -> ptr u32        room for a message the host writes next
//	load(ptr u32, len u32) -> u64      decode a [LoadRequest], return a [LoadResult]
//	run(ptr u32, len u32) -> u64       decode a [RunRequest], return a [RunResult], see [RunResult.Encode]
//	interrupt_address() -> ptr u32     the address of the interrupt word
//	trap_address() -> ptr u32          the address of the trap word
//
// A result is packed as ptr<<32 | len and lives until the next call. Non-zero
// in the interrupt word (see the Interrupt constants) ends a running script;
// the guest writes the trap word (see the Trap constants) before it traps on
// purpose, so that the host can tell an exhausted memory from a defect.
//
// The guest imports, from module "picloud",
//
//	call(op u32, ptr u32, len u32) -> i32   perform an operation, return the size of
//	                                        its response, or -size of an [OpError]
//	take(ptr u32)                           copy the response of the last call
//
// All messages are MessagePack; [Operations] lists what can be called.
package abi
