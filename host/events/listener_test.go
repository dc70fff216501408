package events

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/sites"
	"github.com/picloud/picloud/host/store"
)

func TestCheckGlob(t *testing.T) {
	for _, c := range []struct{ glob, reason string }{
		{"orders", ""}, {"orders-*", ""}, {"*", ""}, {"a b/c%_?", ""}, {"é🦀*", ""}, {strings.Repeat("k", 512), ""},
		{"", "must be 1 to 512 bytes, got 0"},
		{strings.Repeat("k", 513), "must be 1 to 512 bytes, got 513"},
		{"a\n*", "must not contain control characters (U+000A at byte 1)"},
		{"a\xff", "must be UTF-8 (byte 1 is not)"},
		{"*a", `may have a * at its end only, got "*a"`},
		{"a*b", `may have a * at its end only, got "a*b"`},
		{"a**", `may have a * at its end only, got "a**"`},
	} {
		err := CheckGlob("collection", c.glob)
		if c.reason == "" {
			require.NoError(t, err, c.glob)
			continue
		}
		require.EqualError(t, err, "collection: "+c.reason)
	}
}

func TestGlobs(t *testing.T) {
	for _, c := range []struct{ globs, matched, others string }{ // apart by spaces
		{"orders", "orders", "order orders2 Orders o *"},
		{"orders-*", "orders- orders-1 orders-1-2 orders-*", "orders order orders_1 xorders-1"},
		{"*", "a orders é *", ""},
		{"a b*", "a b bb", "aa c"},
		{"ab* abc* b abd", "ab abc abcd abz b", "a ac bb"},
		{"z* a* m*", "a az m mm z zz", "b l n y"},
		{"é*", "é éa", "e ê"},
	} {
		var listeners []Listener
		for glob := range strings.FieldsSeq(c.globs) {
			listeners = append(listeners, Listener{Source: store.ChangeKV, Collection: glob})
		}
		kv := newApp(listeners).of(store.ChangeKV)
		for name := range strings.FieldsSeq(c.matched) {
			require.True(t, kv.has(name), "%q in %q", name, c.globs)
			require.NotEmpty(t, kv.of(store.Change{Collection: name}))
		}
		for name := range strings.FieldsSeq(c.others) {
			require.False(t, kv.has(name), "%q in %q", name, c.globs)
			require.Empty(t, kv.of(store.Change{Collection: name}))
		}
	}
}

// Whatever the globs, a collection is listened to if and only if one of them matches it.
func TestGlobsAreFound(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	word := func(most int) string {
		letters := make([]byte, random.IntN(most+1))
		for i := range letters {
			letters[i] = "ab\xff"[random.IntN(3)]
		}
		return string(letters)
	}
	for range 2000 {
		var listeners []Listener
		for range random.IntN(6) {
			listeners = append(listeners, Listener{Source: store.ChangeDocs, Collection: word(4) + []string{"", "*"}[random.IntN(2)]})
		}
		app := newApp(listeners)
		require.Nil(t, app.of(store.ChangeKV))
		for range 20 {
			name := word(6)
			want := false
			for _, l := range listeners {
				want = want || l.wants(store.Change{Collection: name})
			}
			docs := app.of(store.ChangeDocs)
			require.Equal(t, want, docs != nil && docs.has(name), "%q among %q", name, listeners)
		}
	}
}

// The files of static sites are no business of those who listen to all files.
func TestGlobsLeaveSitesOut(t *testing.T) {
	change := store.Change{Source: store.ChangeFiles, Collection: sites.Collection}
	require.False(t, Listener{Source: store.ChangeFiles, Collection: "*"}.wants(change))
	require.True(t, Listener{Source: store.ChangeFiles, Collection: sites.Collection}.wants(change))
}
