package elementary

import "math"

// Expm1 returns e**x - 1.
func Expm1(x float64) float64 {
	const (
		ln2Hi  = 6.93147180369123816490e-01
		ln2Lo  = 1.90821492927058770002e-10
		invLn2 = 1.44269504088896338700e+00
		q1     = -3.33333333333331316428e-02
		q2     = 1.58730158725481460165e-03
		q3     = -7.93650757867487942473e-05
		q4     = 4.00821782732936239552e-06
		q5     = -2.01099218183624371326e-07
	)
	a := high(x)
	switch {
	case x != x || a < 0x3c900000:
		return x
	case x > 7.09782712893383973096e+02:
		return math.Inf(1)
	case x < 0 && a >= 0x4043687a:
		return -1
	}
	// x becomes x + k*ln 2, less c that was lost.
	k, c := 0, 0.0
	if a > 0x3fd62e42 {
		hi, lo := 0.0, 0.0
		switch {
		case a >= 0x3ff0a2b2:
			k = int(float64(invLn2*x) + math.Copysign(0.5, x))
			t := float64(k)
			hi, lo = fma(-t, ln2Hi, x), float64(t*ln2Lo)
		case x > 0:
			hi, lo, k = x-ln2Hi, ln2Lo, 1
		default:
			hi, lo, k = x+ln2Hi, -ln2Lo, -1
		}
		x = hi - lo
		c = (hi - x) - lo
	}
	half := 0.5 * x
	hxs := float64(x * half)
	h2 := hxs * hxs
	r := fma(h2, fma(hxs, q3, q2), fma(hxs, q1, 1))
	r = fma(h2*h2, fma(hxs, q5, q4), r)
	t := fma(-r, half, 3)
	e := float64(hxs * ((r - t) / fma(-x, t, 6)))
	if k == 0 {
		return x - fma(x, e, -hxs)
	}
	e = fma(x, e-c, -c) - hxs
	switch {
	case k == -1:
		return float64(0.5*(x-e)) - 0.5
	case k == 1 && x < -0.25:
		return -2 * (e - (x + 0.5))
	case k == 1:
		return 1 + float64(2*(x-e))
	case k <= -2 || k > 56:
		return addExponent(1-(e-x), k) - 1
	case k < 20:
		return addExponent((1-math.Ldexp(1, -k))-(e-x), k)
	}
	return addExponent(x-(e+math.Ldexp(1, -k))+1, k)
}

// addExponent returns y * 2**k, by the bits of y.
func addExponent(y float64, k int) float64 {
	return math.Float64frombits(math.Float64bits(y) + uint64(k)<<52)
}

// Sinh returns the hyperbolic sine of x.
func Sinh(x float64) float64 {
	a, h := math.Abs(x), high(x)
	half := math.Copysign(0.5, x)
	switch {
	case x != x || h < 0x3e300000:
		return x
	case a < 1:
		t := Expm1(a)
		return half * (2*t - float64(t*t/(t+1)))
	case a < 22:
		t := Expm1(a)
		return half * (t + t/(t+1))
	case h < 0x40862e42:
		return half * Exp(a)
	case a <= 0x1.633ce8fb9f87dp9:
		w := Exp(0.5 * a)
		return half * w * w
	}
	return math.Copysign(math.Inf(1), x)
}

// Cosh returns the hyperbolic cosine of x.
func Cosh(x float64) float64 {
	a, h := math.Abs(x), high(x)
	switch {
	case x != x:
		return x
	case h < 0x3c800000:
		return 1
	case h < 0x3fd62e43:
		t := Expm1(a)
		w := 1 + t
		return 1 + t*t/(w+w)
	case a < 22:
		t := Exp(a)
		return float64(0.5*t) + 0.5/t
	case h < 0x40862e42:
		return 0.5 * Exp(a)
	case a <= 0x1.633ce8fb9f87dp9:
		w := Exp(0.5 * a)
		return 0.5 * w * w
	}
	return math.Inf(1)
}

// Tanh returns the hyperbolic tangent of x.
func Tanh(x float64) float64 {
	a, z := math.Abs(x), 1.0
	switch {
	case x != x || x == 0:
		return x
	case a < 0x1p-55:
		return x * (1 + x)
	case a < 1:
		t := Expm1(-2 * a)
		z = -t / (t + 2)
	case a < 22:
		z = 1 - 2/(Expm1(2*a)+2)
	}
	return math.Copysign(z, x)
}
