package main

import (
	"strings"
	"testing"

	"github.com/picloud/picloud/abi"
)

func TestCheck(t *testing.T) {
	hello := soakCase{name: "hello", status: 200, want: constant(map[string]any{"a": 1, "b": []any{nil}})}
	echo := soakCase{name: "echo", status: 200, want: func(n int) any { return n }}
	endless := soakCase{name: "endless", status: 504, code: abi.CodeTimeout}
	for _, c := range []struct {
		name    string
		of      soakCase
		status  int
		body    string
		wantErr string // "" for a right answer
	}{
		{"right", hello, 200, `{"b":[null],"a":1}`, ""},
		{"another value", hello, 200, `{"b":[null],"a":2}`, `want {"a":1,"b":[null]}`},
		{"another status", hello, 500, `{}`, "want 200"},
		{"no JSON", hello, 200, `<html>`, "hello answered <html>"},
		{"of this request", echo, 200, `7`, ""},
		{"of another request", echo, 200, `8`, "want 7"},
		{"the expected failure", endless, 504, `{"error":{"code":"timeout"}}`, ""},
		{"another failure", endless, 504, `{"error":{"code":"internal"}}`, `want "timeout"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.of.check(7, c.status, []byte(c.body))
			switch {
			case c.wantErr == "" && err != nil:
				t.Errorf("check(%d, %s) = %v, want no error", c.status, c.body, err)
			case c.wantErr != "" && (err == nil || !strings.Contains(err.Error(), c.wantErr)):
				t.Errorf("check(%d, %s) = %v, want an error with %q", c.status, c.body, err, c.wantErr)
			}
		})
	}
}

func TestFlat(t *testing.T) {
	series := func(from, to float64) []float64 {
		var s []float64
		for i := range 60 {
			s = append(s, from+(to-from)*float64(i)/59)
		}
		return s
	}
	for _, c := range []struct {
		name   string
		memory []float64
		flat   bool
	}{
		{"too short to tell", []float64{10, 500}, true},
		{"steady", series(100, 100), true},
		{"within the tolerance", series(100, 115), true},
		{"a leak", series(100, 300), false},
		{"high only while warming up", append([]float64{400, 400, 400}, series(100, 100)...), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := (&soak{memory: c.memory}).flat(1.10); (err == nil) != c.flat {
				t.Errorf("flat() = %v for memory from %.0f to %.0f MiB, want flat: %v", err, c.memory[0], c.memory[len(c.memory)-1], c.flat)
			}
		})
	}
}

func TestErrorLog(t *testing.T) {
	var l errorLog
	if err := l.err(); err != nil {
		t.Fatalf("err() = %v before anything was written, want nil", err)
	}
	for range 100 {
		if n, err := l.Write(make([]byte, 1000)); n != 1000 || err != nil {
			t.Fatalf("Write = %d, %v, want all bytes taken", n, err)
		}
	}
	if err := l.err(); err == nil || len(err.Error()) > keptLog+100 {
		t.Errorf("err() has %d bytes, want an error of about %d", len(err.Error()), keptLog)
	}
}
