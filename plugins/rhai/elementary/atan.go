package elementary

import "math"

// Atan returns the angle whose tangent is x.
func Atan(x float64) float64 {
	a := math.Abs(x)
	switch {
	case x != x || a < 0x1.bb67ap-27:
		return x
	case a < 1.0/16:
		xx := x * x
		return fma(atanSeries(xx), x*xx, x)
	case a < 1:
		e := atanPoint(a)
		z := a - e[0]
		return math.Copysign(fma(z, atanRest(e, z), e[1]), x)
	case a >= 0x1.49ff2p52:
		return math.Copysign(pi2, x)
	}
	// pi/2 less the angle whose tangent is w = 1/a.
	w := 1 / a
	t := float64(w * a)
	loss := (1 - t) - fma(w, a, -t) // of w, as a part of it
	if a < 16 {
		e := atanPoint(w)
		z := fma(w, loss, w-e[0])
		return math.Copysign((pi2-e[1])+fma(-z, atanRest(e, z), pi2Lo), x)
	}
	ww := w * w
	p := float64(atanSeries(ww) * (w * ww))
	y := pi2 - w
	rest := ((pi2Lo + sumRest(pi2, -w, y)) - float64(w*loss)) - p
	return math.Copysign(y+rest, x)
}

// atanSeries returns atan(x) = x + x*xx*p: the p.
func atanSeries(xx float64) float64 {
	const (
		d3  = -0x1.5555555555555p-2
		d5  = 0x1.99999999997fdp-3
		d7  = -0x1.24924923f7603p-3
		d9  = 0x1.c71c6e5129a3bp-4
		d11 = -0x1.7458022b13c25p-4
		d13 = 0x1.375f08b31cbcep-4
	)
	return fma(xx, fma(xx, fma(xx, fma(xx, fma(xx, d13, d11), d9), d7), d5), d3)
}

// atanPoint returns the table's point near x, in 1/16 .. 1.
func atanPoint(x float64) *[7]float64 {
	return &atanTable[int((0x1p52+256*x)-0x1p52)-16]
}

// atanRest returns (atan(e[0]+z) - atan(e[0])) / z.
func atanRest(e *[7]float64, z float64) float64 {
	return fma(z, fma(z, fma(z, fma(z, e[6], e[5]), e[4]), e[3]), e[2])
}

// Atan2 returns the angle of the point (x, y).
func Atan2(y, x float64) float64 {
	const pi, piLo = 2 * pi2, 2 * pi2Lo
	ax, ay := math.Abs(x), math.Abs(y)
	if x != x || y != y || x == 0 || y == 0 || ax > math.MaxFloat64 || ay > math.MaxFloat64 {
		return math.Atan2(y, x) // multiples of pi/4
	}
	// Where one is much larger than the other.
	switch d := int(high(y)&0x7ff00000) - int(high(x)&0x7ff00000); {
	case d >= 57<<20:
		return math.Copysign(pi2, y)
	case d <= -57<<20 && x > 0:
		return math.Copysign(ay/ax, y)
	case d <= -57<<20:
		return math.Copysign(pi, y)
	}
	if ax < 0x1p-500 || ay < 0x1p-500 {
		ax, ay = float64(ax*0x1p500), float64(ay*0x1p500)
	}
	if ax > 0x1p500 || ay > 0x1p500 {
		ax, ay = float64(ax*0x1p-500), float64(ay*0x1p-500)
	}
	// u + du is the smaller one by the larger one.
	small, large := ay, ax
	if !(ay < ax) {
		small, large = ax, ay
	}
	u := small / large
	v := float64(large * u)
	du := ((small - v) - fma(large, u, -v)) / large

	if x > 0 && ay < ax {
		return math.Copysign(atanSum(u, du), y)
	}
	// What is added to a multiple of half of pi, or taken from it.
	base, baseLo, sign := pi2, pi2Lo, -1.0
	switch {
	case x > 0:
	case ax < ay:
		sign = 1
	default:
		base, baseLo = pi, piLo
	}
	if u < 1.0/16 {
		uu := u * u
		p := float64(u * uu * atanSeries(uu))
		t := base + sign*u
		rest := ((baseLo + sumRest(base, sign*u, t)) + sign*du) + sign*p
		return math.Copysign(t+rest, y)
	}
	e := atanPoint(u)
	z := (u - e[0]) + du
	return math.Copysign((base+sign*e[1])+fma(sign*z, atanRest(e, z), baseLo), y)
}

// atanSum returns the angle whose tangent is u + du, below 1.
func atanSum(u, du float64) float64 {
	if u < 1.0/16 {
		uu := u * u
		return u + fma(u*uu, atanSeries(uu), du)
	}
	e := atanPoint(u)
	t := u - e[0]
	z := t + du
	dz := sumRest(t, du, z)
	p := fma(fma(fma(e[6], z, e[5]), z, e[4]), z, e[3])
	return e[1] + fma(z, e[2], fma(dz, e[2], float64(z*z*p)))
}
