//go:build unix

package docs_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/docs"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

func TestLifeOfADocument(t *testing.T) {
	onBoth(t, func(t *testing.T, f fixture) {
		made := f.create(t, "c", `{"b": 9223372036854775807, "a": [1.0, {"$blob": "AAE="}], "n": null}`)
		id, err := uuid.Parse(made.ID)
		require.NoError(t, err)
		require.Equal(t, uuid.Version(7), id.Version())
		require.Equal(t, int64(1), made.Version)
		require.Equal(t, `{"b":9223372036854775807,"a":[1.0,{"$blob":"AAE="}],"n":null}`, string(made.Data))
		got, err := f.Get(f.ctx, f.app, "c", made.ID)
		require.NoError(t, err)
		require.Equal(t, made, got)

		updated, err := f.Update(f.ctx, f.app, "c", made.ID, value(t, `{"x": {"y": 1}}`), new(int64(1)))
		require.NoError(t, err)
		require.Equal(t, int64(2), updated.Version)
		require.Equal(t, `{"x":{"y":1}}`, string(updated.Data))
		require.Equal(t, made.CreatedAt, updated.CreatedAt)

		patched, err := f.Patch(f.ctx, f.app, "c", made.ID, value(t, `{"x": {"z": 2}, "w": true}`), new(int64(2)))
		require.NoError(t, err)
		require.Equal(t, `{"x":{"y":1,"z":2},"w":true}`, string(patched.Data))
		require.Equal(t, int64(3), patched.Version)

		for name, change := range map[string]func(id string, version *int64) error{
			"update": func(id string, version *int64) error {
				_, err := f.Update(f.ctx, f.app, "c", id, value(t, `{}`), version)
				return err
			},
			"patch": func(id string, version *int64) error {
				_, err := f.Patch(f.ctx, f.app, "c", id, value(t, `{}`), version)
				return err
			},
		} {
			require.EqualError(t, change(made.ID, new(int64(2))), "document is at version 3, not at version 2", name)
			require.Equal(t, fault.NotFound, fault.Of(change(uuid.NewString(), new(int64(1)))), name)
			require.Equal(t, fault.NotFound, fault.Of(change("", nil)), name)
		}
		require.NoError(t, f.Delete(f.ctx, f.app, "c", made.ID))
		require.Equal(t, fault.NotFound, fault.Of(f.Delete(f.ctx, f.app, "c", made.ID)))
		_, err = f.Get(f.ctx, f.app, "c", made.ID)
		require.Equal(t, fault.NotFound, fault.Of(err))
	})
}

// What is found follows the data through every kind of change.
func TestIndexFollowsTheData(t *testing.T) {
	onBoth(t, func(t *testing.T, f fixture) {
		count := func(filter string) int {
			n, err := f.Count(f.ctx, f.app, "c", value(t, filter))
			require.NoError(t, err)
			return int(n)
		}
		doc := f.create(t, "c", `{"a": 1, "b": {"c": "x"}}`)
		require.Equal(t, 1, count(`{"a": 1, "b.c": "x"}`))
		_, err := f.Update(f.ctx, f.app, "c", doc.ID, value(t, `{"a": 2, "b": {"c": "x"}}`), nil)
		require.NoError(t, err)
		require.Equal(t, 0, count(`{"a": 1}`))
		require.Equal(t, 1, count(`{"a": 2, "b.c": "x"}`))
		_, err = f.Patch(f.ctx, f.app, "c", doc.ID, value(t, `{"a": null, "b": {"d": 5}}`), nil)
		require.NoError(t, err)
		require.Equal(t, 0, count(`{"a": 2}`))
		require.Equal(t, 1, count(`{"a": null, "b.c": "x", "b.d": 5}`))

		// One with more facts than are indexed is found all the same.
		var many strings.Builder
		for i := range 400 {
			fmt.Fprintf(&many, `"k%d": %d, `, i, i)
		}
		_, err = f.Update(f.ctx, f.app, "c", doc.ID, value(t, `{`+many.String()+`"last": {"x": "y"}}`), nil)
		require.NoError(t, err)
		require.Equal(t, 1, count(`{"k399": 399, "k0": 0, "last.x": "y"}`))
		require.Equal(t, 1, count(`{"$or": [{"k399": 399}, {"k1": 5}]}`))
		require.Equal(t, 0, count(`{"k399": 400}`))
		require.NoError(t, f.Delete(f.ctx, f.app, "c", doc.ID))
		require.Equal(t, 0, count(`{"k399": 399}`))
	})
}

