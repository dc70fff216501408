package docs

import (
	"bytes"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/store"
)

// canonical is a JSON text as it is stored; ok is false if it is not JSON or cannot be stored.
func canonical(given []byte) (stored text, ok bool) {
	raw, err := abi.AppendFromJSON(nil, given)
	if err != nil {
		return nil, false
	}
	stored, err = abi.AppendJSON(nil, raw)
	return stored, err == nil
}

// Numbers are in the order of their exact values, for which math/big is asked.
func TestNumbersAreOrderedExactly(t *testing.T) {
	numbers := strings.Fields(`0 -0.0 1 -1 1.0 0.5 -0.5 0.1 5e-324 -5e-324 1e300 -1e300 1.7976931348623157e308
		9007199254740991 9007199254740992 9007199254740993 9007199254740992.0 9007199254740994.0 -9007199254740993 -9007199254740992.0
		4503599627370495.5 4503599627370495 4503599627370496 -4503599627370495.5
		9223372036854775806 9223372036854775807 9223372036854775808.0 9223372036854774784.0 9223372036854777856.0
		-9223372036854775808 -9223372036854775807 -9223372036854775808.0 -9223372036854777856.0 1152921504606846976 1152921504606847000.0`)
	exact := func(stored text) *big.Float {
		// A float stands for the nearest one, an integer for itself.
		precision := uint(53)
		if !bytes.ContainsAny(stored, ".e") {
			precision = 64
		}
		f, _, err := big.ParseFloat(string(stored), 10, precision, big.ToNearestEven)
		require.NoError(t, err)
		return f
	}
	for _, a := range numbers {
		for _, b := range numbers {
			x, _ := canonical([]byte(a))
			y, _ := canonical([]byte(b))
			want := exact(x).Cmp(exact(y))
			assert.Equal(t, want, x.number().compare(y.number()), "%s and %s", a, b)
			assert.Equal(t, want == 0, equal(x, y), "%s and %s", a, b)
		}
	}
}

// FuzzFilter sees to it that no filter and no document crash the service, that a filter and its
// negation divide the documents, and that the index leaves out none that matches.
func FuzzFilter(f *testing.F) {
	for _, filter := range []string{
		`{"a": 1, "b.c": "x"}`, `{"$or": [{"a": {"$in": [1, null, "x"]}}, {"b": 2}]}`, `{"a": {"$contains": "x"}, "$not": {"c": []}}`,
		`{"a.0": true}`, `{"a": {"$eq": {"$blob": "AAE="}}}`, `{"a": {"$gt": 1.5, "$lte": 9007199254740993}}`, `{"\\$a\\.b": null}`,
	} {
		for _, document := range []string{
			`{"a": 1.0, "b": {"c": "x"}}`, `{"a": ["x", true], "c": []}`, `{"a": {"$blob": "AAE="}}`, `{"$a.b": 9007199254740993}`, `{"a": "\u0000x\""}`,
		} {
			f.Add([]byte(filter), []byte(document))
		}
	}
	f.Fuzz(func(t *testing.T, filter, document []byte) {
		data, ok := canonical(document)
		raw, err := abi.AppendFromJSON(nil, filter)
		if !ok || err != nil {
			t.Skip()
		}
		condition, err := parseFilter(raw)
		if err != nil {
			return
		}
		matches := condition.match(&store.Document{Data: json.RawMessage(data)})
		require.NotEqual(t, matches, not{condition}.match(&store.Document{Data: json.RawMessage(data)}))
		if data.kind() != kindMap {
			return
		}
		terms := newTerms("app", "c")
		has := terms.ofDocument(data)
		for _, group := range narrow(condition, terms) {
			if matches {
				require.True(t, slices.ContainsFunc(group, func(term int64) bool { return slices.Contains(has, term) }),
					"%s matches %s, whose terms the index would not find", filter, data)
			}
		}
	})
}

// FuzzText looks at damaged texts.
func FuzzText(f *testing.F) {
	for _, damaged := range []string{`{"a":[1,{"b":"\"`, `{"a"`, `{"a":}`, `[,]`, `["`, `"\`, `{"$blob":"}`, `{"$blob":"AA=="}`, `{{`, `]`, `-`, ``} {
		f.Add([]byte(damaged), []byte(damaged))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		p, err := parsePath("p", "a.0.b")
		require.NoError(t, err)
		text(a).each(p, func(text) bool { return true })
		equal(a, b)
		compare(a, b)
		contains(a, b)
		merged(a, b)
		repeated(a)
		newTerms("app", "c").ofDocument(a)
		sortable(a).compare(sortable(b))
	})
}

// FuzzPatch compares with RFC 7396 as it is written there.
func FuzzPatch(f *testing.F) {
	f.Add([]byte(`{"a":"b","c":{"d":"e","f":"g"}}`), []byte(`{"a":"z","c":{"f":null},"x":{"y":null,"z":[null]}}`))
	f.Add([]byte(`{"a":{"$blob":"AAE="}}`), []byte(`{"a":{"$blob":"AAI="},"b":{"c":{"$blob":""}}}`))
	f.Fuzz(func(t *testing.T, target, patch []byte) {
		a, ok := canonical(target)
		b, alsoOK := canonical(patch)
		if !ok || !alsoOK || a.kind() != kindMap || b.kind() != kindMap {
			t.Skip()
		}
		if _, twice := repeated(a); twice {
			t.Skip()
		}
		if _, twice := repeated(b); twice {
			t.Skip()
		}
		got := merged(a, b)
		want, err := json.Marshal(mergePatch(decoded(t, a), decoded(t, b)))
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(got), "%s patched with %s", a, b)
		again, ok := canonical(got)
		require.True(t, ok)
		require.Equal(t, string(got), string(again), "the result is as it would be stored")
	})
}

// mergePatch is the pseudocode of RFC 7396, section 2.
func mergePatch(target, patch any) any {
	entries, ok := patch.(map[string]any)
	if !ok || isBlob(patch) {
		return patch
	}
	result, ok := target.(map[string]any)
	if !ok || isBlob(target) {
		result = map[string]any{}
	}
	for name, value := range entries {
		if value == nil {
			delete(result, name)
		} else {
			result[name] = mergePatch(result[name], value)
		}
	}
	return result
}

func isBlob(value any) bool {
	encoded, err := json.Marshal(value)
	stored, ok := canonical(encoded)
	return err == nil && ok && stored.kind() == kindBlob
}

func decoded(t *testing.T, stored text) (value any) {
	decoder := json.NewDecoder(bytes.NewReader(stored))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(&value))
	return value
}
