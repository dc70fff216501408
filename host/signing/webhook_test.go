package signing

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
)

// webhook is a request as a sender signed it.
type webhook struct {
	scheme, keys string
	headers      map[string]string
	body         string
	at           int64 // the present
}

func (w webhook) verify() error {
	header := func(name string) string { return w.headers[name] }
	return VerifyRequest(w.scheme, w.keys, header, []byte(w.body), time.Unix(w.at, 0), DefaultTolerance*time.Second)
}

// with returns a webhook with another header.
func (w webhook) with(name, value string) webhook {
	headers := map[string]string{name: value}
	for other, text := range w.headers {
		if other != name {
			headers[other] = text
		}
	}
	w.headers = headers
	return w
}

// What others have published. The one of Standard Webhooks is that of its libraries' tests, the one of
// GitHub that of its documentation. Stripe has published none: this is its documented header, with a key
// of ours.
var (
	standardWebhook = webhook{StandardWebhooks, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", map[string]string{
		"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330", "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
	}, `{"test": 2432232314}`, 1614265330}
	githubWebhook = webhook{GitHub, "It's a Secret to Everybody", map[string]string{
		"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
	}, "Hello, World!", 0}
	stripeWebhook = webhook{Stripe, "whsec_test_secret", map[string]string{
		"stripe-signature": "t=1492774577,v1=" + hex.EncodeToString(mac("whsec_test_secret", `1492774577.{"id":"evt_1"}`)) + ",v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39",
	}, `{"id":"evt_1"}`, 1492774577}
)

func mac(key, text string) []byte {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(text))
	return m.Sum(nil)
}

func TestPublishedWebhooks(t *testing.T) {
	for _, w := range []webhook{standardWebhook, githubWebhook, stripeWebhook} {
		t.Run(w.scheme, func(t *testing.T) {
			assert.NoError(t, w.verify())
			for what, forged := range map[string]webhook{
				"another body": {w.scheme, w.keys, w.headers, w.body + " ", w.at},
				"no body":      {w.scheme, w.keys, w.headers, "", w.at},
				"another key":  {w.scheme, "whsec_" + base64.StdEncoding.EncodeToString([]byte("another")), w.headers, w.body, w.at},
				"no headers":   {w.scheme, w.keys, nil, w.body, w.at},
			} {
				assert.Equal(t, fault.Unauthorized, fault.Of(forged.verify()), what)
			}
			rotated := w
			rotated.keys = "whsec_" + base64.StdEncoding.EncodeToString([]byte("older")) + "\n\n  " + w.keys + " \r\n"
			assert.NoError(t, rotated.verify(), "either key of the receiver will do")
			for _, keys := range []string{"", "\n \n"} {
				without := w
				without.keys = keys
				err := without.verify()
				assert.Equal(t, fault.Unavailable, fault.Of(err))
				assert.EqualError(t, err, "there is no key")
			}
		})
	}
}

func TestWebhookTimes(t *testing.T) {
	for _, w := range []webhook{standardWebhook, stripeWebhook} {
		for _, c := range []struct {
			later int64
			fresh bool
		}{{0, true}, {300, true}, {-300, true}, {301, false}, {-301, false}, {1 << 40, false}} {
			later := w
			later.at += c.later
			err := later.verify()
			assert.Equal(t, c.fresh, err == nil, "%s %d seconds later: %v", w.scheme, c.later, err)
		}
	}
	for _, at := range []string{"", "x", "1614265330.0", "01614265330", "+1614265330", "-1", "9223372036854775808", " 1614265330"} {
		assert.Equal(t, fault.Unauthorized, fault.Of(standardWebhook.with("webhook-timestamp", at).verify()), at)
	}
}

func TestWebhookSignatures(t *testing.T) {
	good := standardWebhook.headers["webhook-signature"]
	for _, c := range []struct {
		name, signature string
		valid           bool
	}{
		{"several, of which one is good", "v1,AAAA " + good + " v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==", true},
		{"of another version", strings.Replace(good, "v1", "v2", 1), false},
		{"without a version", strings.TrimPrefix(good, "v1,"), false},
		{"cut", good[:len(good)-8], false},
		{"empty", "", false},
		{"the last of too many", strings.Repeat("v1,"+base64.StdEncoding.EncodeToString(make([]byte, 32))+" ", maxSignatures) + good, false},
	} {
		assert.Equal(t, c.valid, standardWebhook.with("webhook-signature", c.signature).verify() == nil, c.name)
	}
	assert.Equal(t, fault.Unauthorized, fault.Of(standardWebhook.with("webhook-id", "").verify()))
	assert.Equal(t, fault.Unauthorized, fault.Of(standardWebhook.with("webhook-id", "msg.1614265330").verify()))

	header := stripeWebhook.headers["stripe-signature"]
	for _, c := range []struct {
		name, header string
		valid        bool
	}{
		{"several, of which one is good", strings.Replace(header, ",v1=", ",v1="+strings.Repeat("0", 64)+", v1=", 1), true},
		{"a later time", strings.Replace(header, "t=1492774577", "t=1492774578", 1), false},
		{"the first time counts", "t=1492774578," + header, false},
		{"the test mode's version", strings.ReplaceAll(header, ",v1=", ",v0="), false},
		{"in upper case", strings.ToUpper(header), false},
	} {
		assert.Equal(t, c.valid, stripeWebhook.with("stripe-signature", c.header).verify() == nil, c.name)
	}
	assert.Error(t, githubWebhook.with("x-hub-signature-256", "sha1=757107ea0eb2509fc211221cce984b8a37570b6d").verify())

	misplaced := standardWebhook
	misplaced.keys = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\nnot base64!"
	err := misplaced.verify()
	assert.Equal(t, fault.Unavailable, fault.Of(err))
	assert.EqualError(t, err, "key 2 is not base64 after whsec_, as those of standard_webhooks are")
	unknown := githubWebhook
	unknown.scheme = "acme"
	assert.Equal(t, fault.Unavailable, fault.Of(unknown.verify()))
}

func TestCheckScheme(t *testing.T) {
	for _, c := range []struct {
		scheme    string
		tolerance int
		kept      int
		want      string
	}{
		{StandardWebhooks, 0, 300, ""},
		{Stripe, 1, 1, ""},
		{Stripe, MaxTolerance, MaxTolerance, ""},
		{GitHub, 0, 0, ""},
		{GitHub, 300, 0, "signature.tolerance: must not be given: github signs no time"},
		{Stripe, -1, 0, "signature.tolerance: must be 1 to 86400 seconds, got -1"},
		{Stripe, 86_401, 0, "signature.tolerance: must be 1 to 86400 seconds, got 86401"},
		{"acme", 0, 0, `signature.scheme: must be one of standard_webhooks, github, stripe, got "acme"`},
	} {
		kept, err := CheckScheme(c.scheme, c.tolerance)
		assert.Equal(t, c.kept, kept)
		if c.want == "" {
			require.NoError(t, err)
		} else {
			require.EqualError(t, err, c.want)
		}
	}
}
