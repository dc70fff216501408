package kv_test

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/store"
)

// value is a value given as JSON.
func value(text string) kv.Value { return kv.JSON([]byte(text)) }

func (s subject) set(t *testing.T, key, text string, options kv.SetOptions) {
	t.Helper()
	set, err := s.Set(t.Context(), s.app, "c", key, value(text), options)
	require.NoError(t, err)
	require.True(t, set)
}

// value is what a key holds, "" if it is missing.
func (s subject) value(t *testing.T, key string) string {
	t.Helper()
	entry, err := s.Get(t.Context(), s.app, "c", key)
	has, hasErr := s.Has(t.Context(), s.app, "c", key)
	require.NoError(t, hasErr)
	require.Equal(t, err == nil, has)
	if err != nil {
		require.Equal(t, fault.NotFound, fault.Of(err))
	}
	return string(entry.Value)
}

// refused fails the test unless err refuses a field for the reason, "" for any.
func refused(t *testing.T, err error, field, reason string) {
	t.Helper()
	require.Equal(t, fault.Invalid, fault.Of(err), "%v", err)
	require.Equal(t, field, fault.From(err).Field)
	require.Contains(t, fault.From(err).Reason, reason)
}

func TestNames(t *testing.T) {
	onEach(t, func(t *testing.T, s subject) {
		for _, c := range []struct {
			name   string
			reason string // "": a good name
		}{
			{"a", ""}, {" ", ""}, {"a/b:c*%_'\"\\", ""}, {"..", ""}, {"é🦀\u2028\uFFFD", ""}, {"\u200B", ""}, {"\U0010FFFF", ""},
			{strings.Repeat("k", 512), ""}, {strings.Repeat("🦀", 128), ""},
			{"", "must be 1 to 512 bytes, got 0"},
			{strings.Repeat("k", 513), "must be 1 to 512 bytes, got 513"},
			{strings.Repeat("é", 257), "must be 1 to 512 bytes, got 514"},
			{"a\x00", "must not contain control characters (U+0000 at byte 1)"},
			{"é\n", "must not contain control characters (U+000A at byte 2)"},
			{"\x7f", "must not contain control characters (U+007F at byte 0)"},
			{"\u0085", "must not contain control characters (U+0085 at byte 0)"},
			{"é\xff", "must be UTF-8 (byte 2 is not)"},
			{"\xed\xa0\x80", "must be UTF-8 (byte 0 is not)"}, // half a surrogate pair
		} {
			ctx, one := t.Context(), value(`1`)
			for field, perform := range map[string]func(collection, key string) error{
				"get": func(collection, key string) error { _, err := s.Get(ctx, s.app, collection, key); return err },
				"has": func(collection, key string) error { _, err := s.Has(ctx, s.app, collection, key); return err },
				"set": func(collection, key string) error {
					_, err := s.Set(ctx, s.app, collection, key, one, kv.SetOptions{})
					return err
				},
				"incr": func(collection, key string) error { _, err := s.Incr(ctx, s.app, collection, key, 1); return err },
				"compare_and_set": func(collection, key string) error {
					_, err := s.CompareAndSet(ctx, s.app, collection, key, one, one)
					return err
				},
				"delete": func(collection, key string) error { _, err := s.Delete(ctx, s.app, collection, key); return err },
				"list": func(collection, prefix string) error {
					_, err := s.List(ctx, s.app, collection, prefix, store.PageRequest{})
					return err
				},
			} {
				asCollection, asKey := perform(c.name, "key"), perform("collection", c.name)
				if c.reason == "" {
					for _, err := range []error{asCollection, asKey} {
						require.True(t, err == nil || fault.Of(err) == fault.NotFound, "%s of %q: %v", field, c.name, err)
					}
					continue
				}
				refused(t, asCollection, "collection", c.reason)
				switch {
				case field != "list":
					refused(t, asKey, "key", c.reason)
				case c.name != "":
					refused(t, asKey, "prefix", c.reason)
				default:
					require.NoError(t, asKey, "every key begins with nothing")
				}
			}
		}
	})
}

