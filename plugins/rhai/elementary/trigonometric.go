package elementary

import (
	"math"
	"math/bits"
)

// Half of pi in parts of 33 bits, whose products with integers of up to 20 bits are
// exact, and the rest.
const (
	pi2a = 0x1.921fb544p+0
	pi2b = 0x1.0b4611a6p-34
	pi2c = 0x1.3198a2ep-69
	pi2d = 0x1.b839a252049c1p-104
)

// twoOverPi is the fraction 2/pi in binary, most significant word first.
var twoOverPi = [...]uint64{
	0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561,
	0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484,
	0xe99c7026b45f7e41, 0x3991d639835339f4, 0x9c845f8bbdf9283b, 0x1ff897ffde05980f,
	0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d, 0x7527bac7ebe5f17b,
	0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab, 0xf0cfbc209af4361d,
}

// reduce returns x less the nearest multiple of half of pi, and that multiple's
// number modulo 4. x must be finite.
func reduce(x float64) (r double, quadrant int) {
	a := math.Abs(x)
	if a > 1<<20 {
		r, quadrant = reduceLarge(a)
	} else {
		n := math.RoundToEven(a * (1 / pi2.hi))
		r = twoSum(a-float64(n*pi2a), -float64(n*pi2b))
		r = r.addFloat(-float64(n * pi2c)).addFloat(-float64(n * pi2d))
		quadrant = int(n) & 3
	}
	if x < 0 {
		return r.neg(), -quadrant & 3
	}
	return r, quadrant
}

// reduceLarge does what reduce does by the method of Payne and Hanek: only those bits of x * 2/pi
// are computed that matter, 256 of them from the last two before the point.
func reduceLarge(x float64) (double, int) {
	fraction, e := math.Frexp(x)
	m := uint64(math.Ldexp(fraction, 53))
	// x = m * 2**(e-53). The word of 2/pi whose product with m reaches just above the
	// bits of weight 2 and 1 comes first.
	shift := e - 53 - 2 + 64
	first, bit := shift/64, uint(shift%64)
	word := func(i int) uint64 {
		i += first - 1
		at := func(i int) uint64 {
			if i < 0 || i >= len(twoOverPi) {
				return 0
			}
			return twoOverPi[i]
		}
		if bit == 0 {
			return at(i)
		}
		return at(i)<<bit | at(i+1)>>(64-bit)
	}
	var product [5]uint64 // of m and five words, modulo 2**320, most significant first
	carry := uint64(0)
	for i := 4; i >= 0; i-- {
		hi, lo := bits.Mul64(m, word(i))
		var c uint64
		product[i], c = bits.Add64(lo, carry, 0)
		carry = hi + c
	}
	quadrant := int(product[0] >> 62)
	// The fraction, with its sign: from -1/2 to 1/2.
	for i := 0; i < 4; i++ {
		product[i] = product[i]<<2 | product[i+1]>>62
	}
	negative := product[0]>>63 != 0
	if negative {
		quadrant++
		c := uint64(1)
		for i := 3; i >= 0; i-- {
			product[i], c = bits.Add64(^product[i], 0, c)
		}
	}
	f := double{}
	for i, scale := 0, 0x1p-32; i < 4; i, scale = i+1, scale*0x1p-64 {
		f = f.addFloat(float64(product[i]>>32) * scale).addFloat(float64(uint32(product[i])) * scale * 0x1p-32)
	}
	f = f.mul(pi2)
	if negative {
		f = f.neg()
	}
	return f, quadrant & 3
}

// sinCos returns the sine and cosine of r, at most 0.8 in magnitude, by Taylor's series.
func sinCos(r double) (sin, cos double) {
	square := r.mul(r).neg()
	sin, cos = inverseFactorials[27], inverseFactorials[28]
	for n := 25; n >= 1; n -= 2 {
		sin = sin.mul(square).add(inverseFactorials[n])
	}
	for n := 26; n >= 0; n -= 2 {
		cos = cos.mul(square).add(inverseFactorials[n])
	}
	return sin.mul(r), cos
}

// sinCosAny returns the sine and cosine of a finite x.
func sinCosAny(x float64) (sin, cos double) {
	r, quadrant := reduce(x)
	sin, cos = sinCos(r)
	switch quadrant {
	case 1:
		return cos, sin.neg()
	case 2:
		return sin.neg(), cos.neg()
	case 3:
		return cos.neg(), sin
	}
	return sin, cos
}

// Sin returns the sine of x in radians.
func Sin(x float64) float64 {
	switch {
	case isInfinite(x):
		return math.NaN()
	case math.Abs(x) < 0x1p-27:
		return x
	}
	sin, _ := sinCosAny(x)
	return sin.float()
}

