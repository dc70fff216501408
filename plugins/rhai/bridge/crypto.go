package bridge

import (
	"crypto/subtle"

	"github.com/picloud/picloud/plugins/rhai/bridge/sha2"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// registerCrypto adds the functions of crypto. Data and keys are blobs, or strings for
// their UTF-8; a digest is lower-case hexadecimal, or a blob from the functions that end in _bytes.
//
//	sha256(data), sha256_bytes, sha512, sha512_bytes        FIPS 180-4
//	hmac_sha256(key, data), hmac_sha256_bytes               RFC 2104
//	constant_time_eq(a, b)                                  the time depends on the lengths alone
func registerCrypto(l *vm.Library) {
	kinds := []vm.Kind{vm.KindString, vm.KindBlob}
	digest := func(name string, of func(data []byte, goesOn sha2.GoesOn) []byte) {
		for _, kind := range kinds {
			l.Func("crypto::"+name, func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
				d, err := digestOf(t, bytesOf(args[0]), of)
				return vm.String(hexText(d)), err
			}, kind)
			l.Func("crypto::"+name+"_bytes", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
				d, err := digestOf(t, bytesOf(args[0]), of)
				return vm.NewBlob(d), err
			}, kind)
		}
	}
	digest("sha256", func(data []byte, goesOn sha2.GoesOn) []byte { d := sha2.Sum256(data, goesOn); return d[:] })
	digest("sha512", func(data []byte, goesOn sha2.GoesOn) []byte { d := sha2.Sum512(data, goesOn); return d[:] })
	for _, a := range kinds {
		for _, b := range kinds {
			l.Func("crypto::hmac_sha256", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
				mac, err := hmacSHA256(t, args)
				return vm.String(hexText(mac[:])), err
			}, a, b)
			l.Func("crypto::hmac_sha256_bytes", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
				mac, err := hmacSHA256(t, args)
				return vm.NewBlob(mac[:]), err
			}, a, b)
			l.Func("crypto::constant_time_eq", constantTimeEq, a, b)
		}
	}
}

// chargeDigest counts the work of hashing, about 10 ns for each byte in a sandbox.
func chargeDigest(t *vm.Thread, bytes int) *vm.Error { return t.Charge(4 + int64(bytes)/16) }

func digestOf(t *vm.Thread, data []byte, of func([]byte, sha2.GoesOn) []byte) (digest []byte, err *vm.Error) {
	if err := chargeDigest(t, len(data)); err != nil {
		return nil, err
	}
	digest = of(data, func() bool { err = t.Poll(); return err == nil })
	return digest, err
}

func hmacSHA256(t *vm.Thread, args []vm.Value) (mac [32]byte, err *vm.Error) {
	key, data := bytesOf(args[0]), bytesOf(args[1])
	if err := chargeDigest(t, len(key)+len(data)+128); err != nil {
		return mac, err
	}
	mac = sha2.HMAC256(key, data, func() bool { err = t.Poll(); return err == nil })
	return mac, err
}

func constantTimeEq(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	a, b := bytesOf(args[0]), bytesOf(args[1])
	if err := t.Charge(int64(min(len(a), len(b))) / bytesPerOperation); err != nil {
		return vm.Unit, err
	}
	return vm.Bool(subtle.ConstantTimeCompare(a, b) == 1), nil
}