func TestPatch(t *testing.T) {
	f := newFixture(t, databases["sqlite"])
	for _, c := range []struct{ data, patch, want string }{
		// The examples of RFC 7396, appendix A, whose documents are objects.
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		// And what they leave open.
		{`{"a":1,"b":2,"c":3}`, `{"c":4,"d":5,"a":6}`, `{"a":6,"b":2,"c":4,"d":5}`},
		{`{"a":1}`, `{}`, `{"a":1}`},
		{`{"a":1}`, `{"a":{"b":1,"c":null}}`, `{"a":{"b":1}}`},
		{`{"a":{"b":1}}`, `{"a":{"$blob":"AAE="}}`, `{"a":{"$blob":"AAE="}}`},
		{`{"a":{"$blob":"AAE="}}`, `{"a":{"b":1}}`, `{"a":{"b":1}}`},
		{`{"a":{"$blob":"AAE="}}`, `{"a":{"$blob":"AAI="}}`, `{"a":{"$blob":"AAI="}}`},
		{`{"a":{"$blob":"AAE="}}`, `{"a":null}`, `{}`},
		{`{"a":[null,{"b":null}]}`, `{"c":[null,{"b":null}]}`, `{"a":[null,{"b":null}],"c":[null,{"b":null}]}`},
		{`{"":1,"a\"b":1,"a\\":1,"é":1}`, `{"":2,"a\"b":null,"a\\":2,"é":2}`, `{"":2,"a\\":2,"é":2}`},
		{`{"n":9007199254740993,"f":1.0}`, `{"m":9223372036854775807}`, `{"n":9007199254740993,"f":1.0,"m":9223372036854775807}`},
	} {
		doc := f.create(t, "c", c.data)
		got, err := f.Patch(f.ctx, f.app, "c", doc.ID, value(t, c.patch), nil)
		require.NoError(t, err)
		assert.Equal(t, c.want, string(got.Data), "%s patched with %s", c.data, c.patch)
	}
}

func TestRefusals(t *testing.T) {
	onBoth(t, func(t *testing.T, f fixture) {
		doc := f.create(t, "c", `{"big": "`+strings.Repeat("x", docs.MaxDataBytes/2)+`"}`)
		infinity := msgp.AppendMapHeader(nil, 1)
		infinity = msgp.AppendString(infinity, "a")
		infinity = msgp.AppendArrayHeader(infinity, 2)
		infinity = msgp.AppendInt(infinity, 1)
		nan := 0.0
		infinity = msgp.AppendFloat64(infinity, nan/nan)
		for _, c := range []struct {
			data          msgp.Raw
			field, reason string
		}{
			{nil, "data", "is missing"},
			{value(t, `1`), "data", "must be a map, got a number"},
			{value(t, `[]`), "data", "must be a map, got an array"},
			{value(t, `null`), "data", "must be a map, got null"},
			{value(t, `{"$blob": ""}`), "data", "must be a map, got a blob"},
			{value(t, `{"a": {"b": 1, "b": 2}}`), "data.a.b", "the key occurs twice"},
			{value(t, `{"`+strings.Repeat("é", 5000)+`": {"b": 1, "b": 2}}`), "data." + strings.Repeat("é", 147) + "...", "the key occurs twice"},
			{infinity, "data.a[1]", "NaN"},
			{msgp.Raw{0x81, 0xa1, 'a'}, "data.a", "malformed"},
			{value(t, `{"a": "`+strings.Repeat("x", docs.MaxDataBytes-7)+`"}`), "data", "must be at most 1048576 bytes as JSON, got 1048577"},
		} {
			_, err := f.Create(f.ctx, f.app, "c", c.data)
			refused(t, err, c.field, c.reason)
			_, err = f.Update(f.ctx, f.app, "c", doc.ID, c.data, nil)
			refused(t, err, c.field, c.reason)
			_, err = f.Patch(f.ctx, f.app, "c", doc.ID, c.data, nil)
			refused(t, err, c.field, c.reason)
		}
		f.create(t, "c", `{"a": "`+strings.Repeat("x", docs.MaxDataBytes-8)+`"}`)
		_, err := f.Patch(f.ctx, f.app, "c", doc.ID, value(t, `{"more": "`+strings.Repeat("y", docs.MaxDataBytes/2)+`"}`), nil)
		refused(t, err, "data", "must be at most 1048576 bytes as JSON, would be 10485")
		got, err := f.Get(f.ctx, f.app, "c", doc.ID)
		require.NoError(t, err)
		require.Equal(t, doc, got)

		for name, reason := range map[string]string{
			"": "must be 1 to 512 bytes, got 0", strings.Repeat("x", 513): "must be 1 to 512 bytes, got 513",
			"a\nb": "control characters (U+000A at byte 1)", "a\x00": "control characters (U+0000 at byte 1)", "\u0085": "control characters",
			"a\xff": "must be UTF-8 (byte 1 is not)",
		} {
			errs := []error{f.Delete(f.ctx, f.app, name, doc.ID)}
			_, err := f.Create(f.ctx, f.app, name, value(t, `{}`))
			errs = append(errs, err)
			_, err = f.Get(f.ctx, f.app, name, doc.ID)
			errs = append(errs, err)
			_, err = f.Update(f.ctx, f.app, name, doc.ID, value(t, `{}`), nil)
			errs = append(errs, err)
			_, err = f.Patch(f.ctx, f.app, name, doc.ID, value(t, `{}`), nil)
			errs = append(errs, err)
			_, err = f.Find(f.ctx, f.app, name, docs.Query{})
			errs = append(errs, err)
			_, err = f.Count(f.ctx, f.app, name, nil)
			errs = append(errs, err)
			for _, err := range errs {
				refused(t, err, "collection", reason)
			}
		}
		f.create(t, strings.Repeat("é", 256), `{}`)
		f.create(t, "\uFFFD", `{}`)
	})
}

