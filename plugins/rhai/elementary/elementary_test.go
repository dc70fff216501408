package elementary

import (
	"math"
	"math/rand/v2"
	"testing"
)

type one struct {
	name string
	f    func(float64) float64
	ref  func(float64) float64 // of package math: good to a few units in the last place
	from float64               // where the domain begins and ends for random arguments
	to   float64
}

var ones = []one{
	{"Sin", Sin, math.Sin, -1e6, 1e6},
	{"Cos", Cos, math.Cos, -1e6, 1e6},
	{"Tan", Tan, math.Tan, -1.5, 1.5},
	{"Asin", Asin, math.Asin, -1, 1},
	{"Acos", Acos, math.Acos, -1, 1},
	{"Atan", Atan, math.Atan, -100, 100},
	{"Sinh", Sinh, math.Sinh, -30, 30},
	{"Cosh", Cosh, math.Cosh, -30, 30},
	{"Tanh", Tanh, math.Tanh, -25, 25},
	{"Exp", Exp, math.Exp, -700, 700},
	{"Expm1", Expm1, math.Expm1, -50, 50},
	{"Log", Log, math.Log, 0, 1000},
	{"Log10", Log10, math.Log10, 0, 1000},
	{"Log1p", Log1p, math.Log1p, -1, 1000},
}

// same compares bits, but for the payload of NaN.
func same(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || a != a && b != b
}

// TestKnown has results of the C library that package math misses.
func TestKnown(t *testing.T) {
	tests := []struct{ what, got, want float64 }{
		{1, Pow(64, 1.5), 512},
		{2, Pow(64, -2.5), 3.0517578125e-5},
		{3, Pow(10, 0.3), 1.9952623149688795},
		{4, Pow(58.7, 4.2), 26808963.612212494},
		{5, Pow(51.1, 8.6), 492515316723388.06},
		{6, Acos(0.5), 1.0471975511965979},
		{7, Acos(0.9522837861673494), 0.3101631523835029},
		{8, Asin(0.9999999999999617), 1.5707960500181117},
		{9, Asin(-0.9341663364034632), -1.2059156207291546},
		{10, Atan(82.23707949436174), 1.5586369611866844},
		{11, Cos(61.078150595934446), -0.18188800981585576},
		{12, Cos(1.8814882947503423e54), -0.8525785851979337},
		{13, Sin(-1.6074529939425185e141), 0.1676951073518784},
		{14, Tan(84.33140759085695), -0.5354374604686065},
		{15, Exp(3.1891599021458505), 24.26803135587307},
		{16, Log(796.1812089351928), 6.679826809352258},
		{17, Log10(0.9999978010461141), -9.549945885870983e-7},
		{18, Log10(1000), 3},
		{19, Cosh(505.19254830361615), 1.2627170110798136e219},
		{20, Sinh(-4.0844890673287507e-7), -4.084489067328864e-7},
		{21, Tanh(4.184432227154555e-5), 4.1844322247123145e-5},
		{22, Hypot(93.7, -16.999936165110352), 95.22965835084061},
		{23, Atan2(1, -1), 2.356194490192345},
		{24, Sin(math.MaxFloat64), 0.004961954789184062},
		{25, Log(5e-324), -744.4400719213812},
		{26, Pow(5e-324, 0.3465), 9.427496581760688e-113},
		{27, Pow(1-0x1p-53, 1e15), 0.8949187898136988},
		{28, Pow(1+0x1p-52, 1e16), 9.21143870499353},
		// Where the C library's are not the nearest floats.
		{29, Sin(18.507912857115045), -0.3350356479441725},
		{30, Tanh(-0.8645654030525627), -0.6986024141177984},
		{31, 0.5 * Log1p(2), 0.5493061443340548},
		{32, Expm1(0.3214670096255287), 0x1.843fc4acdb62bp-02},
		{33, Sinh(6.497594284263414), 0x1.4bc55d398331ap+08},
		{34, Cosh(0.307793199313638), 0x1.0c38ea7fc73c4p+00},
		{35, Log1p(-0.9769196852599232), -0x1.e26739cc19086p+01},
		{36, Acos(0.9700686448272673), 0x1.f656edcafda24p-03},
		{37, Acos(-0.977339029059549), 0x1.76d280ebcffbcp+01},
	}
	for _, test := range tests {
		if test.got != test.want {
			t.Errorf("case %.0f: got %v, want %v", test.what, test.got, test.want)
		}
	}
}

// specials are arguments with a result of their own, and neighbours of the places where
// the functions change their method.
var specials = []float64{
	0, math.Copysign(0, -1), 1, -1, 0.5, -0.5, 2, -2, 3, -3, math.Inf(1), math.Inf(-1), math.NaN(),
	5e-324, -5e-324, 0x1p-1022, 0x1p-60, 0x1p-54, 0x1p-30, -0x1p-27, 1 - 0x1p-53, 1 + 0x1p-52, 0.3465, 0.3466, 1e-5,
	21.9, 22.1, 40.5, 700, 709.7, 709.79, 710.4, 711, -708.5, -740, -745.1, -745.2, -750,
	1 << 20, 1<<20 + 0.5, 1e22, -1e300, math.MaxFloat64, -math.MaxFloat64, math.Pi, math.Pi / 2, 355, 1e15, 1e16,
}