func TestValues(t *testing.T) {
	onEach(t, func(t *testing.T, s subject) {
		for _, c := range []struct{ value, reason string }{
			{`null`, ""}, {`"\u0000"`, ""}, {`"\ud800"`, ""}, {`-0`, ""}, {`{"$blob":"AA=="}`, ""}, {`123456789012345678901234567890`, ""},
			{`"` + strings.Repeat("x", 1<<20-2) + `"`, ""},
			{strings.Repeat("[", 128) + strings.Repeat("]", 128), ""},
			{``, "invalid JSON at byte 0: unexpected end"},
			{`{"a":}`, "invalid JSON at byte 5: unexpected '}'"},
			{`1 2`, "invalid JSON at byte 2"},
			{`1e400`, "the number is out of range"},
			{`NaN`, "invalid JSON"},
			{"\"\xff\"", "invalid UTF-8"},
			{strings.Repeat("[", 130) + strings.Repeat("]", 130), "nested deeper than 128 levels"},
			{`"` + strings.Repeat("x", 1<<20-1) + `"`, "must be at most 1048576 bytes of JSON, got 1048577"},
		} {
			given := value(c.value)
			_, err := s.Set(t.Context(), s.app, "c", "k", given, kv.SetOptions{})
			_, oldErr := s.CompareAndSet(t.Context(), s.app, "c", "other", given, value(`1`))
			_, newErr := s.CompareAndSet(t.Context(), s.app, "c", "k", given, given)
			if c.reason != "" {
				refused(t, err, "value", c.reason)
				refused(t, oldErr, "old", c.reason)
				_, newErr = s.CompareAndSet(t.Context(), s.app, "c", "k", value(`1`), given)
				refused(t, newErr, "new", c.reason)
				continue
			}
			require.NoError(t, errors.Join(err, oldErr, newErr))
			if c.value != `null` { // by which compare_and_set deletes
				require.Equal(t, c.value, s.value(t, "k"))
			}
		}
		s.set(t, "k", " \r\n\t[ 1 ]\n", kv.SetOptions{})
		require.Equal(t, `[ 1 ]`, s.value(t, "k"), "nothing but the space around it is lost")
	})
}

