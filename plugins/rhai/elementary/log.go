package elementary

import "math"

// logReduced finds z in 0x1.6p-1 .. 0x1.6p0, or as start says, such that the positive float of the
// given bits is 2**k * z, and the number of the 128th of that range z is in.
func logReduced(bits, start uint64) (z, k float64, i uint64) {
	from := bits - start
	return math.Float64frombits(bits - from&(0xfff<<52)), float64(int64(from) >> 52), from >> 45 % 128
}

// normal returns the bits of a positive x, with an exponent below the smallest one if x is
// subnormal.
func normal(x float64) uint64 {
	if x < 0x1p-1022 {
		return math.Float64bits(x*0x1p52) - 52<<52
	}
	return math.Float64bits(x)
}

// Log returns the natural logarithm of x.
func Log(x float64) float64 {
	const (
		ln2Hi = 0x1.62e42fefa38p-1
		ln2Lo = 0x1.ef35793c7673p-45
		a0    = -0x1.0000000000001p-1
		a1    = 0x1.555555551305bp-2
		a2    = -0x1.fffffffeb459p-3
		a3    = 0x1.999b324f10111p-3
		a4    = -0x1.55575e506c89fp-3
	)
	switch {
	case x != x || x > math.MaxFloat64:
		return x
	case x == 0:
		return math.Inf(-1)
	case x < 0:
		return math.NaN()
	case x >= 1-0x1p-4 && x < 1+0x1.09p-4:
		return logNearOne(x)
	}
	z, k, i := logReduced(normal(x), 0x3fe6000000000000)
	entry := &logTable[i]
	r := fma(z, entry[0], -1)
	w := fma(k, ln2Hi, entry[1])
	hi := w + r
	lo := fma(k, ln2Lo, w-hi+r)
	r2 := r * r
	p := fma(r2, fma(r, a4, a3), fma(r, a2, a1))
	return fma(r*r2, p, fma(r2, a0, lo)) + hi
}

// logNearOne returns the logarithm of x in 1-2**-4 .. 1+2**-4, by its series.
func logNearOne(x float64) float64 {
	const (
		b1  = 0x1.5555555555577p-2
		b2  = -0x1.ffffffffffdcbp-3
		b3  = 0x1.999999995dd0cp-3
		b4  = -0x1.55555556745a7p-3
		b5  = 0x1.24924a344de3p-3
		b6  = -0x1.fffffa4423d65p-4
		b7  = 0x1.c7184282ad6cap-4
		b8  = -0x1.999eb43b068ffp-4
		b9  = 0x1.78182f7afd085p-4
		b10 = -0x1.5521375d145cdp-4
	)
	if x == 1 {
		return 0
	}
	r := x - 1
	r2 := r * r
	r3 := r * r2
	p := fma(r3, b10, fma(r2, b9, fma(r, b8, b7)))
	p = fma(r3, p, fma(r2, b6, fma(r, b5, b4)))
	p = fma(r3, p, fma(r2, b3, fma(r, b2, b1)))
	// r - r*r/2 in two parts, from the upper half of the bits of r and the lower.
	w := float64(r * 0x1p27)
	rHi := r + w - w
	rLo := r - rHi
	square := rHi * rHi
	hi := fma(square, -0.5, r)
	lo := fma(square, -0.5, r-hi)
	lo = fma(-0.5*rLo, rHi+r, lo)
	return fma(r3, p, lo) + hi
}

// Log10 returns the logarithm of x to the base of 10.
func Log10(x float64) float64 {
	const (
		inverseLn10 = 4.34294481903251816668e-01
		log2Hi      = 3.01029995663611771306e-01
		log2Lo      = 3.69423907715893078616e-13
	)
	if !(x > 0) || x > math.MaxFloat64 {
		return Log(x)
	}
	k := 0
	if x < 0x1p-1022 {
		k, x = -54, x*0x1p54
	}
	bits := math.Float64bits(x)
	k += int(bits>>52) - 1023
	below := 0 // x becomes m, in 1 .. 2 or, for a negative k, in 1/2 .. 1
	if k < 0 {
		below = 1
	}
	m := math.Float64frombits(bits&(1<<52-1) | uint64(1023-below)<<52)
	y := float64(k + below)
	z := float64(y*log2Lo) + float64(inverseLn10*Log(m))
	return z + float64(y*log2Hi)
}

// Log1p returns the natural logarithm of 1+x.
func Log1p(x float64) float64 {
	const (
		ln2Hi = 6.93147180369123816490e-01
		ln2Lo = 1.90821492927058770002e-10
		p1    = 6.666666666666735130e-01
		p2    = 3.999999999940941908e-01
		p3    = 2.857142874366239149e-01
		p4    = 2.222219843214978396e-01
		p5    = 1.818357216161805012e-01
		p6    = 1.531383769920937332e-01
		p7    = 1.479819860511658591e-01
	)
	a := high(x)
	switch {
	case x != x || x > math.MaxFloat64:
		return x
	case x == -1:
		return math.Inf(-1)
	case x < -1:
		return math.NaN()
	case a < 0x3c900000:
		return x
	case a < 0x3e200000:
		return fma(-0.5, x*x, x)
	}
	// 1+x = 2**k * (1+f), and c is what was lost of x.
	k, f, c := 0, x, 0.0
	fraction := uint32(1) // of 1+f; 0: f is tiny
	if x > 0 && a >= 0x3fda827a || x < 0 && a >= 0x3fd2bec4 {
		u := x
		if a < 0x43400000 {
			u = 1 + x
		}
		k = int(high(u)>>20) - 1023
		if a < 0x43400000 {
			if k > 0 {
				c = 1 - (u - x)
			} else {
				c = x - (u - 1)
			}
			c /= u
		}
		low := math.Float64bits(u) & (1<<32 - 1)
		fraction = high(u) & 0xfffff
		if fraction < 0x6a09e {
			u = math.Float64frombits(uint64(fraction|0x3ff00000)<<32 | low)
		} else {
			k++
			u = math.Float64frombits(uint64(fraction|0x3fe00000)<<32 | low)
			fraction = (0x100000 - fraction) >> 2
		}
		f = u - 1
	}
	kf := float64(k)
	half := float64(0.5 * f * f)
	if fraction == 0 {
		if f == 0 {
			return fma(kf, ln2Hi, fma(kf, ln2Lo, c))
		}
		r := float64(half * fma(-0.66666666666666666, f, 1))
		return fma(kf, ln2Hi, f-(r-fma(kf, ln2Lo, c)))
	}
	s := f / (2 + f)
	z := s * s
	z2 := z * z
	z4 := z2 * z2
	r := fma(z, p1, float64(z2*fma(z, p3, p2)))
	r = fma(z4, fma(z, p5, p4), r)
	r = fma(z2*z4, fma(z, p7, p6), r)
	r = float64(s * (half + r))
	if k == 0 {
		return f - (half - r)
	}
	return fma(kf, ln2Hi, f-(half-(r+fma(kf, ln2Lo, c))))
}
