package bridge_test

import (
	"testing"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/bridge"
)

// FuzzModules calls functions with hostile texts: none may panic, which in the guest would end the
// execution.
func FuzzModules(f *testing.F) {
	scripts := []string{
		`json::parse(ctx.a)`, `json::stringify(#{a: ctx.a}, ctx.n)`, `base64::decode(ctx.a)`, `base64::decode_url(ctx.a)`, `hex::decode(ctx.a)`,
		`url::parse(ctx.a)`, `url::decode(ctx.a)`, `url::build(#{host: ctx.a, path: ctx.b, scheme: ctx.c, port: ctx.n, query: #{a: ctx.a}})`, `url::build(url::parse(ctx.a))`,
		`regex::find_all(ctx.a, ctx.b, ctx.n)`, `regex::replace(ctx.a, ctx.b, ctx.c)`, `regex::split(ctx.a, ctx.b, ctx.n)`, `regex::named(ctx.a, ctx.b)`, `regex::captures(ctx.a, ctx.b)`,
		`time::parse(ctx.a, ctx.b)`, `time::parse(ctx.a, ctx.b, ctx.c)`, `time::format(ctx.n, ctx.a)`, `time::format(ctx.a, ctx.b, ctx.c)`, `time::add(ctx.n, #{years: ctx.n, days: ctx.n, hours: ctx.n})`,
		`time::add(ctx.a, #{months: ctx.n}, ctx.b)`, `time::parts(ctx.a)`, `time::diff(ctx.a, ctx.n, ctx.b)`, `time::start_of(ctx.n, ctx.a)`, `time::in_zone(ctx.n, ctx.a)`,
		`random::string(ctx.n, ctx.a)`, `random::bytes(ctx.n)`, `random::int(ctx.n, 9)`, `crypto::hmac_sha256(ctx.a, ctx.b)`, `crypto::constant_time_eq(ctx.a, ctx.b)`,
		`http::get(ctx.a, #{headers: #{a: ctx.b}, timeout_ms: ctx.n})`, `kv::collection(ctx.a).get(ctx.b)`,
	}
	sessions := make([]bridge.Session, len(scripts))
	for i, script := range scripts {
		// Zones have an offset that follows from the size of their request; other answers are the
		// request.
		sessions[i].Call = func(op abi.Op, request []byte) ([]byte, error) {
			if op == abi.OpTimeZone && len(request)%2 == 0 {
				return (&abi.TimeZoneResponse{Offset: len(request) * 100, Abbreviation: "X"}).MarshalMsg(nil)
			}
			return request, nil
		}
		if err := sessions[i].Load(&abi.LoadRequest{Source: script, Limits: abi.Limits{MaxOperations: 100_000}}).Error; err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), "2026-11-23T20:03:08Z", "%Y-%m (a|b)*", "$1", int64(5))
		f.Add(uint8(i), "https://u:p@h:1/p?a=%20#f", "é", "week", int64(-1))
	}
	f.Fuzz(func(t *testing.T, which uint8, a, b, c string, n int64) {
		if !utf8.ValidString(a) || !utf8.ValidString(b) || !utf8.ValidString(c) {
			t.Skip()
		}
		ctx := msgp.AppendMapHeader(nil, 4)
		for name, text := range map[string]string{"a": a, "b": b, "c": c} {
			ctx = msgp.AppendString(msgp.AppendString(ctx, name), text)
		}
		ctx = msgp.AppendInt64(msgp.AppendString(ctx, "n"), n)
		result := sessions[int(which)%len(scripts)].Run(&abi.RunRequest{Invocation: ctx})
		if result.Error == nil && len(result.Value) == 0 || result.Error != nil && result.Error.Message == "" {
			t.Errorf("%s gave neither a value nor an error", scripts[int(which)%len(scripts)])
		}
	})
}