func TestPut(t *testing.T) {
	onBoth(t, func(t *testing.T, f fixture) {
		id := uuid.NewString()
		doc, created, err := f.Put(f.ctx, f.app, "c", id, value(t, `{"n": 1}`))
		require.NoError(t, err)
		require.True(t, created)
		require.Equal(t, id, doc.ID)
		doc, created, err = f.Put(f.ctx, f.app, "c", id, value(t, `{"n": 2}`))
		require.NoError(t, err)
		require.False(t, created)
		require.Equal(t, int64(2), doc.Version)
		require.Equal(t, `{"n":2}`, string(doc.Data))
		for _, bad := range []string{"", "x", strings.ToUpper(id), "{" + id + "}", id + "\x00"} {
			_, _, err = f.Put(f.ctx, f.app, "c", bad, value(t, `{}`))
			refused(t, err, "id", "must be a UUID in lower case")
		}
		_, _, err = f.Put(f.ctx, "nowhere", "c", id, value(t, `{}`))
		require.Equal(t, fault.NotFound, fault.Of(err))
	})
}

// An app that guesses another's ids, or does not exist, finds nothing.
func TestAppsAreApart(t *testing.T) {
	onBoth(t, func(t *testing.T, f fixture) {
		doc := f.create(t, "c", `{"secret": 1}`)
		mine := f.app
		for _, app := range []string{f.newApp(t, "other"), "nowhere", ""} {
			_, err := f.Get(f.ctx, app, "c", doc.ID)
			require.EqualError(t, err, "document not found")
			_, err = f.Update(f.ctx, app, "c", doc.ID, value(t, `{}`), new(int64(7)))
			require.EqualError(t, err, "document not found")
			_, err = f.Patch(f.ctx, app, "c", doc.ID, value(t, `{}`), new(int64(7)))
			require.EqualError(t, err, "document not found")
			require.EqualError(t, f.Delete(f.ctx, app, "c", doc.ID), "document not found")
			for _, filter := range []msgp.Raw{nil, value(t, `{"secret": 1}`), value(t, `{"secret": {"$gt": 0}}`)} {
				for _, order := range []msgp.Raw{nil, value(t, `{"secret": 1}`)} {
					page, err := f.Find(f.ctx, app, "c", docs.Query{Filter: filter, Sort: order})
					require.NoError(t, err)
					require.Empty(t, page.Items)
				}
				count, err := f.Count(f.ctx, app, "c", filter)
				require.NoError(t, err)
				require.Zero(t, count)
			}
			page, err := f.Collections(f.ctx, app, store.PageRequest{})
			require.NoError(t, err)
			require.Empty(t, page.Items)
		}
		got, err := f.Get(f.ctx, mine, "c", doc.ID)
		require.NoError(t, err)
		require.Equal(t, doc, got)
		page, err := f.Collections(f.ctx, mine, store.PageRequest{})
		require.NoError(t, err)
		require.Equal(t, []store.DocumentCollection{{Name: "c", Count: 1}}, page.Items)
	})
}

// A document comes back as it was given, through MessagePack too.
func TestValuesRoundTrip(t *testing.T) {
	onBoth(t, func(t *testing.T, f fixture) {
		for _, data := range []string{
			`{"ints":[0,-1,9007199254740993,9223372036854775807,-9223372036854775808]}`,
			`{"floats":[1.0,-0.0,0.1,1e300,5e-324,1.7976931348623157e308,9007199254740992.0]}`,
			`{"texts":["","\u0000","é","e\u0301","🦀","\uffff","\"\\/","\t\n\r"]}`,
			`{"blobs":[{"$blob":""},{"$blob":"AAE="},{"$blob":"no"},{"$blob":1},{"$blob":"","a":1}]}`,
			`{"z":1,"a":{"y":null,"b":{}},"":[[],[[]]],"$x":true,"a.b":false}`,
		} {
			raw := value(t, data)
			doc, err := f.Create(f.ctx, f.app, "c", raw)
			require.NoError(t, err)
			got, err := f.Get(f.ctx, f.app, "c", doc.ID)
			require.NoError(t, err)
			back, err := abi.AppendFromJSON(nil, got.Data)
			require.NoError(t, err)
			require.Equal(t, raw, back, data)
			require.True(t, json.Valid(got.Data))
		}
	})
}
