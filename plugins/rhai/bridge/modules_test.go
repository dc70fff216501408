package bridge_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/bridge"
)

// zones returns a host that knows time zones.
func zones(op abi.Op, request []byte) ([]byte, error) {
	if op != abi.OpTimeZone {
		return (&wire{}).call(op, request)
	}
	var r abi.TimeZoneRequest
	if _, err := r.UnmarshalMsg(request); err != nil {
		return nil, err
	}
	location, err := time.LoadLocation(r.Zone)
	if err != nil {
		return nil, &abi.OpError{Code: abi.OpCodeInvalid, Message: "time.zone: unknown time zone " + r.Zone}
	}
	at := time.Unix(r.Unix, 0).In(location)
	if r.Local {
		utc := time.Unix(r.Unix, 0).UTC()
		at = time.Date(utc.Year(), utc.Month(), utc.Day(), utc.Hour(), utc.Minute(), utc.Second(), 0, location)
	}
	name, offset := at.Zone()
	return (&abi.TimeZoneResponse{Offset: offset, Abbreviation: name}).MarshalMsg(nil)
}

// TestModules runs each script in a run of its own. A want that begins with "error: " is the
// message of a failure of the code "invalid".
func TestModules(t *testing.T) {
	for _, test := range []struct{ script, want string }{
		{`json::parse("{\"b\": [1, 2.0, null, true, \"\\u00e9\\ud83d\\ude00\"], \"a\": {\"$blob\": \"AP8=\"}}")`, `{"a":{"$blob":"AP8="},"b":[1,2.0,null,true,"é😀"]}`},
		{`json::parse(" 9223372036854775807 ")`, `9223372036854775807`},
		{`json::parse("9223372036854775808")`, `9223372036854776000.0`},
		{`json::parse("[1,]")`, `error: json::parse: invalid JSON at byte 3: unexpected ']'`},
		{`json::parse("")`, `error: json::parse: invalid JSON at byte 0: unexpected end`},
		{"json::parse(\"[\" + \"[\".to_string() + \"\")", `error: json::parse: invalid JSON at byte 2: unexpected end`},
		{`let s = ""; for i in 0..100 { s += "["; } for i in 0..100 { s += "]"; } json::parse(s)`, `error: json::parse: value nested more than 64 deep`},
		{`json::stringify(#{b: [1, 1.0, -0.5, (), 'c', "é\n\"\u0001"], a: blob(2, 255)})`, `"{\"a\":{\"$blob\":\"//8=\"},\"b\":[1,1.0,-0.5,null,\"c\",\"é\\n\\\"\\u0001\"]}"`},
		{`json::stringify(#{a: [], b: #{}, c: ["x,{\"", 1], d: #{e: 1}}, 2)`, `"{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    \"x,{\\\"\",\n    1\n  ],\n  \"d\": {\n    \"e\": 1\n  }\n}"`},
		{`json::parse(json::stringify(#{a: [[], #{}, "\\"]}, 1))`, `{"a":[[],{},"\\"]}`},
		{`json::stringify(1, 17)`, `error: json::stringify: indent must be between 0 and 16, got 17`},
		{`json::stringify([#{a: 0.0/0.0}])`, `error: json::stringify: value[0].a cannot leave the script: NaN`},
		{`json::stringify("x")`, `"\"x\""`},

		{`[base64::encode(""), base64::encode("f"), base64::encode("fo"), base64::encode("foo"), base64::encode(blob(3, 0xfb))]`, `["","Zg==","Zm8=","Zm9v","+/v7"]`},
		{`[base64::encode_url(blob(3, 0xfb)), base64::encode_url("f")]`, `["-_v7","Zg"]`},
		{`[base64::decode("Zg=="), base64::decode("Zg"), base64::decode(""), base64::decode_url("-_v7"), base64::decode_url("Zg==")]`,
			`[{"$blob":"Zg=="},{"$blob":"Zg=="},{"$blob":""},{"$blob":"+/v7"},{"$blob":"Zg=="}]`},
		{`base64::decode("Zm9*")`, `error: base64::decode: invalid character at byte 3`},
		{`base64::decode("Z")`, `error: base64::decode: the text is incomplete`},
		{`base64::decode_url("+/v7")`, `error: base64::decode_url: invalid character at byte 0`},
		{`[hex::encode("aé"), hex::encode(blob(1, 255)), hex::decode("00fFA9")]`, `["61c3a9","ff",{"$blob":"AP+p"}]`},
		{`hex::decode("0g")`, `error: hex::decode: invalid character at byte 1`},
		{`hex::decode("012")`, `error: hex::decode: the text has an odd number of digits`},

		{`url::encode("a b/é?&=+~-._*")`, `"a%20b%2F%C3%A9%3F%26%3D%2B~-._%2A"`},
		{`[url::decode("a%20b%C3%A9+"), url::decode("%2f")]`, `["a bé+","/"]`},
		{`url::decode("%2")`, `error: url::decode: % without two hexadecimal digits at byte 0`},
		{`url::decode("%zz")`, `error: url::decode: % without two hexadecimal digits at byte 0`},
		{`url::decode("%ff")`, `error: url::decode: what is encoded is not UTF-8`},
		{`url::parse("HTTPS://us%40er:pa:ss@Example.com:8443/a%2Fb/c?x=1&y=a+b%26&x=2&z#fr%20ag")`,
			`{"fragment":"fr ag","host":"example.com","password":"pa:ss","path":"/a%2Fb/c","port":8443,"query":{"x":"2","y":"a b&","z":""},"query_all":{"x":["1","2"],"y":["a b&"],"z":[""]},"scheme":"https","username":"us@er"}`},
		{`url::parse("/p?q")`, `{"fragment":"","host":"","password":"","path":"/p","port":null,"query":{"q":""},"query_all":{"q":[""]},"scheme":"","username":""}`},
		{`url::parse("http://[::1]:80").host`, `"[::1]"`},
		{`url::parse("mailto:a@b.c").path`, `"a@b.c"`},
		{`url::parse("")  .path`, `""`},
		{`url::parse("http://a b")`, `error: url::parse: space or control character at byte 8`},
		{`url::parse("http://a:99999")`, `error: url::parse: port must be between 0 and 65535, got "99999"`},
		{`url::parse("http://a:b@c:x")`, `error: url::parse: port must be between 0 and 65535, got "x"`},
		{`url::parse("http://[::1")`, `error: url::parse: [ without ] in the host`},
		{`url::parse("http://[::1]x")`, `error: url::parse: unexpected "x" after the host`},
		{`url::parse("http://a<b")`, `error: url::parse: invalid host "a<b"`},
		{`url::parse("1x:y")`, `error: url::parse: invalid scheme "1x"`},
		{`url::parse("/?a=%")`, `error: url::parse: query: % without two hexadecimal digits at byte 0`},
		{`url::build(#{scheme: "https", username: "a b", password: "c:d", host: "h.example", port: 8080, path: "p q/é%20", query: #{b: 1, a: "x y&"}, fragment: "f#"})`,
			`"https://a%20b:c%3Ad@h.example:8080/p%20q/%C3%A9%20?a=x%20y%26&b=1#f%23"`},
		{`url::build(#{path: "/a", port: ()})`, `"/a"`},
		{`url::build(url::parse("https://u@h:1/p/a?x=1#f"))`, `"https://u@h:1/p/a?x=1#f"`},
		{`url::build(#{hots: "x"})`, `error: url::build: unknown part "hots"; there are fragment, host, password, path, port, query, query_all, scheme, username`},
		{`url::build(#{host: 1})`, `error: url::build: host must be a string, got i64`},
		{`url::build(#{host: "a/b"})`, `error: url::build: invalid host "a/b"`},
		{`url::build(#{scheme: "javascript:x"})`, `error: url::build: invalid scheme "javascript:x"`},
		{`url::build(#{port: 80})`, `error: url::build: host is missing`},
		{`url::build(#{path: "//evil.example"})`, `error: url::build: path must not begin with // without a host`},
		{`url::build(#{host: "h", port: -1})`, `error: url::build: port must be between 0 and 65535, got -1`},
		{`url::build(#{query: #{a: #{}}})`, `error: url::build: query.a must be a string or an array of them, got map`},
		{`url::build(#{query: #{a: [1, "b c"], b: [], c: ()}})`, `error: url::build: query.c must be a string or an array of them, got ()`},
		{`url::build(#{path: "/", query: #{a: [1, "b c"], b: []}})`, `"/?a=1&a=b%20c"`},
		{`url::build(#{path: "/", query_all: #{a: [1, 2]}})`, `"/?a=1&a=2"`},
		{`let u = url::parse("/?a=1&a=2&b=3"); u.query.b = 4; url::build(u)`, `"/?a=1&a=2&b=4"`},
		{`let u = url::parse("/?a=1&a=2&b=3"); u.query.a = 5; u.query.remove("b"); url::build(u)`, `"/?a=5"`},

		{`[regex::is_match("^a+$", "aaa"), regex::is_match("^a+$", "aab"), regex::is_match("(?i)É", "é")]`, `[true,false,true]`},
		{`[regex::find("[0-9]+", "ab 12 34"), regex::find("x", "ab")]`, `["12",null]`},
		{`[regex::find_all("[0-9]+", "1 22 333"), regex::find_all("[0-9]+", "1 22 333", 2), regex::find_all("x*", "axb"), regex::find_all("y", "x"), regex::find_all("y", "y", 0)]`, `[["1","22","333"],["1","22"],["","x",""],[],[]]`},
		{`regex::captures("(a)|(b)", "xb")`, `["b",null,"b"]`},
		{`regex::captures("z", "xb")`, `null`},
		{`regex::named("(?P<year>\\d{4})-(?<month>\\d\\d)(-(\\d\\d))?", "on 2026-11")`, `{"month":"11","year":"2026"}`},
		{`regex::replace("(?P<f>\\w+) (\\w+)", "ada lovelace!", "$2, ${f} $$1 $9 $nope $ ${2}")`, `"lovelace, ada $1   $ lovelace!"`},
		{`[regex::replace("a", "banana", "o"), regex::replace("a", "banana", "o", 2), regex::replace("z", "banana", "o"), regex::replace("x*", "ab", "-"), regex::replace("a", "a", "")]`, `["bonono","bonona","banana","-a-b-",""]`},
		{`[regex::split(",\\s*", "a, b,c"), regex::split(",", "a,b,c", 2), regex::split("", "abc"), regex::split(",", ""), regex::split(",", "a,"), regex::split(",", "a", 0)]`, `[["a","b","c"],["a","b,c"],["a","b","c"],[""],["a",""],[]]`},
		{`regex::find("(", "x")`, `error: regex::find: invalid pattern: ( without )`},
		{`regex::find_all("a", "x", -1)`, `error: regex::find_all: limit must be at least 0, got -1`},
		{`regex::is_match("(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab")`, `false`},

		{`crypto::sha256("abc")`, `"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"`},
		{`crypto::sha1("abc")`, `"a9993e364706816aba3e25717850c26c9cd0d89d"`},
		{`crypto::hmac_sha1("Jefe", "what do ya want for nothing?")`, `"effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"`},
		{`crypto::hmac_sha512("Jefe", "what do ya want for nothing?")`, `"164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"`},
		{`[crypto::sha1_bytes("").len(), crypto::hmac_sha1_bytes("k", "").len(), crypto::hmac_sha512_bytes(blob(200), blob(1)).len()]`, `[20,20,64]`},
		{`html::escape("<a href=\"x\">Tom & 'Jerry'</a> é")`, `"&lt;a href=&quot;x&quot;&gt;Tom &amp; &#39;Jerry&#39;&lt;/a&gt; é"`},
		{`[html::escape(""), html::escape("plain é")]`, `["","plain é"]`},
		{`crypto::sha512("")`, `"cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"`},
		{`crypto::hmac_sha256("Jefe", "what do ya want for nothing?")`, `"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"`},
		{`[hex::encode(crypto::sha256_bytes("abc")) == crypto::sha256(hex::decode("616263")), crypto::sha512_bytes("").len(), hex::encode(crypto::hmac_sha256_bytes(blob(1), blob(0))) == crypto::hmac_sha256("\x00", "")]`, `[true,64,true]`},
		{`[crypto::constant_time_eq("a", "a"), crypto::constant_time_eq("a", "b"), crypto::constant_time_eq("a", "ab"), crypto::constant_time_eq("a", hex::decode("61"))]`, `[true,false,false,true]`},

		{`[time::now(), time::now_ms()]`, `["2026-11-18T11:06:40.128Z",1795000000128]`},
		{`[time::parse("1970-01-01T00:00:00Z"), time::parse("2026-11-23T20:03:08.1239+01:30"), time::parse("2000-02-29"), time::parse("1969-12-31t23:59:59.999z"), time::parse("0001-01-01T00:00:00Z"), time::parse("9999-12-31 23:59:59.999Z"), time::parse("2016-12-31T23:59:60Z")]`,
			`[0,1795458788123,951782400000,-1,-62135596800000,253402300799999,1483228800000]`},
		{`time::parse("2026-02-29")`, `error: time::parse: not a time of RFC 3339: day must be between 1 and 28, got 29`},
		{`time::parse("2026-13-01")`, `error: time::parse: not a time of RFC 3339: month must be between 1 and 12, got 13`},
		{`time::parse("2026-01-01T24:00:00Z")`, `error: time::parse: not a time of RFC 3339: hour must be between 0 and 23, got 24`},
		{`time::parse("2026-01-01T00:00:00")`, `error: time::parse: not a time of RFC 3339: expected an offset at byte 19 of the text`},
		{`time::parse("2026-01-01T00:00:00Zx")`, `error: time::parse: not a time of RFC 3339: expected the end at byte 20 of the text`},
		{`time::parse("tomorrow")`, `error: time::parse: not a time of RFC 3339: expected a year at byte 0 of the text`},
		{`time::parse("")`, `error: time::parse: not a time of RFC 3339: expected a year at byte 0 of the text`},
		{`time::parse("0000-01-01")`, `error: time::parse: not a time of RFC 3339: year must be between 1 and 9999, got 0`},
		{`time::parse("0001-01-01T00:00:00+01:00")`, `error: time::parse: the time must be between the years 1 and 9999, got -62135600400000 ms`},
		{`[time::parse("23 Nov 2026, 08:03 pm", "%d %b %Y, %I:%M %p"), time::parse("Monday, 1 JANUARY 2024", "%A, %e %B %Y"), time::parse("-1", "%s"), time::parse("2026-11-23 20:03:08.5 +0100", "%F %T.%L %z"), time::parse("100%", "%H0%%") ]`,
			`[1795464180000,1704067200000,-1000,1795460588500,36000000]`},
		{`time::parse("2026-07-01 12:00", "%F %H:%M", "Europe/Berlin")`, `1782900000000`},
		{`time::parse("2026-07-01 12:00 Z", "%F %H:%M %:z", "Europe/Berlin")`, `1782907200000`},
		{`time::parse("13 am", "%I %p")`, `error: time::parse: hour must be between 1 and 12, got 13`},
		{`time::parse("1", "%y")`, `error: time::parse: a text cannot be read by %y`},
		{`time::parse("1", "%Q")`, `error: time::parse: the pattern has no directive %Q`},
		{`time::parse("1", "%é")`, `error: time::parse: the pattern has no directive %é`},
		{`time::parse("1", "%")`, `error: time::parse: the pattern ends with %`},
		{`time::format(1795464188123)`, `"2026-11-23T20:03:08.123Z"`},
		{`time::format("2026-11-23T20:03:08.123+01:00", "%Y-%m-%d %H:%M:%S.%L %z %:z %Z|%F %T|%B %b %A %a %e %j %u %y %I %p %s %%")`,
			`"2026-11-23 20:03:08.123 +0100 +01:00 +01:00|2026-11-23 20:03:08|November Nov Monday Mon 23 327 1 26 08 PM 1795460588 %"`},
		{`[time::format(0, "%H:%M %Z", "Europe/Berlin"), time::format(1782900000000, "%H:%M %Z", "Europe/Berlin"), time::format(0, "%I%p %e")]`, `["01:00 CET","12:00 CEST","12AM  1"]`},
		{`time::format(0, "%H", "Mars/Olympus")`, `error: time.zone: unknown time zone Mars/Olympus`},
		{`time::format(0, "%H", "")`, `error: time::format: the zone must not be empty`},
		{`time::format(9223372036854775807)`, `error: time::format: the time must be between the years 1 and 9999, got 9223372036854775807 ms`},
		{`time::in_zone("2026-07-01T10:00:00Z", "America/St_Johns")`, `"2026-07-01T07:30:00.000-02:30"`},
		{`[time::add(0, #{days: 1, hours: -1, ms: 5}), time::add("2024-01-31T10:00:00+02:00", #{months: 1}), time::add("2024-02-29T00:00:00Z", #{years: 1}), time::add("2024-01-15T00:00:00Z", #{months: -13, weeks: 1}), time::add(5, #{days: ()})]`,
			`[82800005,"2024-02-29T10:00:00.000+02:00","2025-02-28T00:00:00.000Z","2022-12-22T00:00:00.000Z",5]`},
		// The night in which clocks go forward: a day later is 23 hours later.
		{`[time::add("2026-03-28T12:00:00Z", #{days: 1}, "Europe/Berlin"), time::add("2026-03-28T12:00:00Z", #{hours: 24}, "Europe/Berlin")]`, `["2026-03-29T13:00:00.000+02:00","2026-03-29T14:00:00.000+02:00"]`},
		{`time::add(0, #{day: 1})`, `error: time::add: unknown unit "day"; there are years, months, weeks, days, hours, minutes, seconds, ms`},
		{`time::add(0, #{days: 1.5})`, `error: time::add: days must be an integer, got f64`},
		{`time::add(0, #{years: 9223372036854775807})`, `error: time::add: years must be between -130430 and 130430, got 9223372036854775807`},
		{`time::add(0, #{years: 9000})`, `error: time::add: the time must be between the years 1 and 9999, got 284012611200000 ms`},
		{`[time::diff("2026-01-01", "2026-01-02"), time::diff(1000, 0), time::diff(0, 5400000, "hours"), time::diff(0, "1970-01-08", "weeks"), time::diff(0, 1, "ms")]`, `[86400000,-1000,1.5,1.0,1]`},
		{`time::diff(0, 1, "fortnights")`, `error: time::diff: unknown unit "fortnights"; there are weeks, days, hours, minutes, seconds, ms`},
		{`let t = "2026-11-25T20:03:08.123+01:00"; ["minute", "hour", "day", "week", "month", "year"].map(|u| time::start_of(t, u))`,
			`["2026-11-25T20:03:00.000+01:00","2026-11-25T20:00:00.000+01:00","2026-11-25T00:00:00.000+01:00","2026-11-23T00:00:00.000+01:00","2026-11-01T00:00:00.000+01:00","2026-01-01T00:00:00.000+01:00"]`},
		{`[time::start_of(1782900000000, "year", "Europe/Berlin"), time::start_of(-1, "day")]`, `[1767222000000,-86400000]`},
		{`time::start_of(0, "era")`, `error: time::start_of: unknown unit "era"; there are minute, hour, day, week, month, year`},
		{`time::parts("2024-12-31T23:59:58.007Z")`, `{"day":31,"hour":23,"minute":59,"month":12,"ms":7,"offset":0,"second":58,"weekday":2,"year":2024,"yearday":366,"zone":"UTC"}`},
		{`let p = time::parts(0, "Asia/Kathmandu"); [p.hour, p.minute, p.offset, p.zone]`, `[5,30,19800,"+0530"]`},

		{`random::int(5, 5)`, `5`},
		{`random::int(2, 1)`, `error: random::int: from must not be above to, got 2 and 1`},
		{`random::bytes(-1)`, `error: random::bytes: the length must be at least 0, got -1`},
		{`random::string(3, "")`, `error: random::string: the alphabet must not be empty`},
		{`random::choice([])`, `error: random::choice: the array must not be empty`},
		{`[random::bytes(0).len(), random::bytes(13).len(), random::string(0), random::string(5, "é"), random::choice([7]), random::shuffle([])]`, `[0,13,"","ééééé",7,[]]`},
		{`let a = [3, 1, 2]; let b = random::shuffle(a); b.sort(); [a, b]`, `[[3,1,2],[1,2,3]]`},
		{`type_of(random::float()) + type_of(random::bool()) + type_of(random::int(-9223372036854775808, 9223372036854775807))`, `"f64booli64"`},
	} {
		s := bridge.Session{Call: zones}
		if failure := s.Load(&abi.LoadRequest{Source: test.script}).Error; failure != nil {
			t.Errorf("%s\n%v", test.script, failure)
			continue
		}
		result := s.Run(&abi.RunRequest{Entropy: [32]byte{1}, UnixNano: 1_795_000_000_123_000_000})
		got := ""
		if result.Error != nil {
			got = "error: " + result.Error.Message
			got = got[:strings.LastIndex(got, " (line ")]
		} else {
			text, err := abi.AppendJSON(nil, result.Value)
			require.NoError(t, err)
			got = string(text)
		}
		if got != test.want {
			t.Errorf("%s\n got %s\nwant %s", test.script, got, test.want)
		}
	}
}

