package elementary

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestFused compares what the guest computes with what the processor does.
func TestFused(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	float := func(spread int) float64 { // with few bits now and then, for ties and exact sums
		fraction := random.Uint64() >> 12
		if random.IntN(2) == 0 {
			fraction &^= 1<<random.IntN(53) - 1
		}
		exponent := uint64(1023 + random.IntN(2*spread+1) - spread)
		return math.Float64frombits(random.Uint64()<<63 | exponent<<52 | fraction)
	}
	check := func(x, y, z float64) {
		t.Helper()
		if got, want := fused(x, y, z), math.FMA(x, y, z); !same(got, want) {
			t.Fatalf("fused(%x, %x, %x): got %x, want %x", x, y, z, got, want)
		}
	}
	for range 300_000 {
		x, y := float(20), float(20)
		check(x, y, float(120))
		check(x, y, -x*y) // what the product lacks
		check(x, y, math.Nextafter(-x*y, float(2)))
		check(x, y, -x*y*float(2))
		check(float(1022), float(1022), float(1022))
	}
	special := []float64{0, math.Copysign(0, -1), 1, -1, 0x1p-1074, -0x1p-1074, 0x1p-1022, math.MaxFloat64, 0x1p-400, 0x1p400, math.Inf(1), math.Inf(-1), math.NaN()}
	for _, x := range special {
		for _, y := range special {
			for _, z := range special {
				check(x, y, z)
			}
		}
	}
}

func BenchmarkFused(b *testing.B) {
	sum := 0.0
	for b.Loop() {
		sum = fused(1.25, sum, 0.3)/2 + 0.1
	}
}
