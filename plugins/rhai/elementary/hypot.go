package elementary

import "math"

// Hypot returns the length of the line from (0, 0) to (x, y).
func Hypot(x, y float64) float64 {
	x, y = math.Abs(x), math.Abs(y)
	switch {
	case x > math.MaxFloat64 || y > math.MaxFloat64:
		return math.Inf(1)
	case x != x || y != y:
		return math.NaN()
	}
	a, b := max(x, y), min(x, y)
	switch {
	case a > 0x1p511:
		if b <= a*0x1p-54 {
			return a + b
		}
		return hypotScaled(a*0x1p-600, b*0x1p-600) / 0x1p-600
	case b < 0x1p-459:
		if a >= b/0x1p-54 {
			return a + b
		}
		return hypotScaled(a/0x1p-600, b/0x1p-600) * 0x1p-600
	case b <= a*0x1p-54:
		return a + b
	}
	return hypotScaled(a, b)
}

// hypotScaled returns Hypot of a >= b > 0 whose squares are neither too large nor too small: the
// root of the sum, corrected once.
func hypotScaled(a, b float64) float64 {
	h := math.Sqrt(float64(a*a) + float64(b*b))
	t1, t2 := 0.0, 0.0
	if h <= 2*b {
		d := h - b
		t1 = float64(a * (2*d - a))
		t2 = float64((d - 2*(a-b)) * d)
	} else {
		d := h - a
		t1 = float64(2 * d * (a - 2*b))
		t2 = float64((4*d-b)*b) + float64(d*d)
	}
	return h - (t1+t2)/(2*h)
}