// TestRandomIsFresh: what is random depends on the whole entropy of a run, and only on that.
func TestRandomIsFresh(t *testing.T) {
	s := bridge.Session{Call: (&wire{}).call}
	require.Nil(t, s.Load(&abi.LoadRequest{Source: `[random::int(0, 9223372036854775807), random::string(16), random::bytes(8), uuid::v4(), uuid::v7(), random::float()]`}).Error)
	seen := map[string]bool{}
	run := func(entropy [32]byte) string {
		result := s.Run(&abi.RunRequest{Entropy: entropy, UnixNano: 1})
		require.Nil(t, result.Error)
		return string(result.Value)
	}
	for i := range 32 {
		var entropy [32]byte
		entropy[i] = 1
		value := run(entropy)
		assert.False(t, seen[value], "byte %d of the entropy does not count", i)
		seen[value] = true
		assert.Equal(t, value, run(entropy))
	}
}

func TestRandomSpread(t *testing.T) {
	got, failure := run(t, &wire{}, `
		let counts = [0, 0, 0, 0, 0, 0, 0]; let trues = 0; let sum = 0.0; let letters = #{}; let firsts = [0, 0, 0];
		for i in 0..7000 {
			counts[random::int(-3, 3) + 3] += 1;
			if random::bool() { trues += 1; }
			let f = random::float();
			if f < 0.0 || f >= 1.0 { throw f; }
			sum += f;
			letters[random::string(1)] = 1;
			firsts[random::shuffle([0, 1, 2])[0]] += 1;
		}
		let even = |n, mean| n > mean * 0.8 && n < mean * 1.2;
		[counts.all(|n| even.call(n, 1000.0)), even.call(trues, 3500.0), even.call(sum, 3500.0), letters.len(), firsts.all(|n| even.call(n, 2333.0))]`,
		abi.Limits{MaxOperations: 10_000_000})
	require.Nil(t, failure)
	assert.Equal(t, `[true,true,true,62,true]`, got)
}

