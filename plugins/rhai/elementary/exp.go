package elementary

import "math"

// The logarithm of 2 in three parts; products of the first two with integers of up to 11
// bits are exact.
const (
	ln2a = 0x1.62e42fefap-1
	ln2b = 0x1.cf79abc9e2p-40
	ln2c = 0x1.b39803f2f6af4p-80
)

// expm1Double returns e**a - 1 scaled down by 2**k: the result is (1+m) * 2**k - 1
// for the m returned. |a| must be below 750.
func expm1Double(a double) (m double, k int) {
	n := math.RoundToEven(a.hi * (1 / ln2.hi))
	r := twoSum(a.hi-float64(n*ln2a), a.lo)
	r = r.addFloat(-float64(n * ln2b)).addFloat(-float64(n * ln2c))
	// Taylor's series of a 64th, then six times squaring.
	r = r.scale(1.0 / 64)
	m = inverseFactorials[11]
	for i := 10; i >= 1; i-- {
		m = m.mul(r).add(inverseFactorials[i])
	}
	m = m.mul(r)
	for i := 0; i < 6; i++ {
		m = m.scale(2).add(m.mul(m))
	}
	return m, int(n)
}

// expDouble returns e**a rounded.
func expDouble(a double) float64 {
	switch {
	case a.hi > 710:
		return math.Inf(1)
	case a.hi < -746:
		return 0
	}
	m, k := expm1Double(a)
	m = m.addFloat(1)
	if k < -1020 {
		// Subnormal: round once, by adding at the magnitude that the result has.
		unit := math.Ldexp(1, -1074-k+52)
		sum := quickSum(unit, m.hi)
		return math.Ldexp(float64(sum.hi+(sum.lo+m.lo))-unit, k)
	}
	return math.Ldexp(m.float(), k)
}

// Exp returns e**x.
func Exp(x float64) float64 {
	if x != x {
		return x
	}
	return expDouble(double{x, 0})
}

// logDouble returns the natural logarithm of a positive, finite x.
func logDouble(x float64) double {
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m *= 2
		e--
	}
	// One step of Newton's method, from a good guess y: y + (m*exp(-y) - 1).
	y := math.Log(m)
	t, k := expm1Double(double{-y, 0})
	for ; k < 0; k++ { // |y| < 0.35, so k is 0 or nearly so
		t = t.scale(0.5).addFloat(-0.5)
	}
	for ; k > 0; k-- {
		t = t.scale(2).addFloat(1)
	}
	d := t.mulFloat(m).addFloat(m - 1)
	return ln2.mulFloat(float64(e)).add(d.addFloat(y))
}

// Log returns the natural logarithm of x.
func Log(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 1) {
		return math.Log(x)
	}
	return logDouble(x).float()
}

// Pow returns x**y, with the special cases of C's pow.
func Pow(x, y float64) float64 {
	if x == 0 || y == 0 || x == 1 || x != x || y != y || math.IsInf(x, 0) || math.IsInf(y, 0) {
		return math.Pow(x, y)
	}
	switch y {
	case 1:
		return x
	case 2:
		return x * x
	case -1:
		return 1 / x
	case 0.5:
		return math.Sqrt(x)
	}
	sign := 1.0
	if x < 0 {
		if !isInteger(y) {
			return math.NaN()
		}
		if math.Mod(y, 2) != 0 {
			sign = -1
		}
		x = -x
	}
	l := logDouble(x)
	switch p := l.hi * y; {
	case p > 710:
		return sign * math.Inf(1)
	case p < -746:
		return sign * 0
	case math.Abs(p) < 0x1p-60:
		return sign
	}
	return sign * expDouble(l.mulFloat(y))
}

// Expm1 returns e**x - 1.
func Expm1(x float64) float64 {
	switch {
	case x != x || x > 710 || math.Abs(x) < 0x1p-54:
		return math.Expm1(x)
	case x < -40:
		return -1
	}
	m, k := expm1Double(double{x, 0})
	if k == 0 {
		return m.float()
	}
	power := math.Ldexp(1, min(k, 1000))
	m = m.addFloat(1).scale(power).addFloat(-1)
	return math.Ldexp(m.float(), k-min(k, 1000))
}

// The hyperbolic functions and the decimal logarithm are not as accurate in C
// libraries as the others, since they combine rounded results of those. These do the same.

// Sinh returns the hyperbolic sine of x.
func Sinh(x float64) float64 {
	half, a := math.Copysign(0.5, x), math.Abs(x)
	switch {
	case x != x || a < 0x1p-28:
		return x
	case a >= 709.78:
		w := Exp(0.5 * a)
		return half * w * w
	case a >= 22:
		return half * Exp(a)
	}
	t := Expm1(a)
	if a < 1 {
		return half * (2*t - float64(t*t)/(t+1))
	}
	return half * (t + t/(t+1))
}

// Cosh returns the hyperbolic cosine of x.
func Cosh(x float64) float64 {
	a := math.Abs(x)
	switch {
	case x != x:
		return x
	case a >= 709.78:
		w := Exp(0.5 * a)
		return 0.5 * w * w
	case a >= 22:
		return 0.5 * Exp(a)
	case a < 0x1p-55:
		return 1
	case a < math.Ln2/2:
		t := Expm1(a)
		w := 1 + t
		return 1 + float64(t*t)/(w+w)
	}
	t := Exp(a)
	return float64(0.5*t) + 0.5/t
}

// Tanh returns the hyperbolic tangent of x.
func Tanh(x float64) float64 {
	a := math.Abs(x)
	switch {
	case x != x || a < 0x1p-55:
		return x
	case a >= 22:
		return math.Copysign(1, x)
	case a >= 1:
		return math.Copysign(1-2/(Expm1(2*a)+2), x)
	}
	t := Expm1(-2 * a)
	return math.Copysign(-t/(t+2), x)
}

// Log1p returns the natural logarithm of 1+x.
func Log1p(x float64) float64 {
	if !(x > -1) || math.IsInf(x, 1) || math.Abs(x) < 0x1p-53 {
		return math.Log1p(x)
	}
	if x > 0x1p60 {
		return Log(x)
	}
	s := twoSum(1, x)
	// log(hi + lo) = log(hi) + log(1 + lo/hi), where lo/hi is tiny.
	q := double{s.lo, 0}.div(double{s.hi, 0})
	q = q.sub(q.mul(q).scale(0.5))
	return logDouble(s.hi).add(q).float()
}

// The decimal logarithm of 2 in two parts; products of the first with integers of
// up to 11 bits are exact.
const (
	log2a = 0x1.34413509f6p-2
	log2b = math.Ln2/math.Ln10 - log2a
)

// Log10 returns the logarithm of x to the base of 10.
func Log10(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 1) {
		return math.Log10(x)
	}
	m, e := math.Frexp(x)
	if e--; e >= 0 {
		m *= 2
	} else {
		e++
	}
	y := float64(e)
	return (float64(y*log2b) + float64(1/math.Ln10*Log(m))) + float64(y*log2a)
}
