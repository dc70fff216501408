package elementary

import "math"

// Asin returns the angle whose sine is x.
func Asin(x float64) float64 {
	a, h := math.Abs(x), high(x)
	switch {
	case !(a <= 1):
		return math.NaN()
	case a == 1:
		return math.Copysign(pi2, x)
	case h < 0x3e500000:
		return x
	case h < 0x3fc00000:
		xx := x * x
		return fma(asinSeries(xx), xx*x, x)
	case h < 0x3fef0000:
		value, rest := asinNear(a, h)
		return math.Copysign(value+rest, x)
	}
	z := 0.5 * (1 - a)
	c, g := rootNear(z)
	y := (c + 1<<24) - 1<<24
	cc := fma(-y, y, z) / fma(c, g, y)
	p := asinSeries(z) * z
	rest := fma(-2*(y+cc), p, fma(-2, cc, pi2Lo))
	return math.Copysign((pi2-2*y)+rest, x)
}

// Acos returns the angle whose cosine is x.
func Acos(x float64) float64 {
	a, h := math.Abs(x), high(x)
	switch {
	case !(a <= 1):
		return math.NaN()
	case x == 1:
		return 0
	case x == -1:
		return 2 * pi2
	case h < 0x3c880000:
		return pi2
	case h < 0x3fc00000:
		xx := x * x
		r := pi2 - x
		return r + fma(-asinSeries(xx), xx*x, ((pi2-r)-x)+pi2Lo)
	case h < 0x3fef0000:
		value, rest := asinNear(a, h)
		if x > 0 {
			return (pi2 - value) + (pi2Lo - rest)
		}
		return (pi2 + value) + (pi2Lo + rest)
	}
	z := 0.5 * (1 - a)
	c, g := rootNear(z)
	w := float64(0x1p27 * c)
	y := (w + c) - w
	cc := fma(-y, y, z) / fma(c, g, y)
	p := float64(asinSeries(z) * z)
	p = float64(p * (y + cc))
	if x < 0 {
		return 2 * ((pi2 - y) + ((pi2Lo - cc) - p))
	}
	return 2 * (y + (cc + p))
}

// asinSeries returns asin(x) = x + x*xx*p: the p.
func asinSeries(xx float64) float64 {
	const (
		f1 = 1.66666666666664110590506577996662e-01
		f2 = 7.50000000026122686814431784722623e-02
		f3 = 4.46428561421059750978517350006940e-02
		f4 = 3.03821268582119319911193410625235e-02
		f5 = 2.23551211026525610742786300334557e-02
		f6 = 1.81382903404565056280372531963613e-02
	)
	return fma(fma(fma(fma(fma(f6, xx, f5), xx, f4), xx, f3), xx, f2), xx, f1)
}

// asinNear returns the arcsine of a, in 1/8 .. 0.97, as the value at the table's point near it and
// the rest. h is high(a).
func asinNear(a float64, h uint32) (value, rest float64) {
	first, size := uint32(0), uint32(0)
	switch {
	case h < 0x3fd00000:
		first, size = 11*(h&0xfffff>>15), 11
	case h < 0x3fe00000:
		first, size = 11*(h&0xfffff>>14)+352, 11
	case h < 0x3fe80000:
		first, size = 1056+h&0xfe000>>11*3, 12
	case h < 0x3fed8000:
		first, size = 992+h&0xfe000>>13*13, 13
	case h < 0x3fee8000:
		first, size = 884+h&0xfe000>>13*14, 14
	default:
		first, size = 768+h&0xfe000>>13*15, 15
	}
	e := asinTable[first:][:size]
	x := a - e[0]
	degree := size - 5 // of the series
	p := e[degree]
	for i := degree - 1; i >= 2; i-- {
		p = fma(x, p, e[i])
	}
	p = fma(x*x, p, e[degree+1])
	return e[degree+2], fma(e[1], x, p)
}

// rootNear returns the square root of z, in 0 .. 1/64, approximately, and the factor that corrects
// it.
func rootNear(z float64) (c, g float64) {
	const (
		rt0 = 9.99999999859990725855365213134618e-01
		rt1 = 4.99999999495955425917856814202739e-01
		rt2 = 3.75017500867345182581453026130850e-01
		rt3 = 3.12523626554518656309172508769531e-01
	)
	h := high(z)
	t := rootTable[h&0x1fffff>>14] * math.Float64frombits(uint64(1023+511-h>>21)<<52)
	r := fma(-(t * t), z, 1)
	t *= fma(r, fma(r, fma(r, rt3, rt2), rt1), rt0)
	c = t * z
	return c, fma(-0.5*t, c, 1.5)
}
