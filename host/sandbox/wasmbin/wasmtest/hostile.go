package wasmtest

import (
	"bytes"

	"github.com/tetratelabs/wazero/api"
)

// SlowToCompile is a plugin of 200 KB that takes a minute to compile: many branches to one place. Those
// of different numbers differ.
func SlowToCompile(n int32) []byte {
	p := new(Program)
	branches := bytes.Repeat(Join(I32(0), []byte{0x0d, 0}), 50_000)
	p.Function("handle", []byte{api.ValueTypeI32}, []byte{0x02, 0x40}, branches, End, I32(n), Drop, I32(0))
	return p.Bytes()
}

// LargeToCompile is a plugin of 30 KB that takes gigabytes to compile: loops over many variables.
// Those of different numbers differ.
func LargeToCompile(n int32) []byte {
	const loops, variables = 3000, 3000
	p := new(Program)
	p.Function("handle", []byte{api.ValueTypeI32})
	code := Join([]byte{1}, twoBytes(variables), []byte{api.ValueTypeI32}, bytes.Repeat(Join(Loop, I32(0), []byte{0x0d, 0}, End), loops))
	for v := range variables {
		code = append(code, Join([]byte{0x20}, twoBytes(v), Drop)...)
	}
	p.Code[0] = append(code, Join(I32(n), Drop, I32(0), End)...)
	return p.Bytes()
}

// Recursive is a plugin that calls itself for ever.
func Recursive() []byte {
	p := new(Program)
	p.Function("handle", []byte{api.ValueTypeI32}, Call(0), Drop, I32(0))
	return p.Bytes()
}

// RecursiveWithLargeFrames does so with a frame of hundreds of kilobytes: nested loops around many
// variables.
func RecursiveWithLargeFrames() []byte {
	const loops, variables = 150, 150
	p := new(Program)
	body := Join([]byte{1}, twoBytes(variables), []byte{api.ValueTypeI32})
	variable := func(instruction byte, v int) []byte { return append([]byte{instruction}, twoBytes(v)...) }
	for range loops {
		body = append(body, Join(Loop, Call(0), Drop)...)
	}
	for v := range variables {
		body = append(body, Join(variable(0x20, v), Call(0), []byte{0x6a}, variable(0x21, v))...)
	}
	for range loops {
		body = append(body, Join(Call(0), []byte{0x0d, 0}, End)...)
	}
	body = append(body, I32(0)...)
	for v := range variables {
		body = append(body, append(variable(0x20, v), 0x6a)...)
	}
	p.Function("handle", []byte{api.ValueTypeI32})
	p.Code[0] = append(body, End...)
	return p.Bytes()
}

// twoBytes is a number below 16,384 as two bytes of LEB128.
func twoBytes(v int) []byte { return []byte{0x80 | byte(v&0x7f), byte(v >> 7)} }
