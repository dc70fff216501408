package signing

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/picloud/picloud/host/fault"
)

// The schemes by which senders sign requests, and where each is told.
const (
	StandardWebhooks = "standard_webhooks" // https://github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md
	GitHub           = "github"            // https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
	Stripe           = "stripe"            // https://docs.stripe.com/webhooks, "Verify webhook signatures manually"
)

// Schemes lists them.
var Schemes = []string{StandardWebhooks, GitHub, Stripe}

// Bounds of how far a signed time may be from now, in seconds.
const (
	DefaultTolerance = 300
	MaxTolerance     = 86_400
)

// CheckScheme refuses a scheme that is not known, and a tolerance in seconds that is out of bounds or of a
// scheme that signs no time. It returns the tolerance to keep: the default if none is given.
func CheckScheme(scheme string, tolerance int) (int, error) {
	switch {
	case !slices.Contains(Schemes, scheme):
		return 0, fault.Refuse("signature.scheme", "must be one of %s, got %.40q", strings.Join(Schemes, ", "), scheme)
	case scheme == GitHub && tolerance != 0:
		return 0, fault.Refuse("signature.tolerance", "must not be given: %s signs no time", scheme)
	case scheme == GitHub:
		return 0, nil
	case tolerance == 0:
		return DefaultTolerance, nil
	case tolerance < 1 || tolerance > MaxTolerance:
		return 0, fault.Refuse("signature.tolerance", "must be 1 to %d seconds, got %d", MaxTolerance, tolerance)
	}
	return tolerance, nil
}

// Headers of the schemes, in lower case.
const (
	HeaderWebhookID  = "webhook-id" // which is the same whenever a message is sent again
	headerWebhookAt  = "webhook-timestamp"
	headerWebhookSig = "webhook-signature"
	headerGitHub     = "x-hub-signature-256"
	headerStripe     = "stripe-signature"
)

// VerifyRequest returns nil for a request that is signed by a scheme with one of the keys, no longer before
// or after now than the tolerance. Header returns the value of a header by its name in lower case, "" if
// there is none; body is as it was sent. Keys are those of the sender, one a line: while the sender
// changes its key there are two.
//
// The error is [fault.Unauthorized], and says for the log what is missing or wrong, or it is
// [fault.Unavailable], because no key can be made of what was given.
func VerifyRequest(scheme, keys string, header func(name string) string, body []byte, now time.Time, tolerance time.Duration) error {
	var signers [][]byte
	for line := range strings.Lines(keys) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		signer := []byte(line)
		if scheme == StandardWebhooks {
			var err error
			signer, err = base64.StdEncoding.DecodeString(strings.TrimPrefix(line, "whsec_"))
			if err != nil || len(signer) == 0 {
				return fault.New(fault.Unavailable, "key %d is not base64 after whsec_, as those of standard_webhooks are", len(signers)+1)
			}
		}
		signers = append(signers, signer)
	}
	if len(signers) == 0 {
		return fault.New(fault.Unavailable, "there is no key")
	}
	signed, at, given, err := read(scheme, header, body)
	if err != nil {
		return err
	}
	if scheme != GitHub { // which signs no time
		if err := checkTime(at, now, tolerance); err != nil {
			return err
		}
	}
	valid := false
	for _, signer := range signers {
		mac := hmac.New(sha256.New, signer)
		for _, part := range signed {
			mac.Write(part)
		}
		want := mac.Sum(nil)
		for _, signature := range given {
			valid = hmac.Equal(signature, want) || valid
		}
	}
	if !valid {
		return fault.New(fault.Unauthorized, "no signature is that of a key")
	}
	return nil
}

// maxSignatures bounds how many signatures of one request are looked at.
const maxSignatures = 16

// read takes from a request what is signed, when that was, and the signatures.
func read(scheme string, header func(string) string, body []byte) (signed [][]byte, at string, given [][]byte, err error) {
	switch scheme {
	case StandardWebhooks: // webhook-signature: v1,BASE64 v1,BASE64 v1a,...
		id := header(HeaderWebhookID)
		at = header(headerWebhookAt)
		signed = [][]byte{[]byte(id + "." + at + "."), body}
		for entry := range strings.FieldsSeq(header(headerWebhookSig)) {
			if text, ok := strings.CutPrefix(entry, "v1,"); ok {
				given = addDecoded(given, base64.StdEncoding.DecodeString, text)
			}
		}
		if id == "" || strings.Contains(id, ".") { // with a dot, where it ends would be anybody's guess
			return nil, "", nil, fault.New(fault.Unauthorized, "%s is missing or has a dot", HeaderWebhookID)
		}
	case GitHub: // X-Hub-Signature-256: sha256=HEX
		signed = [][]byte{body}
		if text, ok := strings.CutPrefix(header(headerGitHub), "sha256="); ok {
			given = addDecoded(given, hex.DecodeString, text)
		}
	case Stripe: // Stripe-Signature: t=SECONDS,v1=HEX,v1=HEX,v0=...
		for part := range strings.SplitSeq(header(headerStripe), ",") {
			name, text, _ := strings.Cut(strings.TrimSpace(part), "=")
			switch {
			case name == "t" && at == "":
				at = text
			case name == "v1":
				given = addDecoded(given, hex.DecodeString, text)
			}
		}
		signed = [][]byte{[]byte(at + "."), body}
	default:
		return nil, "", nil, fault.New(fault.Unavailable, "the scheme %.40q is not known", scheme)
	}
	if len(given) == 0 {
		return nil, "", nil, fault.New(fault.Unauthorized, "there is no signature")
	}
	return signed, at, given, nil
}

func addDecoded(given [][]byte, decode func(string) ([]byte, error), text string) [][]byte {
	signature, err := decode(text)
	if err != nil || len(signature) != sha256.Size || len(given) == maxSignatures {
		return given
	}
	return append(given, signature)
}

// checkTime refuses a time, in seconds since 1970 as text, that is too far from now.
func checkTime(text string, now time.Time, tolerance time.Duration) error {
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 0 || strconv.FormatInt(seconds, 10) != text {
		return fault.New(fault.Unauthorized, "the time is missing or malformed")
	}
	if age := now.Unix() - seconds; age > int64(tolerance/time.Second) || age < -int64(tolerance/time.Second) {
		return fault.New(fault.Unauthorized, "the time is %d seconds before ours", age)
	}
	return nil
}
