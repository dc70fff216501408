package elementary

import "math"

// Sin returns the sine of x in radians.
func Sin(x float64) float64 {
	switch h := high(x); {
	case h < 0x3e500000:
		return x
	case h < 0x3feb6000:
		return sine(x, 0)
	case h < 0x400368fd:
		return math.Copysign(cosine(pi2-math.Abs(x), pi2Lo), x)
	case h >= 0x7ff00000:
		return math.NaN()
	}
	return sineOrCosine(x, 0)
}

// Cos returns the cosine of x in radians.
func Cos(x float64) float64 {
	switch h := high(x); {
	case h < 0x3e400000:
		return 1
	case h < 0x3feb6000:
		return cosine(x, 0)
	case h < 0x400368fd:
		y := pi2 - math.Abs(x)
		a := y + pi2Lo
		return sine(a, (y-a)+pi2Lo)
	case h >= 0x7ff00000:
		return math.NaN()
	}
	return sineOrCosine(x, 1)
}

// sineOrCosine returns the sine of a finite x and so many quarters of the circle.
func sineOrCosine(x float64, quarters int) float64 {
	a, rest, n := 0.0, 0.0, 0
	if high(x) < 0x419921fb {
		a, rest, n = reduce(x)
	} else {
		a, rest, n = reduceLarge(x)
	}
	n += quarters
	y := 0.0
	if n&1 != 0 {
		y = cosine(a, rest)
	} else {
		y = sine(a, rest)
	}
	if n&2 != 0 {
		return -y
	}
	return y
}

// The coefficients of the series for what is left of an angle after the nearest 128th.
const (
	sin3 = -1.66666666666664880952546298448555e-01
	sin5 = 8.33333214285722277379541354343671e-03
	cos2 = 4.99999999999999999999950396842453e-01
	cos4 = -4.16666666666664434524222570944589e-02
	cos6 = 1.38888874007937613028114285595617e-03
)

// nearest returns the 128th of 1 that is nearest to a positive x, and its sine and cosine.
func nearest(x float64) (at float64, entry *[4]float64) {
	const shift = 0x1.8p45
	u := shift + x
	return u - shift, &sinCosTable[uint32(math.Float64bits(u))]
}

// cosine returns the cosine of x + dx, for |x| below 0.86.
func cosine(x, dx float64) float64 {
	if x < 0 {
		x, dx = -x, -dx
	}
	at, e := nearest(x)
	x = x - at + dx
	xx := x * x
	s := fma(x*xx, fma(xx, sin5, sin3), x)
	c := float64(xx * fma(xx, fma(xx, cos6, cos4), cos2))
	rest := fma(-sn(e), s, fma(-cs(e), c, fma(-s, e[1], e[3])))
	return cs(e) + rest
}

func sn(e *[4]float64) float64 { return e[0] }
func cs(e *[4]float64) float64 { return e[2] }

// sine returns the sine of x + dx, for |x| below 0.86.
func sine(x, dx float64) float64 {
	const (
		s1 = -0x1.5555555555555p-3
		s2 = 0x1.1111111110ecep-7
		s3 = -0x1.a01a019db08b8p-13
		s4 = 0x1.71de27b9a7ed9p-19
		s5 = -0x1.addffc2fcdf59p-26
	)
	a := math.Abs(x)
	if a < 0.126 {
		xx := x * x
		p := fma(xx, fma(xx, fma(xx, fma(xx, s5, s4), s3), s2), s1)
		return x + fma(xx, fma(x, p, -0.5*dx), dx)
	}
	if x <= 0 {
		dx = -dx
	}
	at, e := nearest(a)
	y := a - at
	yy := y * y
	s := y + fma(y*yy, fma(yy, sin5, sin3), dx)
	c := fma(y, dx, float64(yy*fma(yy, fma(yy, cos6, cos4), cos2)))
	rest := fma(cs(e), s, fma(-sn(e), c, fma(s, e[3], e[1])))
	return math.Copysign(sn(e)+rest, x)
}
