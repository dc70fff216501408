package audit

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// anyValue is a value of JSON with all that makes it hard to read.
func anyValue(r *rand.Rand, depth int) any {
	switch n := r.IntN(8); {
	case n == 0:
		return nil
	case n == 1:
		return r.Float64()
	case n == 2:
		return r.IntN(2) == 0
	case n < 6 || depth == 0:
		return anyText(r)
	case n == 6:
		list := make([]any, r.IntN(4))
		for i := range list {
			list[i] = anyValue(r, depth-1)
		}
		return list
	}
	return anyObject(r, depth-1)
}

func anyText(r *rand.Rand) string {
	var text strings.Builder
	for range r.IntN(6) {
		text.WriteString([]string{`"`, `\`, `{`, `}`, `[`, `]`, `:`, `,`, "a", "é", "\n", "<"}[r.IntN(12)])
	}
	return text.String()
}

func anyObject(r *rand.Rand, depth int) map[string]any {
	object := map[string]any{}
	for range r.IntN(5) {
		object[anyText(r)] = anyValue(r, depth)
	}
	return object
}

// The fields of an object, and those that differ from another's, are what encoding/json makes of them.
func TestFields(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 0))
		before := anyObject(r, 3)
		after := maps.Clone(before)
		for name := range before {
			switch r.IntN(4) {
			case 0:
				delete(after, name)
			case 1:
				after[name] = anyValue(r, 2)
			}
		}
		after[anyText(r)] = anyValue(r, 2)
		was, err := json.Marshal(before)
		require.NoError(t, err)
		is, err := json.Marshal(after)
		require.NoError(t, err)
		for _, text := range [][]byte{was, is} {
			again, truncated := bounded(fieldsOf(text))
			require.Equal(t, string(text), string(again), "seed %d", seed)
			require.False(t, truncated)
		}
		wantBefore, wantAfter := map[string]any{}, map[string]any{}
		for name := range before {
			a, _ := json.Marshal(before[name])
			b, _ := json.Marshal(after[name])
			if _, stays := after[name]; !stays || string(a) != string(b) {
				wantBefore[name] = before[name]
			}
		}
		for name := range after {
			a, _ := json.Marshal(before[name])
			b, _ := json.Marshal(after[name])
			if _, was := before[name]; !was || string(a) != string(b) {
				wantAfter[name] = after[name]
			}
		}
		old, current := differing(fieldsOf(was), fieldsOf(is))
		for fields, want := range map[*[]field]map[string]any{&old: wantBefore, &current: wantAfter} {
			got, _ := bounded(*fields)
			wanted, err := json.Marshal(want)
			require.NoError(t, err)
			require.Equal(t, string(wanted), string(got), "seed %d: %s becomes %s", seed, was, is)
		}
	}
}

func TestBounded(t *testing.T) {
	object := func(sizes ...int) []field {
		fields := map[string]string{}
		for i, size := range sizes {
			fields[fmt.Sprintf("f%d", i)] = strings.Repeat("x", size)
		}
		text, err := json.Marshal(fields)
		require.NoError(t, err)
		return fieldsOf(text)
	}
	const around = len(`{"f0":""}`)
	for _, c := range []struct {
		sizes []int
		left  int
	}{
		{[]int{MaxShownBytes - around}, 1}, {[]int{MaxShownBytes - around + 1}, 0}, {[]int{10, MaxShownBytes, 20}, 2},
		{[]int{9000, 9000}, 1}, {[]int{20_000, 9000, 8000}, 1},
	} {
		text, truncated := bounded(object(c.sizes...))
		var left map[string]string
		require.NoError(t, json.Unmarshal(text, &left))
		assert.Len(t, left, c.left, "%v", c.sizes)
		assert.LessOrEqual(t, len(text), MaxShownBytes)
		assert.Equal(t, c.left < len(c.sizes), truncated)
	}
}
