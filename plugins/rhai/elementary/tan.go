package elementary

import "math"

const (
	tanSmall = 0x1.f212dp-5 // 0.0608: up to here a series does
	tan3     = 0x1.5555555555555p-2
	tan5     = 0x1.11111111107c6p-3
	tan7     = 0x1.ba1ba1cdb8745p-5
	tan9     = 0x1.664ed49cfc666p-6
	tan11    = 0x1.2385a3cf2e4eap-7
)

// tanSeries returns tan(x) = x + x*xx*p: the p.
func tanSeries(xx float64) float64 {
	return fma(xx, fma(xx, fma(xx, fma(xx, tan11, tan9), tan7), tan5), tan3)
}

// Tan returns the tangent of x in radians.
func Tan(x float64) float64 {
	const pi2CD = -0x1.cb3b399d747f2p-55
	w := math.Abs(x)
	switch {
	case !(w <= math.MaxFloat64):
		return math.NaN()
	case w <= 0x1.b096cp-27:
		return x
	case w <= tanSmall:
		xx := x * x
		return fma(tanSeries(xx), x*xx, x)
	case w <= 0x1.92f1ap-1:
		return math.Copysign(tanNear(w, 0, false), x)
	case w <= 25:
		t := fma(x, twoOverPi, shift)
		n := t - shift
		t1 := fma(-n, pi2B, fma(-n, pi2A, x))
		a := fma(-n, pi2CD, t1)
		return tanReduced(a, fma(-n, pi2CD, t1-a), int(math.Float64bits(t)))
	}
	a, rest, n := 0.0, 0.0, 0
	if w <= 1e8 {
		a, rest, n = reduce(x)
	} else {
		a, rest, n = reduceLarge(x)
	}
	sum := a + rest
	return tanReduced(sum, sumRest(a, rest, sum), n)
}

// tanReduced returns the tangent of a + rest and quadrant quarters of the circle.
func tanReduced(a, rest float64, quadrant int) float64 {
	cotangent := quadrant&1 != 0
	if math.Abs(a) <= tanSmall {
		aa := a * a
		t := fma(a*aa, tanSeries(aa), rest)
		y := a + t
		if !cotangent {
			return y
		}
		// -1/(a+t)
		yy := sumRest(a, t, y)
		q := 1 / y
		p := float64(q * y)
		d := fma(-yy, q, (1-p)-fma(q, y, -p)) / y
		c := q + d
		return -(c + ((q - c) + d))
	}
	sign := 1.0
	if a < 0 {
		a, rest, sign = -a, -rest, -1
	}
	y := tanNear(a, rest, cotangent)
	if cotangent {
		return -sign * y
	}
	return sign * y
}

// tanNear returns the tangent or cotangent of w + rest, from the table's point near w, in 0.06 ..
// 0.79.
func tanNear(w, rest float64, cotangent bool) float64 {
	const (
		e0 = 0x1.5555555554dbdp-2
		e1 = 0x1.11112e0a6b45fp-3
	)
	e := &tanTable[int(256*w-15.5)]
	z := w - e[0] + rest
	zz := z * z
	p := fma(z*zz, fma(zz, e1, e0), z)
	tangent, cot := e[1], e[2]
	if cotangent {
		return cot - p*(tangent+cot)/(tangent+p)
	}
	return tangent + p*(tangent+cot)/(cot-p)
}
