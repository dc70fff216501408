package elementary

import "math"

const (
	twoOverPi = 0x1.45f306dc9c883p-1
	shift     = 0x1.8p52 // brings the units of a number to its last bit

	// Half of pi in parts whose products with small integers are exact.
	pi2A = 0x1.921fb58p0
	pi2B = -0x1.dde973cp-27
	pi2C = -0x1.cb3b398p-55
	pi2D = -0x1.d747f23e32ed7p-83
)

// reduce returns x less the nearest multiple of half of pi, in two parts, and that multiple's
// number modulo 4. |x| must be below 105,414,350.
func reduce(x float64) (a, rest float64, quadrant int) {
	t := fma(x, twoOverPi, shift)
	n := t - shift
	y := fma(-n, pi2B, fma(-n, pi2A, x))
	b := fma(-n, pi2C, y)
	rest = fma(-n, pi2C, y-b)
	a = fma(-n, pi2D, b)
	return a, rest + fma(-n, pi2D, b-a), int(math.Float64bits(t) & 3)
}

// twoOverPiDigits are the digits of 2/pi to the base of 2**24.
var twoOverPiDigits = [75]float64{
	10680707, 7228996, 1387004, 2578385, 16069853, 12639074, 9804092, 4427841, 16666979, 11263675,
	12935607, 2387514, 4345298, 14681673, 3074569, 13734428, 16653803, 1880361, 10960616, 8533493,
	3062596, 8710556, 7349940, 6258241, 3772886, 3769171, 3798172, 8675211, 12450088, 3874808,
	9961438, 366607, 15675153, 9132554, 7151469, 3571407, 2607881, 12013382, 4155038, 6285869,
	7677882, 13102053, 15825725, 473591, 9065106, 15363067, 6271263, 9264392, 5636912, 4652155,
	7056368, 13614112, 10155062, 1944035, 9527646, 15080200, 6658437, 6231200, 6832269, 16767104,
	5075751, 3212806, 1398474, 7579849, 6349435, 12618859, 4703257, 12806093, 14477321, 2786137,
	12875403, 9837734, 14528324, 13719321, 343717,
}

// split halves the bits of x.
func split(x float64) (hi, lo float64) {
	t := float64(x * (1<<27 + 1))
	hi = t - (t - x)
	return hi, x - hi
}

// reduceLarge returns reduce for any finite x.
func reduceLarge(x float64) (a, rest float64, quadrant int) {
	const (
		pi2Hi  = 0x1.921fb58p0 // half of pi in two halves of its bits
		pi2Lo2 = -0x1.dde974p-27
	)
	x *= 0x1p-600
	x1, x2 := split(x)
	b1, bb1, sum1 := multiples(x1)
	b2, bb2, sum2 := multiples(x2)
	sum := sum1 + sum2
	b := b1 + b2
	bb := sumRest(b1, b2, b)
	if b > 0.5 {
		b--
		sum++
	} else if b < -0.5 {
		b++
		sum--
	}
	s := b + (bb + bb1 + bb2)
	t := ((b - s) + bb) + (bb1 + bb2)
	// Times half of pi.
	t1, t2 := split(s)
	b = float64(s * pi2)
	bb = ((float64(t1*pi2Hi) - b) + float64(t1*pi2Lo2)) + float64(t2*pi2Hi)
	bb += float64(t2*pi2Lo2) + float64(s*pi2Lo) + float64(t*pi2)
	a = b + bb
	return a, (b - a) + bb, int(sum) & 3
}

// multiples returns x * 2**600 * 2/pi: the nearest integer modulo 4 or a little more, and the
// fraction in two parts.
func multiples(x float64) (b, bb, sum float64) {
	const large = 0x1.8p54 // brings what is 4 and more of a number to its last bits
	k := (int(math.Float64bits(x)>>52&0x7ff) - 450) / 24
	k = max(k, 0)
	scale := math.Float64frombits(uint64(0x63f-24*k) << 52)
	var r [6]float64
	for i := range r {
		r[i] = float64(float64(x*twoOverPiDigits[k+i]) * scale)
		scale *= 0x1p-24
	}
	for i := range 3 {
		s := (r[i] + shift) - shift
		sum += s
		r[i] -= s
	}
	t := 0.0
	for i := range r {
		t += r[5-i]
	}
	bb = (((((r[0] - t) + r[1]) + r[2]) + r[3]) + r[4]) + r[5]
	s := (t + shift) - shift
	sum += s
	t -= s
	b = t + bb
	bb = (t - b) + bb
	sum -= (sum + large) - large
	return b, bb, sum
}
