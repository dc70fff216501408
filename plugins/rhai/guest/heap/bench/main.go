//go:build tinygo || wasm

// Command bench is a guest that allocates the way scripts do, to compare
// collectors: "make guest-bench".
package main

import (
	"slices"
	"strconv"

	"github.com/picloud/picloud/plugins/rhai/guest/heap"
)

func main() {}

var keep any

//go:wasmexport appends
func appends() uint32 {
	var list []string
	for i := range 100_000 {
		list = append(list, "x"+strconv.Itoa(i))
	}
	keep = list
	return uint32(len(list))
}

// value has the shape of the interpreter's values.
type value struct {
	tag  uint32
	data *string
	bits uint64
}

//go:wasmexport sort
func sortValues() uint32 {
	values := make([]value, 100_000)
	state := uint64(1)
	for i := range values {
		state = state*6364136223846793005 + 1442695040888963407
		values[i].bits = state >> 20
	}
	slices.SortStableFunc(values, func(a, b value) int {
		switch {
		case a.bits < b.bits:
			return -1
		case a.bits > b.bits:
			return 1
		}
		return 0
	})
	keep = values
	return uint32(values[0].bits)
}

//go:wasmexport map
func gomap() (sum uint32) {
	m := map[string]int{}
	for i := range 100_000 {
		m["key"+strconv.Itoa(i)] = i
	}
	for i := range 100_000 {
		sum += uint32(m["key"+strconv.Itoa(i)])
	}
	keep = m
	return sum
}

type entry struct {
	hash  uint32
	key   string
	value value
}

//go:wasmexport table
func table() (sum uint32) {
	entries := make([]entry, 16)
	count := 0
	hash := func(s string) uint32 {
		h := uint32(2166136261)
		for i := range len(s) {
			h = (h ^ uint32(s[i])) * 16777619
		}
		return h | 1
	}
	find := func(entries []entry, key string, h uint32) *entry {
		for i := h; ; i++ {
			e := &entries[i&uint32(len(entries)-1)]
			if e.hash == 0 || e.hash == h && e.key == key {
				return e
			}
		}
	}
	for i := range 100_000 {
		if count*4 >= len(entries)*3 {
			larger := make([]entry, 2*len(entries))
			for _, e := range entries {
				if e.hash != 0 {
					*find(larger, e.key, e.hash) = e
				}
			}
			entries = larger
		}
		key := "key" + strconv.Itoa(i)
		h := hash(key)
		if e := find(entries, key, h); e.hash == 0 {
			*e = entry{hash: h, key: key, value: value{bits: uint64(i)}}
			count++
		}
	}
	for i := range 100_000 {
		key := "key" + strconv.Itoa(i)
		sum += uint32(find(entries, key, hash(key)).value.bits)
	}
	keep = entries
	return sum
}

// garbage makes 64 MiB of short-lived strings and small lists of values.
//
//go:wasmexport garbage
func garbage() (sum uint32) {
	for i := range 400_000 {
		values := make([]value, 1+i%8)
		s := "n" + strconv.Itoa(i)
		values[0].data = &s
		keep = values
		sum += uint32(len(values))
		if *heap.Due() != 0 { // of the heap under test; other collectors see to it themselves
			heap.Collect()
		}
	}
	return sum
}
