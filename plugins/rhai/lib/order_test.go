package lib

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// orders are ways to lay numbers out, of which sorting sees some.
var orders = map[string]func(random *rand.Rand, i, n int) int{
	"random":           func(random *rand.Rand, _, _ int) int { return int(random.Uint64()) },
	"few":              func(random *rand.Rand, _, _ int) int { return random.IntN(7) - 3 },
	"small":            func(random *rand.Rand, _, n int) int { return random.IntN(n) },
	"ascending":        func(_ *rand.Rand, i, _ int) int { return i },
	"descending":       func(_ *rand.Rand, i, n int) int { return n - i },
	"descending, some": func(_ *rand.Rand, i, n int) int { return (n - i) / 3 },
	"runs":             func(random *rand.Rand, i, _ int) int { return i % (30 + random.IntN(2)) },
	"sawtooth":         func(_ *rand.Rand, i, _ int) int { return -i % 50 },
	"the last less":    func(_ *rand.Rand, i, n int) int { return (i + 1) % n },
}

// TestNaturalOrder: arrays of each kind, in many orders, plain and with tags, are sorted as Go's
// standard library does it. Tags tell apart what is equal.
func TestNaturalOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	kinds := map[string]func(n int) vm.Value{
		"int":   func(n int) vm.Value { return vm.Int(int64(n)) },
		"float": func(n int) vm.Value { return vm.Float(float64(n) / 7) },
		"zeros": func(n int) vm.Value { return vm.Float(math.Copysign(float64(n&2), float64(n&1)-0.5)) },
		"char":  func(n int) vm.Value { return vm.Char(rune(uint(n) % 0xd800)) },
		"bool":  func(n int) vm.Value { return vm.Bool(n&1 == 0) },
		"text":  func(n int) vm.Value { return vm.String(strings.Repeat("same", n&3) + string(rune(uint(n)%3000))) },
		"long":  func(n int) vm.Value { return vm.String(strings.Repeat("x", 1500+n&1) + string(rune(uint(n)%3000))) },
	}
	for kind, value := range kinds {
		for order, number := range orders {
			for _, n := range []int{2, 3, 15, 16, 17, 40, 255, 256, 257, 1000, 3000} {
				for _, tagged := range []bool{false, true} {
					if kind == "long" && n > 300 {
						continue
					}
					thread := sortingThread()
					items := make([]vm.Value, n)
					for i := range items {
						items[i] = value(number(random, i, n))
						if tagged {
							items[i] = thread.WithTag(items[i], int32(i+1))
						}
					}
					for _, flip := range []uint64{0, descending} {
						got, want := slices.Clone(items), slices.Clone(items)
						if err := sortNaturally(thread, got, flip); err != nil {
							t.Fatal(err)
						}
						slices.SortStableFunc(want, func(a, b vm.Value) int {
							if flip != 0 {
								a, b = b, a
							}
							return compareNaturally(a, b)
						})
						for i := range got {
							if vm.Debug(got[i]) != vm.Debug(want[i]) || thread.Tag(got[i]) != thread.Tag(want[i]) {
								t.Fatalf("%d of %s, %s, tagged: %v, flip %x: item %d: got %s tagged %d, want %s tagged %d",
									n, kind, order, tagged, flip, i, vm.Debug(got[i]), thread.Tag(got[i]), vm.Debug(want[i]), thread.Tag(want[i]))
							}
						}
					}
				}
			}
		}
	}
}

func sortingThread() *vm.Thread {
	limits := abi.DefaultLimits
	limits.MaxOperations = 1 << 40
	return vm.NewThread(nil, silentHost{}, limits, nil, 1)
}

func compareNaturally(a, b vm.Value) int {
	switch a.Kind() {
	case vm.KindInt:
		return cmp.Compare(a.AsInt(), b.AsInt())
	case vm.KindFloat:
		return cmp.Compare(a.AsFloat(), b.AsFloat())
	case vm.KindChar:
		return cmp.Compare(a.AsChar(), b.AsChar())
	case vm.KindString:
		return strings.Compare(a.AsString(), b.AsString())
	}
	switch {
	case a.AsBool() == b.AsBool():
		return 0
	case b.AsBool():
		return -1
	}
	return 1
}

// TestOrderIsSeen: what is in order, or in the opposite one, is compared once with what is beside it.
func TestOrderIsSeen(t *testing.T) {
	const n = 10_000
	for name, text := range map[string]func(i int) string{
		"ascending":  func(i int) string { return string([]rune{rune('a' + i/1000), rune('a' + i%1000)}) },
		"descending": func(i int) string { return string([]rune{rune('a' + (n-i)/1000), rune('a' + (n-i)%1000)}) },
	} {
		items := make([]vm.Value, n)
		for i := range items {
			items[i] = vm.String(text(i))
		}
		s := entries{t: sortingThread(), texts: true}
		if err := s.sort(items, vm.KindString); err != nil {
			t.Fatal(err)
		}
		if s.compared >= n {
			t.Errorf("%s: got %d comparisons of %d items", name, s.compared, n)
		}
	}
}
