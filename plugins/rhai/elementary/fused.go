package elementary

import "math"

// fused works as [math.FMA], which is slow where there is no instruction for it: exact sums and
// products in pairs of floats, as of Knuth and Dekker, take less time. Before the last addition what
// is left is rounded to odd, so that to round once more does no harm (Boldo and Melquiond,
// "Emulation of FMA and correctly rounded sums"); in this form it is in FreeBSD's C library. Operands so large or small that an intermediate result would not be exact are left to
// package math.
func fused(x, y, z float64) float64 {
	const (
		least  = 1023 - 400 // of the exponents of x and y, as a float has them
		most   = 1023 + 400
		zMost  = 1023 + 900
		halves = 1<<27 + 1
	)
	ex := uint32(math.Float64bits(x)>>52) & 0x7ff
	ey := uint32(math.Float64bits(y)>>52) & 0x7ff
	ez := uint32(math.Float64bits(z)>>52) & 0x7ff
	if ex-least > most-least || ey-least > most-least || ez > zMost {
		if x == 0 || y == 0 {
			return float64(x*y) + z
		}
		return math.FMA(x, y, z)
	}
	// p + q = x * y.
	p := float64(x * y)
	t := float64(x * halves)
	x1 := t - (t - x)
	x2 := x - x1
	t = float64(y * halves)
	y1 := t - (t - y)
	y2 := y - y1
	q := float64(x2*y2) - (((p - float64(x1*y1)) - float64(x2*y1)) - float64(x1*y2))
	// s + r = p + z.
	s, r := twoSum(p, z)
	// What r + q loses matters only where s + tail lies half way between two floats: rest, what is
	// then left of it, is half the distance of two.
	tail := r + q
	sum := s + tail
	if rest := tail - (sum - s); rest != 0 && sum+2*rest-sum == 2*rest {
		return s + sumToOdd(r, q)
	}
	return sum
}

// sumToOdd returns x + y rounded to odd: if something is lost, the last bit becomes 1, towards it.
func sumToOdd(x, y float64) float64 {
	sum, lost := twoSum(x, y)
	if bits := math.Float64bits(sum); lost != 0 && bits&1 == 0 {
		if (lost > 0) == (sum > 0) {
			bits++
		} else {
			bits--
		}
		sum = math.Float64frombits(bits)
	}
	return sum
}

// twoSum returns x + y and what that lacks to the exact sum.
func twoSum(x, y float64) (sum, rest float64) {
	sum = x + y
	t := sum - x
	return sum, (x - (sum - t)) + (y - t)
}
