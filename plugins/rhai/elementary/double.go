// Package elementary has the elementary functions of floats with the results that
// the C library has for Rhai. Most of those are correctly rounded in 99.9 % of cases;
// the functions here are in all but one in millions. (Package math's differ in
// the last digit in up to two thirds of cases, and from one processor to another.
// Here no operation is fused, so that results are the same everywhere.)
//
// The method: reduce the argument, and compute with pairs of floats, which carry about
// 106 bits. It costs about a microsecond.
package elementary

import "math"

// double is the unevaluated sum of two floats, lo being at most half a unit in
// the last place of hi.
type double struct{ hi, lo float64 }

// The explicit conversions below keep the compiler from fusing a product into a sum.

// twoSum returns a+b exactly.
func twoSum(a, b float64) double {
	s := a + b
	t := s - a
	return double{s, (a - (s - t)) + (b - t)}
}

// quickSum returns a+b exactly, for |a| >= |b|.
func quickSum(a, b float64) double {
	s := a + b
	return double{s, b - (s - a)}
}

// split halves the 53 bits of a (Veltkamp).
func split(a float64) (hi, lo float64) {
	t := float64(a * 134217729)
	hi = t - (t - a)
	return hi, a - hi
}

// twoMul returns a*b exactly, barring underflow and overflow (Dekker).
func twoMul(a, b float64) double {
	p := float64(a * b)
	ah, al := split(a)
	bh, bl := split(b)
	e := float64(ah*bh) - p
	e += float64(ah * bl)
	e += float64(al * bh)
	return double{p, e + float64(al*bl)}
}

func (a double) add(b double) double {
	s, t := twoSum(a.hi, b.hi), twoSum(a.lo, b.lo)
	s = quickSum(s.hi, s.lo+t.hi)
	return quickSum(s.hi, s.lo+t.lo)
}

func (a double) addFloat(b float64) double {
	s := twoSum(a.hi, b)
	return quickSum(s.hi, s.lo+a.lo)
}

func (a double) neg() double { return double{-a.hi, -a.lo} }

func (a double) sub(b double) double { return a.add(b.neg()) }

func (a double) mul(b double) double {
	p := twoMul(a.hi, b.hi)
	e := float64(a.hi*b.lo) + float64(a.lo*b.hi)
	return quickSum(p.hi, p.lo+e)
}

func (a double) mulFloat(b float64) double {
	p := twoMul(a.hi, b)
	return quickSum(p.hi, p.lo+float64(a.lo*b))
}

func (a double) div(b double) double {
	q := a.hi / b.hi
	r := a.sub(b.mulFloat(q))
	q2 := r.hi / b.hi
	r = r.sub(b.mulFloat(q2))
	return quickSum(q, q2).addFloat(r.hi / b.hi)
}

// scale returns a times a power of two that loses nothing.
func (a double) scale(power float64) double { return double{a.hi * power, a.lo * power} }

func (a double) float() float64 { return a.hi + a.lo }

// inverseFactorials holds 1/n!.
var inverseFactorials = func() (f [29]double) {
	f[0] = double{1, 0}
	for n := 1; n < len(f); n++ {
		f[n] = f[n-1].div(double{float64(n), 0})
	}
	return f
}()

// The constants, as sums of floats.
var (
	ln2 = double{0.6931471805599453, 2.3190468138462996e-17}
	pi2 = double{1.5707963267948966, 6.123233995736766e-17} // half of pi
)

// isInteger reports whether x has no fraction.
func isInteger(x float64) bool { return x == math.Trunc(x) }
