// Package vm is the machine that runs Rhai: values, registers, frames, instructions, and the loops
// that execute them. Package compile makes its programs, package lib its library of functions.
//
// # Programs
//
// A [Program] is a main function, the script's functions and a [Library] of native ones. A
// [Function] has its code, its constants and, for each instruction, the position in the source
// that an error there is given. Whatever else an instruction needs is in a table of the function,
// by number: what is called where (Sites, Calls), closures, switches, errors. Try blocks are
// ranges of instructions in Handlers. [Disassemble] shows all of it.
//
// # Values
//
// A [Value] has 16 bytes in the guest, where pointers have 32 bits:
//
//	byte 0                8            12     13        16
//	+---------------------+------------+------+---------+
//	|        bits         |    ref     | kind |   tag   |
//	+---------------------+------------+------+---------+
//	                                   \---- meta -----/
//
// The kind says what the rest means. The value of a bool, i64, f64, char or timestamp is in bits.
// Strings, arrays, maps, blobs, ranges, function pointers and handles have an object that ref
// points to; ref is stale for all others. tag is the number of a tag that the script has attached,
// 0 for none: so meta equals a kind exactly for an untagged value of that kind, which is what fast
// paths compare. Nothing on the common paths is a Go interface, and no number is allocated.
//
// Values behave as copies. Assigning an array, map or blob copies the Value and marks the object as
// shared ([Value.Share]); whoever changes a marked object makes a copy of it first, and marks the
// items of that in turn ([Thread.Own]). Strings never change, but the last value made of a block of
// text can be appended to in place, see text.go.
//
// Four kinds never reach a script: a cell is a variable that closures share, a ref is a place to
// work on, a proxy is a part of a value that has no place of its own, an error is what a catch
// block may raise again.
//
// # Registers
//
// The registers of a call are a window of one stack of values: parameters first, then variables in
// the order of their declaration, then temporaries. The caller evaluates arguments into its highest
// registers, and these become the first ones of the callee's window. So a call copies nothing, and
// the result replaces the first argument:
//
//	caller   | x | y | t | a | b |
//	callee               | a | b | z | t |
//
// The stack grows by further blocks. What is in a block never moves, so that refs can point there.
//
// Calls nest in a stack of frames: the function, the next instruction, the window, this, where the
// result goes. It is not Go's stack: recursion of the script is bounded by max_call_levels, and
// only a native function that calls back into the script enters a loop within a loop.
//
// # Instructions
//
// An [Instr] has 64 bits and one of two forms; D is signed, X is an operator or what a loop
// charges:
//
//	63            48 47            32 31            16 15     8 7      0
//	+---------------+----------------+----------------+--------+--------+
//	|       C       |       B        |       A        |   X    | opcode |  ABC
//	+---------------+----------------+----------------+--------+--------+
//	|               D                |       A        |   X    | opcode |  AD
//	+--------------------------------+----------------+--------+--------+
//
// [Op] lists all opcodes, each with what it does to the registers: R[A] = R[B] + R[C].
//
// Two loops run them. fast does what needs no allocation and cannot fail: numbers, elements that
// are there, jumps, calls of script functions. It leaves any other instruction, before it has
// changed anything, to run, which does it from its beginning, errors included, and returns to
// fast. Both come to the same result: what fast has is a short cut.
//
// # Variables that closures share
//
// The compiler knows which variables a closure captures. These are read and written by GetCell,
// SetCell and the like. Such a register holds an ordinary value until the closure is made, then a
// cell that both share. The closure gets its cells as leading arguments, as in Rhai, which curries
// them.
//
// Where an eval or a name!() may define variables, or see them, names are looked up at run time, by
// the instructions called Name; see eval.go.
//
// # Places
//
// Assignments and methods work on refs: a.b[i].f(x) makes a ref to a, narrows it to b and to the
// element, and calls f on that, so that what f does to its receiver happens in a. A character of a
// string, a bit of an integer and a byte of a blob have no place: they are copied to a proxy,
// worked on, and written back.
//
// # Errors
//
// There is one type, [Error], with the text and position of Rhai's. An error leaves
// frames until one has a handler around the instruction it stands at, and collects the calls
// that it passes through. Errors of limits, and of an interrupt, are not caught.
//
// # Limits
//
// Operations are counted where loops jump back, at calls, and by built-ins in proportion to their
// work ([Thread.Charge], [Meter]). There, too, the interrupt word is polled, which the host writes
// to end a script, and now and then the host gets its turn ([Host]). Sizes are checked before they
// are reached.
//
// Garbage, in the guest, is collected between two instructions and at no other time, see [Keep]:
// what lives is what can be reached from the thread.
package vm
