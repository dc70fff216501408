package bridge

import (
	"crypto/subtle"

	"github.com/picloud/picloud/plugins/rhai/bridge/digest"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// registerCrypto adds the functions of crypto. Data and keys are blobs, or strings for
// their UTF-8; a digest is lower-case hexadecimal, or a blob from the functions that end in _bytes.
//
//	sha256(data), sha512, sha1                              FIPS 180-4
//	hmac_sha256(key, data), hmac_sha512, hmac_sha1          RFC 2104
//	sha256_bytes(data), hmac_sha256_bytes(key, data), ...   of each of them
//	constant_time_eq(a, b)                                  the time depends on the lengths alone
//
// SHA-1 is for what others still sign with it.
func registerCrypto(l *vm.Library) {
	kinds := []vm.Kind{vm.KindString, vm.KindBlob}
	results := map[string]func([]byte) vm.Value{
		"":       func(d []byte) vm.Value { return vm.String(hexText(d)) },
		"_bytes": vm.NewBlob,
	}
	for name, hash := range map[string]digest.Hash{"sha1": digest.SHA1, "sha256": digest.SHA256, "sha512": digest.SHA512} {
		for form, result := range results {
			for _, a := range kinds {
				l.Func("crypto::"+name+form, func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
					data := bytesOf(args[0])
					d, err := digestOf(t, len(data), func(g digest.GoesOn) []byte { return hash.Sum(data, g) })
					return result(d), err
				}, a)
				for _, b := range kinds {
					l.Func("crypto::hmac_"+name+form, func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
						key, data := bytesOf(args[0]), bytesOf(args[1])
						d, err := digestOf(t, len(key)+len(data)+128, func(g digest.GoesOn) []byte { return hash.HMAC(key, data, g) })
						return result(d), err
					}, a, b)
				}
			}
		}
	}
	for _, a := range kinds {
		for _, b := range kinds {
			l.Func("crypto::constant_time_eq", constantTimeEq, a, b)
		}
	}
}

// chargeDigest counts the work of hashing, about 10 ns for each byte in a sandbox.
func chargeDigest(t *vm.Thread, bytes int) *vm.Error { return t.Charge(4 + int64(bytes)/16) }

// digestOf computes a digest of so many bytes.
func digestOf(t *vm.Thread, bytes int, of func(digest.GoesOn) []byte) (d []byte, err *vm.Error) {
	if err := chargeDigest(t, bytes); err != nil {
		return nil, err
	}
	d = of(func() bool { err = t.Poll(); return err == nil })
	return d, err
}

func constantTimeEq(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	a, b := bytesOf(args[0]), bytesOf(args[1])
	if err := t.Charge(int64(min(len(a), len(b))) / bytesPerOperation); err != nil {
		return vm.Unit, err
	}
	return vm.Bool(subtle.ConstantTimeCompare(a, b) == 1), nil
}