func TestSpecials(t *testing.T) {
	for _, fn := range ones {
		for _, x := range specials {
			got, want := fn.f(x), fn.ref(x)
			if fn.name == "Tan" && math.Abs(want) > 1e10 || math.Abs(x) == math.MaxFloat64 && math.Abs(want) < 1 || x == 5e-324 && want < -1 {
				continue // where math's are far off
			}
			if !same(got, want) && !(math.Abs(got-want) <= 4e-15*math.Abs(want)) {
				t.Errorf("%s(%v): got %v, want %v", fn.name, x, got, want)
			}
			if want == 0 && !same(got, want) {
				t.Errorf("%s(%v): got %v, want %v with its sign", fn.name, x, got, want)
			}
		}
	}
	twos := []struct {
		name   string
		f, ref func(x, y float64) float64
	}{{"Pow", Pow, math.Pow}, {"Atan2", Atan2, math.Atan2}, {"Hypot", Hypot, math.Hypot}}
	for _, fn := range twos {
		for _, x := range specials {
			for _, y := range specials {
				got, want := fn.f(x, y), fn.ref(x, y)
				if fn.name == "Atan2" && math.Abs(x) == 5e-324 {
					want = math.Copysign(want, x) // math's takes it for zero
				}
				tolerance := 4e-15 * math.Abs(want)
				if fn.name == "Pow" { // math's loses digits as the exponent grows
					tolerance = math.Abs(want)*1e-12 + 1e-320
					if x == 5e-324 || math.Abs(x-1) < 1e-10 && x != 1 {
						continue
					}
				}
				if !same(got, want) && !(math.Abs(got-want) <= tolerance) {
					t.Errorf("%s(%v, %v): got %v, want %v", fn.name, x, y, got, want)
				}
			}
		}
	}
}

// TestRandom compares with package math in the digits that it gets right.
func TestRandom(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, fn := range ones {
		for range 2000 {
			x := fn.from + random.Float64()*(fn.to-fn.from)
			got, want := fn.f(x), fn.ref(x)
			if math.Abs(got-want) > 1e-13*math.Max(math.Abs(want), 1e-2) {
				t.Fatalf("%s(%v): got %v, want about %v", fn.name, x, got, want)
			}
		}
	}
}

// TestReductions: the two ways to reduce an argument agree, and hold the digits next to
// multiples of pi/2.
func TestReductions(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		x := 1 + random.Float64()*(1<<20-1)
		a, aRest, qa := reduce(x)
		b, bRest, qb := reduceLarge(x)
		if qa != qb || math.Abs((a-b)+(aRest-bRest)) > 0x1p-85 {
			t.Fatalf("reduce(%v): %v in quadrant %d, by the other way %v in %d", x, a, qa, b, qb)
		}
	}
	// The double nearest to a multiple of pi/2 of all.
	if a, _, _ := reduceLarge(6381956970095103 * 0x1p797); math.Abs(a/4.687165924254627611122582801963884e-19-1) > 1e-12 {
		t.Errorf("worst case: got %v", a)
	}
}

// TestTables: what the tables say of their points holds.
func TestTables(t *testing.T) {
	near := func(what string, i int, got, want float64) {
		t.Helper()
		if !(math.Abs(got-want) <= 0x1p-50*math.Max(math.Abs(want), 0x1p-4)) {
			t.Errorf("%s %d: %v in the table, %v", what, i, got, want)
		}
	}
	for i, e := range sinCosTable {
		near("sine", i, e[0], math.Sin(float64(i)/128))
		near("cosine", i, e[2], math.Cos(float64(i)/128))
	}
	for i, e := range tanTable {
		near("point of tan", i, math.Round(256*e[0]), float64(i+16))
		near("tangent", i, e[1], math.Tan(e[0]))
		near("cotangent", i, e[2], 1/math.Tan(e[0]))
	}
	for i, e := range atanTable {
		near("point of atan", i, math.Round(256*e[0]), float64(i+16))
		near("arc of tangent", i, e[1], math.Atan(e[0]))
		near("its derivative", i, e[2], 1/(1+e[0]*e[0]))
	}
	for i := 0; i < len(exp2Table); i += 2 {
		near("power of 2", i, math.Float64frombits(exp2Table[i+1]+uint64(i/2)<<45), math.Exp2(float64(i)/256))
	}
	for i, e := range logTable {
		if math.Abs(e[1]+math.Log(e[0])) > 0x1p-42 { // few bits are kept, so that a multiple of ln 2 can be added exactly
			t.Errorf("logarithm %d: %v", i, e[1])
		}
	}
	for i, e := range powLogTable {
		near("logarithm for pow", i, e[1]+e[2], -math.Log(e[0]))
	}
	for i, r := range rootTable {
		z := 1 + (float64(i)+0.5)/64
		if i >= 64 {
			z = 2 * (1 + (float64(i-64)+0.5)/64)
		}
		if math.Abs(r*r*z/2-1) > 0.01 {
			t.Errorf("inverse root %d: %v for %v", i, r, z)
		}
	}
	for h := uint32(0x3fc00000); h < 0x3fef0000; h += 1 << 10 {
		a := math.Float64frombits(uint64(h) << 32)
		value, rest := asinNear(a, h)
		near("arcsine", int(h), value+rest, math.Asin(a))
	}
}

var sink float64

func BenchmarkPow(b *testing.B) {
	for b.Loop() {
		sink = Pow(1.5, 2.3)
	}
}

func BenchmarkSin(b *testing.B) {
	for b.Loop() {
		sink = Sin(1.5)
	}
}
