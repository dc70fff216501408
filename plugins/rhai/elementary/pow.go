package elementary

import "math"

// Pow returns x**y, with the special cases of C's pow.
func Pow(x, y float64) float64 {
	switch {
	case y == 0 || x == 1:
		return 1
	case x != x || y != y:
		return math.NaN()
	case math.Abs(y) > math.MaxFloat64 || x == 0 || math.Abs(x) > math.MaxFloat64:
		return math.Pow(x, y) // zero, one or infinity
	}
	sign := 1.0
	if x < 0 {
		switch {
		case y != math.Trunc(y):
			return math.NaN()
		case math.Mod(y, 2) != 0:
			sign = -1
		}
		x = -x
	}
	switch a := math.Abs(y); {
	case x == 1:
		return sign
	case a < 0x1p-65:
		if x > 1 {
			return 1 + y
		}
		return 1 - y
	case a >= 0x1p63:
		return sign * powExtreme((x > 1) == (y > 0))
	}
	hi, lo := logSum(normal(x))
	p := float64(y * hi)
	tail := fma(y, lo, fma(y, hi, -p))
	switch a := math.Abs(p); {
	case a < 0x1p-54:
		return sign * (1 + p)
	case a >= 1024:
		return sign * powExtreme(p > 0)
	}
	return expSum(p, tail, sign)
}

// powExtreme returns what is too large, or too small, for a float.
func powExtreme(large bool) float64 {
	if large {
		return math.Inf(1)
	}
	return 0
}

// logSum returns the natural logarithm of a positive float with these bits, in two parts.
func logSum(bits uint64) (hi, lo float64) {
	const (
		ln2Hi = 0x1.62e42fefa38p-1
		ln2Lo = 0x1.ef35793c7673p-45
		// Those of odd and even powers are multiplied with -1/2 once more each, as ar2 is.
		a1 = 0x1.555555555556p-2 * -2
		a2 = -0x1.0000000000006p-2 * -2
		a3 = 0x1.999999959554ep-3 * 4
		a4 = -0x1.555555529a47ap-3 * 4
		a5 = 0x1.2495b9b4845e9p-3 * -8
		a6 = -0x1.0002b8b263fc3p-3 * -8
	)
	z, k, i := logReduced(bits, 0x3fe6955500000000)
	entry := &powLogTable[i]
	r := fma(z, entry[0], -1) // exact
	t1 := fma(k, ln2Hi, entry[1])
	t2 := t1 + r
	lo1 := fma(k, ln2Lo, entry[2])
	lo2 := t1 - t2 + r
	ar := -0.5 * r
	ar2 := float64(r * ar)
	ar3 := r * ar2
	sum := t2 + ar2
	lo3 := fma(ar, r, -ar2)
	lo4 := t2 - sum + ar2
	p := fma(ar2, fma(r, a6, a5), fma(r, a4, a3))
	p = fma(ar2, p, fma(r, a2, a1))
	rest := fma(ar3, p, lo1+lo2+lo3+lo4)
	hi = sum + rest
	return hi, sum - hi + rest
}