func TestTTL(t *testing.T) {
	onEach(t, func(t *testing.T, s subject) {
		t.Run("limits", func(t *testing.T) {
			for _, c := range []struct {
				options kv.SetOptions
				field   string
				reason  string
			}{
				{kv.SetOptions{TTLMillis: new(int64(0))}, "ttl_ms", "must be 1 to 3153600000000, got 0"},
				{kv.SetOptions{TTLMillis: new(int64(-5))}, "ttl_ms", "must be 1 to 3153600000000, got -5"},
				{kv.SetOptions{TTLMillis: new(kv.MaxTTLMillis + 1)}, "ttl_ms", "must be 1 to 3153600000000, got 3153600000001"},
				{kv.SetOptions{TTLMillis: new(int64(math.MaxInt64))}, "ttl_ms", "must be 1 to"},
				{kv.SetOptions{TTLMillis: new(int64(1)), ExpiresAt: s.clock.Now()}, "expires_at", "must not be given beside ttl_ms"},
				{kv.SetOptions{ExpiresAt: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, "expires_at", "must be before the year 10000, got 10000"},
			} {
				_, err := s.Set(t.Context(), s.app, "c", "k", value(`1`), c.options)
				refused(t, err, c.field, c.reason)
			}
			s.set(t, "k", `1`, kv.SetOptions{TTLMillis: new(kv.MaxTTLMillis)})
			require.Equal(t, `1`, s.value(t, "k"))
		})
		t.Run("the whole of it", func(t *testing.T) {
			s.set(t, "k", `1`, kv.SetOptions{TTLMillis: new(int64(1500))})
			s.clock.advance(1500*time.Millisecond - time.Microsecond)
			require.Equal(t, `1`, s.value(t, "k"))
			s.clock.advance(time.Microsecond)
			require.Equal(t, ``, s.value(t, "k"))
			set, err := s.Set(t.Context(), s.app, "c", "k", value(`2`), kv.SetOptions{IfAbsent: true})
			require.NoError(t, err)
			require.True(t, set)
		})
		t.Run("kept by what changes a value", func(t *testing.T) {
			s.set(t, "n", `1`, kv.SetOptions{TTLMillis: new(int64(1000))})
			_, err := s.Incr(t.Context(), s.app, "c", "n", 1)
			require.NoError(t, err)
			swapped, err := s.CompareAndSet(t.Context(), s.app, "c", "n", value(`2`), value(`3`))
			require.NoError(t, err)
			require.True(t, swapped)
			s.clock.advance(time.Second)
			require.Equal(t, ``, s.value(t, "n"))
			sum, err := s.Incr(t.Context(), s.app, "c", "n", 1)
			require.NoError(t, err)
			require.EqualValues(t, 1, sum, "it begins anew")
			s.clock.advance(time.Hour)
			require.Equal(t, `1`, s.value(t, "n"), "and lasts")
		})
		t.Run("exported and restored", func(t *testing.T) {
			s.set(t, "lasting", `1`, kv.SetOptions{})
			s.set(t, "ending", `2`, kv.SetOptions{TTLMillis: new(int64(60_000))})
			exported, err := s.List(t.Context(), s.app, "c", "", store.PageRequest{})
			require.NoError(t, err)
			for _, entry := range exported.Items {
				set, err := s.Set(t.Context(), s.app, "copy", entry.Key, kv.JSON(entry.Value), kv.SetOptions{ExpiresAt: entry.ExpiresAt})
				require.NoError(t, err)
				require.True(t, set)
			}
			restored, err := s.List(t.Context(), s.app, "copy", "", store.PageRequest{})
			require.NoError(t, err)
			require.Equal(t, exported, restored)
		})
	})
}

func TestIncr(t *testing.T) {
	onEach(t, func(t *testing.T, s subject) {
		for _, c := range []struct {
			value  string // "": missing
			by     int64
			sum    int64
			field  string // "": it adds
			reason string
		}{
			{"", 5, 5, "", ""}, {"", 0, 0, "", ""}, {`41`, 1, 42, "", ""}, {`-1`, 1, 0, "", ""}, {`0`, math.MinInt64, math.MinInt64, "", ""},
			{`9223372036854775806`, 1, math.MaxInt64, "", ""}, {`9223372036854775807`, math.MinInt64, -1, "", ""},
			{`9223372036854775807`, 1, 0, "by", "9223372036854775807 + 1 does not fit into 64 bits"},
			{`-9223372036854775808`, -1, 0, "by", "-9223372036854775808 + -1 does not fit into 64 bits"},
			{`1.0`, 1, 0, "key", `"k" holds a float, not an integer of 64 bits`}, {`1e2`, 1, 0, "key", "a float"}, {`-0`, 1, 0, "key", "a float"},
			{`9223372036854775808`, 1, 0, "key", "a float"}, {`"1"`, 1, 0, "key", "a string"}, {`null`, 1, 0, "key", "unit"},
			{`true`, 1, 0, "key", "a bool"}, {`[1]`, 1, 0, "key", "an array"}, {`{"$blob":""}`, 1, 0, "key", "a map or blob"},
		} {
			_, err := s.Delete(t.Context(), s.app, "c", "k")
			require.NoError(t, err)
			if c.value != "" {
				s.set(t, "k", c.value, kv.SetOptions{})
			}
			sum, err := s.Incr(t.Context(), s.app, "c", "k", c.by)
			require.Equal(t, c.sum, sum)
			if c.field != "" {
				refused(t, err, c.field, c.reason)
				require.Equal(t, c.value, s.value(t, "k"))
				continue
			}
			require.NoError(t, err, "%s + %d", c.value, c.by)
			require.Equal(t, strconv.FormatInt(c.sum, 10), s.value(t, "k"))
		}
	})
}

func TestCompareAndSet(t *testing.T) {
	onEach(t, func(t *testing.T, s subject) {
		for _, c := range []struct {
			value, old, next string // "": missing
			swaps            bool
			after            string
		}{
			{"", `null`, `1`, true, `1`},
			{"", `null`, `null`, true, ""},
			{"", `1`, `2`, false, ""},
			{"", `0`, `2`, false, ""},
			{"", `""`, `2`, false, ""},
			{`1`, `null`, `2`, false, `1`},
			{`1`, `1`, `2`, true, `2`},
			{`1`, `1`, `1`, true, `1`},
			{`1`, `1`, `null`, true, ""},
			{`1`, `2`, `null`, false, `1`},
			{`null`, `null`, `2`, false, `null`},
			{`null`, `null`, `null`, false, `null`},
			{`null`, `1`, `2`, false, `null`},
			{`1`, `1.0`, `2`, false, `1`},
			{`100.0`, `1e2`, `2`, true, `2`},
			{`1.50`, `1.5`, `2`, true, `2`},
			{`"é\n"`, `"\u00e9\u000a"`, `2`, true, `2`},
			{`"a"`, `"b"`, `2`, false, `"a"`},
			{`"1"`, `1`, `2`, false, `"1"`},
			{`[1, 2]`, `[1,2]`, `2`, true, `2`},
			{`[1,2]`, `[2,1]`, `2`, false, `[1,2]`},
			{`[1,2]`, `[1]`, `2`, false, `[1,2]`},
			{`{"a":1,"b":{"x":[{"p":1,"q":2}],"y":1}}`, `{"b":{"y":1,"x":[{"q":2,"p":1}]},"a":1}`, `2`, true, `2`},
			{`{"a":1,"b":2}`, `{"a":2,"b":1}`, `3`, false, `{"a":1,"b":2}`},
			{`{"a":1,"b":2}`, `{"a":1}`, `3`, false, `{"a":1,"b":2}`},
			{`{"a":null}`, `{}`, `3`, false, `{"a":null}`},
			{`{"$blob":"AAE="}`, `{"$blob":"AAE="}`, `3`, true, `3`},
			{`{"$blob":"AAE="}`, `"AAE="`, `3`, false, `{"$blob":"AAE="}`},
		} {
			_, err := s.Delete(t.Context(), s.app, "c", "k")
			require.NoError(t, err)
			if c.value != "" {
				s.set(t, "k", c.value, kv.SetOptions{})
			}
			swapped, err := s.CompareAndSet(t.Context(), s.app, "c", "k", value(c.old), value(c.next))
			require.NoError(t, err)
			require.Equal(t, c.swaps, swapped, "%+v", c)
			require.Equal(t, c.after, s.value(t, "k"), "%+v", c)
		}
	})
}

// Without its app nothing is there and nothing can be made.
func TestNoSuchApp(t *testing.T) {
	onEach(t, func(t *testing.T, s subject) {
		s.set(t, "k", `1`, kv.SetOptions{})
		s.app = "another"
		require.Equal(t, ``, s.value(t, "k"))
		found, err := s.Delete(t.Context(), s.app, "c", "k")
		require.NoError(t, err)
		require.False(t, found)
		for _, ifAbsent := range []bool{false, true} {
			_, err = s.Set(t.Context(), s.app, "c", "k", value(`1`), kv.SetOptions{IfAbsent: ifAbsent})
			require.EqualError(t, err, "app not found")
		}
		_, err = s.Incr(t.Context(), s.app, "c", "k", 1)
		require.EqualError(t, err, "app not found")
		swapped, err := s.CompareAndSet(t.Context(), s.app, "c", "k", value(`1`), value(`2`))
		require.NoError(t, err)
		require.False(t, swapped)
	})
}

// clients performs something 64 times at once.
func clients(t *testing.T, perform func(i int) error) {
	t.Helper()
	var wait sync.WaitGroup
	errs := make([]error, 64)
	for i := range errs {
		wait.Go(func() { errs[i] = perform(i) })
	}
	wait.Wait()
	require.NoError(t, errors.Join(errs...))
}

func TestManyClients(t *testing.T) {
	onEach(t, func(t *testing.T, s subject) {
		t.Run("incr", func(t *testing.T) {
			clients(t, func(i int) error {
				for range 10 {
					if _, err := s.Incr(t.Context(), s.app, "c", "sum", int64(i)); err != nil {
						return err
					}
				}
				return nil
			})
			require.Equal(t, strconv.Itoa(10*64*63/2), s.value(t, "sum"))
		})
		t.Run("compare_and_set", func(t *testing.T) {
			for _, old := range []string{`null`, `{"a":1,"b":[2]}`} {
				if old != `null` {
					s.set(t, "lock", old, kv.SetOptions{})
				}
				won := make([]bool, 64)
				clients(t, func(i int) (err error) {
					won[i], err = s.CompareAndSet(t.Context(), s.app, "c", "lock", value(old), value(strconv.Itoa(i)))
					return err
				})
				holder, err := strconv.Atoi(s.value(t, "lock"))
				require.NoError(t, err)
				for i, w := range won {
					require.Equal(t, i == holder, w, "client %d, while %d holds the lock", i, holder)
				}
			}
		})
		// As scripts do who know no incr: read, add one, swap if nobody was faster.
		t.Run("compare_and_set until it succeeds", func(t *testing.T) {
			clients(t, func(int) error {
				for {
					old := value(`null`)
					n := 0
					entry, err := s.Get(t.Context(), s.app, "c", "loop")
					if err == nil {
						old = kv.JSON(entry.Value)
						n, _ = strconv.Atoi(string(entry.Value))
					} else if fault.Of(err) != fault.NotFound {
						return err
					}
					swapped, err := s.CompareAndSet(t.Context(), s.app, "c", "loop", old, value(strconv.Itoa(n+1)))
					if err != nil || swapped {
						return err
					}
				}
			})
			require.Equal(t, `64`, s.value(t, "loop"))
		})
	})
}