// Cos returns the cosine of x in radians.
func Cos(x float64) float64 {
	if isInfinite(x) {
		return math.NaN()
	}
	_, cos := sinCosAny(x)
	return cos.float()
}

// Tan returns the tangent of x in radians.
func Tan(x float64) float64 {
	switch {
	case isInfinite(x):
		return math.NaN()
	case math.Abs(x) < 0x1p-28:
		return x
	}
	sin, cos := sinCosAny(x)
	return sin.div(cos).float()
}

// isInfinite reports whether x is an infinity or NaN.
func isInfinite(x float64) bool { return !(math.Abs(x) <= math.MaxFloat64) }

// Asin returns the angle whose sine is x.
func Asin(x float64) float64 {
	a := math.Abs(x)
	switch {
	case !(a <= 1):
		return math.NaN()
	case a == 1:
		return math.Copysign(pi2.hi, x)
	case a < 0x1p-28:
		return x
	}
	return math.Copysign(asinDouble(a).float(), x)
}

// asinDouble returns the angle whose sine is a, in 0..1.
func asinDouble(a float64) double {
	if a > 0.5 {
		return pi2.sub(acosDouble(a))
	}
	y := math.Asin(a)
	sin, cos := sinCosAny(y)
	return double{a, 0}.sub(sin).div(cos).addFloat(y)
}

// acosDouble returns the angle whose cosine is a, in 0.5..1: twice the angle whose sine is
// the root of (1-a)/2.
func acosDouble(a float64) double {
	square := (1 - a) / 2
	y := math.Asin(math.Sqrt(square))
	if y == 0 {
		return double{}
	}
	sin, cos := sinCosAny(y)
	d := double{square, 0}.sub(sin.mul(sin)).div(sin.mul(cos).scale(2))
	return d.addFloat(y).scale(2)
}

// Acos returns the angle whose cosine is x.
func Acos(x float64) float64 {
	switch {
	case !(math.Abs(x) <= 1):
		return math.NaN()
	case x > 0.5:
		return acosDouble(x).float()
	case x < -0.5:
		return pi2.scale(2).sub(acosDouble(-x)).float()
	case math.Abs(x) < 0x1p-60:
		return pi2.hi
	case x < 0:
		return pi2.add(asinDouble(-x)).float()
	}
	return pi2.sub(asinDouble(x)).float()
}

// Atan returns the angle whose tangent is x.
func Atan(x float64) float64 {
	a := math.Abs(x)
	switch {
	case x != x || a < 0x1p-28:
		return x
	case a > 0x1p60:
		return math.Copysign(pi2.hi, x)
	}
	return math.Copysign(angle(a, 1).float(), x)
}

// angle returns the angle of the point (x, y), both positive, by a step of Newton's method.
func angle(y, x float64) double {
	guess := math.Atan2(y, x)
	sin, cos := sinCosAny(guess)
	d := cos.mulFloat(y).sub(sin.mulFloat(x)).div(cos.mulFloat(x).add(sin.mulFloat(y)))
	return d.addFloat(guess)
}

// Atan2 returns the angle of the point (x, y).
func Atan2(y, x float64) float64 {
	if x != x || y != y || x == 0 || y == 0 || math.IsInf(x, 0) || math.IsInf(y, 0) {
		return math.Atan2(y, x)
	}
	ym, ye := math.Frexp(math.Abs(y))
	xm, xe := math.Frexp(math.Abs(x))
	if ye-xe > 60 || xe-ye > 500 || x < 0 && xe-ye > 60 {
		return math.Atan2(y, x)
	}
	at := angle(math.Ldexp(ym, ye-xe), xm)
	if x < 0 {
		at = pi2.scale(2).sub(at)
	}
	return math.Copysign(at.float(), y)
}

// Hypot returns the length of the line from (0, 0) to (x, y).
func Hypot(x, y float64) float64 {
	if x != x || y != y || math.IsInf(x, 0) || math.IsInf(y, 0) || x == 0 || y == 0 {
		return math.Hypot(x, y)
	}
	a, b := max(math.Abs(x), math.Abs(y)), min(math.Abs(x), math.Abs(y))
	_, e := math.Frexp(a)
	a, b = math.Ldexp(a, -e), math.Ldexp(b, -e)
	if b < 0x1p-60 {
		return math.Ldexp(a, e)
	}
	square := twoMul(a, a).add(twoMul(b, b))
	root := math.Sqrt(square.hi)
	rest := square.sub(twoMul(root, root)).hi / (2 * root)
	return math.Ldexp(root+rest, e)
}
