package docs

import (
	"bytes"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/picloud/picloud/host/store"
)

// keyed are values of all types, with neighbours where one is apt to be wrong.
func keyed() []text {
	values := []text{
		nil, text("null"), text("false"), text("true"), text(`""`), text(`"\u0000"`), text(`"a"`), text(`"a\u0000"`), text(`"ab"`), text(`"b"`),
		text(`"\uffff"`), text(`"🦀"`), text(`[]`), text(`[1]`), text(`{}`), text(`{"a":1}`), text(`{"$blob":""}`),
		quoted(strings.Repeat("x", sortBytes)), quoted(strings.Repeat("x", sortBytes-1)), quoted(strings.Repeat("x", sortBytes+1)),
		quoted(strings.Repeat("x", sortBytes-1) + "ü"), quoted(strings.Repeat("x", sortBytes-1) + "üa"),
		quoted(strings.Repeat("x", sortBytes-3)), quoted(strings.Repeat("x", sortBytes-3) + "🦀"), quoted(strings.Repeat("x", sortBytes-4) + "🦀"),
		text("-0.0"), text("-1e-300"), text("-2e-300"), text("5e-324"), text("1e300"), text("-1e300"), text("1.7976931348623157e308"),
	}
	for _, i := range []int64{0, 1, -1, 255, 256, -256, 1 << 53, 1<<53 + 1, -1<<53 - 1, math.MaxInt64, math.MaxInt64 - 1, math.MinInt64, math.MinInt64 + 1} {
		values = append(values, strconv.AppendInt(nil, i, 10))
		for _, f := range []float64{float64(i), math.Nextafter(float64(i), 1e308), math.Nextafter(float64(i), -1e308), float64(i) + 0.5} {
			if number := strconv.FormatFloat(f, 'g', -1, 64); strings.ContainsAny(number, ".e") {
				values = append(values, text(number))
			} else {
				values = append(values, text(number+".0"))
			}
		}
	}
	return values
}

// The bytes of keys are in the order of the values.
func TestKeysAreInTheOrderOfValues(t *testing.T) {
	for _, a := range keyed() {
		for _, b := range keyed() {
			v, w := sortable(a), sortable(b)
			assert.Equal(t, v.compare(w), bytes.Compare(v.key(), w.key()), "%.40s and %.40s", a, b)
		}
		key := sortable(a).key()
		assert.True(t, bytes.Compare(key, everything.from) >= 0 && bytes.Compare(key, everything.to) < 0, "%.40s", a)
		assert.Negative(t, bytes.Compare(key, store.SeveralKey), "%.40s", a)
	}
}

// What an operator holds for has a key in its span.
func TestSpansHoldWhatMatches(t *testing.T) {
	for _, operator := range []string{"$eq", "$gt", "$gte", "$lt", "$lte"} {
		inside := 0
		for _, operand := range keyed() {
			if operand == nil {
				continue
			}
			s, ok := spanOf(operator, operand)
			assert.True(t, ok)
			c := &comparison{operator: operator, operand: operand}
			for _, value := range keyed() {
				key := sortable(value).key()
				in := bytes.Compare(key, s.from) >= 0 && bytes.Compare(key, s.to) < 0
				if c.holds(operator, value, false) {
					assert.True(t, in, "%.40s %s %.40s", value, operator, operand)
				}
				if in {
					inside++
				}
			}
		}
		assert.Less(t, inside, len(keyed())*len(keyed())*2/3, "%s leaves little out", operator)
	}
}

func TestPathsAreWrittenAsTheyAreRead(t *testing.T) {
	for _, name := range []string{"a", "address.city", "tags.0", `a\.b.c`, `\$id`, `a.\$b`, `a\\b`, "ä.🦀", `a"b`} {
		p, err := parsePath("path", name)
		assert.NoError(t, err, name)
		assert.Equal(t, name, p.String())
	}
	p, err := parsePath("path", `a\$b`)
	assert.NoError(t, err)
	assert.Equal(t, "a$b", p.String(), "where none is needed there is no backslash")
}
