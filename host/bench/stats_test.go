package main

import (
	"math"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		in   samples
		want float64
	}{
		{samples{3}, 3},
		{samples{9, 1, 5}, 5},
		{samples{4, 1, 3, 2}, 2.5},
		{samples{1, 1, 1000}, 1},
	} {
		if got := test.in.median(); got != test.want {
			t.Errorf("median of %v = %v, want %v", test.in, got, test.want)
		}
	}
	if got := (samples{}).median(); !math.IsNaN(got) {
		t.Errorf("median of nothing = %v, want NaN", got)
	}
}

func TestSummary(t *testing.T) {
	got := samples{10, 30, 20}.summary()
	if got.Median != 20 || got.Min != 10 || got.Max != 30 || got.spread() != 1 {
		t.Errorf("summary = %+v with spread %v, want median 20, min 10, max 30, spread 1", got, got.spread())
	}
}

func TestPercentile(t *testing.T) {
	hundred := make([]float64, 100) // 1, 2, ... 100
	for i := range hundred {
		hundred[i] = float64(i + 1)
	}
	for _, test := range []struct {
		sorted  []float64
		p, want float64
	}{
		{hundred, 50, 50},
		{hundred, 99, 99},
		{hundred, 100, 100},
		{hundred, 0, 1},
		{[]float64{7}, 99, 7},
		{[]float64{1, 2}, 50, 1},
		{[]float64{1, 2}, 51, 2},
	} {
		if got := percentile(test.sorted, test.p); got != test.want {
			t.Errorf("percentile %v of %d samples = %v, want %v", test.p, len(test.sorted), got, test.want)
		}
	}
}

// A ratio compares rounds taken together: a pause of the machine that hits both
// sides of a round leaves it as it is.
func TestRatioOfRounds(t *testing.T) {
	ours, theirs := samples{10, 100, 10}, samples{5, 50, 5}
	for i, ratio := range ours.over(theirs) {
		if ratio != 2 {
			t.Errorf("round %d: ratio %v, want 2", i, ratio)
		}
	}
}

func TestGeometricMean(t *testing.T) {
	if got := (samples{0.5, 2, 8, 2}).geometricMean(); math.Abs(got-2) > 1e-12 {
		t.Errorf("geometric mean = %v, want 2", got)
	}
}
