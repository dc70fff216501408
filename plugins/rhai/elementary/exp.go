package elementary

import "math"

// Exp returns e**x.
func Exp(x float64) float64 {
	switch {
	case math.Abs(x) < 0x1p-54 || x != x || x > math.MaxFloat64:
		return 1 + x
	case x >= 1024:
		return math.Inf(1)
	case x <= -1024:
		return 0
	}
	return expSum(x, 0, 1)
}

// expSum returns sign * e**(x+tail), for |x| in 2**-54 .. 1024 and a much smaller tail.
func expSum(x, tail, sign float64) float64 {
	const (
		inverse = 0x1.71547652b82fep0 * 128 // 128/ln 2
		ln2Hi   = -0x1.62e42fefap-8         // -ln 2/128
		ln2Lo   = -0x1.cf79abc9e3b3ap-47
		shift   = 0x1.8p52 // brings the units of a number to its last bit
		c2      = 0x1.ffffffffffdbdp-2
		c3      = 0x1.555555555543cp-3
		c4      = 0x1.55555cf172b91p-5
		c5      = 0x1.1111167a4d017p-7
	)
	// x = k*ln 2/128 + r.
	shifted := fma(inverse, x, shift)
	k := math.Float64bits(shifted)
	kf := shifted - shift
	r := fma(kf, ln2Lo, fma(kf, ln2Hi, x)) + tail
	i := k % 128 * 2
	bits := exp2Table[i+1] + k<<45 + math.Float64bits(sign)&(1<<63)
	// e**x = scale + scale*m.
	r2 := r * r
	m := fma(r2, fma(r, c3, c2), math.Float64frombits(exp2Table[i])+r)
	m = fma(r2*r2, fma(r, c5, c4), m)
	if math.Abs(x) >= 512 {
		return expExtreme(m, bits, int32(k) >= 0)
	}
	scale := math.Float64frombits(bits)
	return fma(scale, m, scale)
}

// expExtreme returns scale + scale*m, for a scale whose exponent, in bits, may have over- or
// underflowed.
func expExtreme(m float64, bits uint64, large bool) float64 {
	if large {
		scale := math.Float64frombits(bits - 1009<<52)
		return 0x1p1009 * fma(scale, m, scale)
	}
	scale := math.Float64frombits(bits + 1022<<52)
	product := float64(scale * m)
	y := scale + product
	if math.Abs(y) < 1 {
		// The result is subnormal: it is rounded once, by adding at the magnitude of 1.
		one := math.Copysign(1, y)
		lo := scale - y + product
		hi := one + y
		lo = one - hi + y + lo
		if y = hi + lo - one; y == 0 {
			y = math.Copysign(0, scale)
		}
	}
	return 0x1p-1022 * y
}
