package vm

import (
	"math"
	"testing"

	"github.com/picloud/picloud/abi"
)

// TestFindCase looks for each value of a switch, and for some that it has not, whether its integers
// fit a table or not.
func TestFindCase(t *testing.T) {
	others := []Value{Unit, Bool(true), Char('a'), Char('é'), Float(1), Float(math.NaN()), String(""), String("a"), String("b"), NewArray([]Value{Int(1)})}
	absent := []Value{Bool(false), Char('b'), Float(2), Float(math.Copysign(0, -1)), String("c"), NewArray(nil), NewRange(0, 1, false)}
	tests := []struct {
		name       string
		ints, lack []int64
	}{
		{"none", nil, []int64{0, 1, -1}},
		{"one", []int64{7}, []int64{6, 8, math.MinInt64, math.MaxInt64}},
		{"close", []int64{3, -2, 5, 1}, []int64{0, 2, 4, 6, -3, math.MinInt64, math.MaxInt64}},
		{"far apart", []int64{0, 1_000_000, -1_000_000}, []int64{1, -1, 999_999}},
		{"the ends", []int64{math.MinInt64, math.MaxInt64}, []int64{0, math.MinInt64 + 1, math.MaxInt64 - 1}},
		{"the upper end", []int64{math.MaxInt64, math.MaxInt64 - 1}, []int64{0, -1, math.MinInt64}},
	}
	for _, test := range tests {
		s := &Switch{Values: append([]Value{}, others...)}
		for _, n := range test.ints {
			s.Values = append(s.Values, Int(n))
		}
		for i := range s.Values {
			s.Targets = append(s.Targets, int32(100+i))
		}
		s.index(func(int) {})
		thread := testThread(abi.Limits{})
		for i, v := range s.Values {
			if target, ok, err := thread.findCase(s, v); !ok || target != int32(100+i) || err != nil {
				t.Errorf("%s: %s: got %d, %v, %v, want %d", test.name, Debug(v), target, ok, err, 100+i)
			}
		}
		lack := absent
		for _, n := range test.lack {
			lack = append(lack[:len(lack):len(lack)], Int(n))
		}
		for _, v := range lack {
			if target, ok, err := thread.findCase(s, v); ok || err != nil {
				t.Errorf("%s: %s is not there: got %d, %v", test.name, Debug(v), target, err)
			}
		}
	}
}