func TestUUID(t *testing.T) {
	got, failure := run(t, &wire{}, `[uuid::v4(), uuid::v7(), uuid::v7(), uuid::v7()]`, abi.Limits{})
	require.Nil(t, failure)
	ids := strings.Split(strings.Trim(got, `[]"`), `","`)
	require.Len(t, ids, 4)
	for i, id := range ids {
		version := "7"
		if i == 0 {
			version = "4"
		}
		assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-`+version+`[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, id)
		if i > 1 {
			assert.Greater(t, id, ids[i-1], "those of version 7 are in the order of their making")
		}
	}
	assert.Equal(t, fmt.Sprintf("%012x", 1_795_000_000_128), strings.ReplaceAll(ids[1][:13], "-", ""), "the time")
}

// TestWorkIsCounted: long work counts operations and ends soon after the interrupt word is set.
func TestWorkIsCounted(t *testing.T) {
	const text = `let s = "ab"; while s.len() < 500000 { s += s; } let b = blob(90000, 7); let a = []; a.pad(50000, "xy"); `
	for _, script := range []string{
		`json::parse("\"" + s + "\"")`, `json::stringify(a)`, `json::stringify(s)`, `json::stringify(a, 2)`, `base64::encode(s)`, `base64::decode(base64::encode(b))`,
		`hex::encode(b)`, `hex::decode(hex::encode(b))`, `url::encode(s)`, `url::decode(s)`, `url::parse(s)`, `url::build(#{path: s})`,
		`regex::is_match("a+c", s)`, `regex::find_all("b", s.sub_string(0, 100000))`, `regex::replace("ab", s, "x")`, `regex::split("ab", s.sub_string(0, 100000))`, `regex::find("zzz", s)`,
		`random::bytes(90000)`, `random::string(500000)`, `random::shuffle(a)`, `crypto::sha256(s)`, `crypto::sha512(s)`, `crypto::hmac_sha256(s, s)`, `crypto::constant_time_eq(s, s + "")`,
		`time::format(0, s)`, `kv::collection("c").set("k", a)`, `kv::collection("c").set("k", s)`, `files::collection("c").create(#{name: "a", content_type: "b", data: s})`,
		`http::get(s)`, `http::get("u", #{headers: #{a: s}})`, `log::info("m", a)`,
	} {
		operations := func(source string) int64 {
			s := bridge.Session{Call: (&wire{answers: map[abi.Op]msgp.Marshaler{
				abi.OpKVSet: &abi.KVSetResponse{}, abi.OpFilesCreate: &abi.FilesInfoResponse{}, abi.OpHTTPRequest: &abi.HTTPResponse{},
			}}).call}
			failure := s.Load(&abi.LoadRequest{Source: source, Limits: abi.Limits{MaxOperations: 100_000_000}}).Error
			require.Nil(t, failure, source)
			result := s.Run(&abi.RunRequest{})
			require.Nil(t, result.Error, script)
			return result.Operations
		}
		if n := operations(text+script+";") - operations(text); n < 1000 {
			t.Errorf("%s counts %d operations, want at least 1000", script, n)
		}
	}
}
