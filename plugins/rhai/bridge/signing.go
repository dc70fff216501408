package bridge

import (
	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// registerSigning adds what the host computes for scripts: signatures, passwords, tokens and gzip. Data
// is a blob, or a string for its UTF-8.
//
//	crypto::verify(algorithm, key, data, signature)    whether the signature, a blob, is of a public key: PEM
//	                                                   or a JSON Web Key. Algorithms: ed25519, rsa_sha256,
//	                                                   rsa_sha512, rsa_pss_sha256, rsa_pss_sha512, ecdsa_sha256
//	crypto::hash_password(password [, algorithm])      a hash to keep, by argon2id or bcrypt
//	crypto::verify_password(password, hash)            whether the hash is of the password
//	jwt::sign(claims, key, algorithm)                  a token (RFC 7519) by HS256 (whose key is a secret of at least
//	                                                   32 bytes), RS256, ES256 or EdDSA
//	jwt::verify(token, key, algorithm [, #{leeway_ms}])  its claims; throws when it is not valid now
//	gzip::compress(data), gzip::decompress(data)       blobs (RFC 1952)
func registerSigning(l *vm.Library) {
	const s, b, m = vm.KindString, vm.KindBlob, vm.KindMap
	kinds := []vm.Kind{s, b}
	for _, data := range kinds {
		l.Func("crypto::verify", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
			return open(t, abi.OpCryptoVerify).string("algorithm", args[0]).string("key", args[1]).
				bytes("data", args[2]).bytes("signature", args[3]).one("valid")
		}, s, s, data, b)
		for name, op := range map[string]abi.Op{"gzip::compress": abi.OpGzipCompress, "gzip::decompress": abi.OpGzipDecompress} {
			l.Func(name, func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
				return open(t, op).bytes("data", args[0]).one("data")
			}, data)
		}
	}
	hash := func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		r := open(t, abi.OpCryptoHashPassword).string("password", args[0])
		if len(args) > 1 {
			r.string("algorithm", args[1])
		}
		return r.one("hash")
	}
	l.Func("crypto::hash_password", hash, s)
	l.Func("crypto::hash_password", hash, s, s)
	l.Func("crypto::verify_password", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return open(t, abi.OpCryptoVerifyPassword).string("password", args[0]).string("hash", args[1]).one("valid")
	}, s, s)

	l.Func("jwt::sign", func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return open(t, abi.OpJWTSign).value("claims", args[0]).string("key", args[1]).string("algorithm", args[2]).one("token")
	}, m, s, s)
	verify := func(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return open(t, abi.OpJWTVerify).string("token", args[0]).string("key", args[1]).string("algorithm", args[2]).
			properties(options(args, 3), jwtVerifyOptions).one("claims")
	}
	l.Func("jwt::verify", verify, s, s, s)
	l.Func("jwt::verify", verify, s, s, s, m)
}

var jwtVerifyOptions = []property{{name: "leeway_ms", is: isInteger}}
