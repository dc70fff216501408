package decimal_test

import (
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi/decimal"
)

func TestParseFloatOfLongNumbers(t *testing.T) {
	zeros := func(n int) string { return strings.Repeat("0", n) }
	for _, n := range []int{100, 779, 780, 781, 799, 800, 801, 810, 5000, 20_000, 100_000} {
		e := strconv.Itoa(n)
		for text, want := range map[string]float64{
			"1" + zeros(n) + "e-" + e:                    1,
			"-1" + zeros(n) + "E-" + e:                   -1,
			"+25" + zeros(n) + ".0e-" + e:                25,
			"0." + zeros(n) + "1e" + strconv.Itoa(n+1):   1,
			zeros(n) + "." + zeros(n) + "5e+" + e:        0.5,
			zeros(n) + "7":                               7,
			"7." + zeros(n):                              7,
			"0." + zeros(n) + "e" + e:                    0,
			"1" + zeros(n) + "e-99999999999999999999999": 0,
			// Halfway between 1 and the next float64: a tie goes to 1, a little more does not.
			"1.00000000000000011102230246251565404236316680908203125" + zeros(n):       1,
			"1.00000000000000011102230246251565404236316680908203125" + zeros(n) + "1": math.Nextafter(1, 2),
		} {
			got, err := decimal.ParseFloat(text)
			require.NoError(t, err, "%.20s… with %d zeros", text, n)
			assert.Equal(t, want, got, "%.20s… with %d zeros", text, n)
		}
		got, err := decimal.ParseFloat("-0." + zeros(n))
		require.NoError(t, err)
		assert.True(t, got == 0 && math.Signbit(got), "-0. with %d zeros keeps its sign", n)

		got, err = decimal.ParseFloat("-1" + zeros(n) + "e999999999999999999999")
		assert.ErrorIs(t, err, strconv.ErrRange)
		assert.True(t, math.IsInf(got, -1))
	}
}

// math/big rounds a decimal number of any length once, exactly.
func TestParseFloatRoundsAsMathBig(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		digits := make([]byte, 700+random.IntN(1500))
		for i := range digits {
			digits[i] = '0' + byte(random.IntN(10))
		}
		point := random.IntN(len(digits))
		text := string(digits[:point]) + "." + string(digits[point:]) + "e" + strconv.Itoa(random.IntN(660)-340-point)
		exact, _, err := big.ParseFloat(text, 10, 12_000, big.ToNearestEven)
		require.NoError(t, err)
		want, _ := exact.Float64()
		got, err := decimal.ParseFloat(text)
		if !errors.Is(err, strconv.ErrRange) {
			require.NoError(t, err)
		}
		assert.Equal(t, want, got, text)
	}
}

func TestParseFloatRefusesWhatStrconvRefuses(t *testing.T) {
	long := strings.Repeat("1", 1000)
	for _, text := range []string{"", ".", "1.2.3", "e5", "x", long + "e", long + "e+", long + "x", long + ".1.", long + "e5.5", "-" + strings.Repeat(".", 1000), strings.Repeat("e", 1000)} {
		_, err := decimal.ParseFloat(text)
		assert.ErrorIs(t, err, strconv.ErrSyntax, "%.20s", text)
	}
}

func TestDigits(t *testing.T) {
	for _, digits := range []string{"", "0", "1234567", "90123456", "0123456789", strings.Repeat("9", 100)} {
		for c := range 256 {
			if c >= '0' && c <= '9' {
				continue
			}
			for _, behind := range []string{"", "1", "12345678"} {
				text := digits + string([]byte{byte(c)}) + behind
				require.Equal(t, len(digits), decimal.Digits(text), "%q", text)
			}
		}
		assert.Equal(t, len(digits), decimal.Digits(digits))
	}
}
