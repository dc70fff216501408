// Package elementary has the elementary functions of floats, with the results to the last bit that
// the real engine has from the C library of a usual machine: glibc 2.36 on a processor that has
// fused multiply-add.
//
// Package math's differ from those in the last digit, in up to two thirds of cases. So do correctly
// rounded results, though seldom: most functions of the C library are off by up to 0.52 units in
// the last place instead of 0.50, the hyperbolic ones by up to 2. Scripts compare and print such
// numbers, so what is right here is what it says.
//
// The methods are those of that library: tables and polynomials of ARM's optimized routines for
// exp, log and pow, of IBM's accurate library for the trigonometric functions, of Sun's for the
// hyperbolic ones. What they round, and in which order, is part of the result. fma marks the sums
// that are not rounded before an addition there; products in other sums are converted explicitly,
// which keeps Go's compiler from fusing them.
package elementary

import "math"

// high returns the upper half of the bits of x without the sign: it orders magnitudes.
func high(x float64) uint32 { return uint32(math.Float64bits(x)>>32) &^ (1 << 31) }

const (
	pi2   = 0x1.921fb54442d18p0   // half of pi
	pi2Lo = 0x1.1a62633145c07p-54 // the rest of it
)

// sumRest returns what s = x + y lacks to the sum.
func sumRest(x, y, s float64) float64 {
	if math.Abs(x) > math.Abs(y) {
		return x - s + y
	}
	return y - s + x
}
