// Package digest computes SHA-1, SHA-256 and SHA-512 (FIPS 180-4) and HMAC (RFC 2104) in little code:
// the standard library's brings its FIPS 140 module, ten times as much, into the interpreter guest.
package digest

import (
	"encoding/binary"
	"math/bits"
)

// A Hash is one of the functions. What differs are the size of a word, the block and the constants:
// those of SHA-2 are the fractional parts of the square and cube roots of the first primes (4.2,
// 5.3), for SHA-256 the upper halves of SHA-512's.
type Hash struct {
	word     int // bytes; a block has 16 words
	size     int // of the digest, bytes
	initial  func() [8]uint64
	compress func(state *[8]uint64, block []byte)
}

// The functions. SHA-1 is for what others still sign with it: it is broken for signatures of one's own.
var (
	SHA1   = Hash{4, 20, func() [8]uint64 { return initialOfSHA1 }, block1}
	SHA256 = Hash{4, 32, upperHalves, block256}
	SHA512 = Hash{8, 64, func() [8]uint64 { return initial }, block512}
)

func upperHalves() (state [8]uint64) {
	for i := range state {
		state[i] = initial[i] >> 32
	}
	return state
}

// A GoesOn is asked after each 8 KiB of data whether to hash more. If not, the digest means
// nothing. It may be nil.
type GoesOn func() bool

const askEvery = 8 << 10

// asked reports whether to go on with the next block of what is left of the data.
func (g GoesOn) asked(left []byte, block int) bool {
	return len(left)%askEvery >= block || g == nil || g()
}

// Sum returns the digest of data.
func (h Hash) Sum(data []byte, goesOn GoesOn) []byte { return h.sum(nil, data, goesOn) }

// sum returns the digest of prefix, which is empty or a block, and data.
func (h Hash) sum(prefix, data []byte, goesOn GoesOn) []byte {
	block := 16 * h.word
	state := h.initial()
	length := uint64(len(prefix)+len(data)) * 8
	if len(prefix) > 0 {
		h.compress(&state, prefix)
	}
	for ; len(data) >= block; data = data[block:] {
		if !goesOn.asked(data, block) {
			return make([]byte, h.size)
		}
		h.compress(&state, data)
	}
	var last [256]byte
	n := block
	if copy(last[:], data) >= block-2*h.word {
		n = 2 * block
	}
	last[len(data)] = 0x80
	binary.BigEndian.PutUint64(last[n-8:], length)
	for i := 0; i < n; i += block {
		h.compress(&state, last[i:])
	}
	digest := make([]byte, 0, 64)
	for _, word := range state {
		if h.word == 4 {
			digest = binary.BigEndian.AppendUint32(digest, uint32(word))
		} else {
			digest = binary.BigEndian.AppendUint64(digest, word)
		}
	}
	return digest[:h.size]
}

// HMAC returns the HMAC of data with a key.
func (h Hash) HMAC(key, data []byte, goesOn GoesOn) []byte {
	block := 16 * h.word
	if len(key) > block {
		key = h.Sum(key, goesOn)
	}
	inner, outer := make([]byte, block), make([]byte, block)
	copy(inner, key)
	copy(outer, key)
	for i := range inner {
		inner[i] ^= 0x36
		outer[i] ^= 0x5c
	}
	return h.sum(outer, h.sum(inner, data, goesOn), nil)
}

func block1(state *[8]uint64, block []byte) {
	var w [80]uint32
	for i := range 16 {
		w[i] = binary.BigEndian.Uint32(block[4*i:])
	}
	for i := 16; i < 80; i++ {
		w[i] = bits.RotateLeft32(w[i-3]^w[i-8]^w[i-14]^w[i-16], 1)
	}
	a, b, c, d, e := uint32(state[0]), uint32(state[1]), uint32(state[2]), uint32(state[3]), uint32(state[4])
	for i := range 80 {
		var f, k uint32
		switch {
		case i < 20:
			f, k = b&c|^b&d, 0x5a827999
		case i < 40:
			f, k = b^c^d, 0x6ed9eba1
		case i < 60:
			f, k = b&c|b&d|c&d, 0x8f1bbcdc
		default:
			f, k = b^c^d, 0xca62c1d6
		}
		a, b, c, d, e = bits.RotateLeft32(a, 5)+f+e+k+w[i], a, bits.RotateLeft32(b, 30), c, d
	}
	for i, v := range [5]uint32{a, b, c, d, e} {
		state[i] = uint64(uint32(state[i]) + v)
	}
}

func block256(state *[8]uint64, block []byte) {
	var w [64]uint32
	for i := range 16 {
		w[i] = binary.BigEndian.Uint32(block[4*i:])
	}
	for i := 16; i < 64; i++ {
		x, y := w[i-15], w[i-2]
		s0 := bits.RotateLeft32(x, -7) ^ bits.RotateLeft32(x, -18) ^ x>>3
		s1 := bits.RotateLeft32(y, -17) ^ bits.RotateLeft32(y, -19) ^ y>>10
		w[i] = s1 + w[i-7] + s0 + w[i-16]
	}
	a, b, c, d := uint32(state[0]), uint32(state[1]), uint32(state[2]), uint32(state[3])
	e, f, g, h := uint32(state[4]), uint32(state[5]), uint32(state[6]), uint32(state[7])
	for i := range 64 {
		s1 := bits.RotateLeft32(e, -6) ^ bits.RotateLeft32(e, -11) ^ bits.RotateLeft32(e, -25)
		t1 := h + s1 + (e&f ^ ^e&g) + uint32(rounds[i]>>32) + w[i]
		s0 := bits.RotateLeft32(a, -2) ^ bits.RotateLeft32(a, -13) ^ bits.RotateLeft32(a, -22)
		t2 := s0 + (a&b ^ a&c ^ b&c)
		a, b, c, d, e, f, g, h = t1+t2, a, b, c, d+t1, e, f, g
	}
	for i, v := range [8]uint32{a, b, c, d, e, f, g, h} {
		state[i] = uint64(uint32(state[i]) + v)
	}
}

func block512(state *[8]uint64, block []byte) {
	var w [80]uint64
	for i := range 16 {
		w[i] = binary.BigEndian.Uint64(block[8*i:])
	}
	for i := 16; i < 80; i++ {
		x, y := w[i-15], w[i-2]
		s0 := bits.RotateLeft64(x, -1) ^ bits.RotateLeft64(x, -8) ^ x>>7
		s1 := bits.RotateLeft64(y, -19) ^ bits.RotateLeft64(y, -61) ^ y>>6
		w[i] = s1 + w[i-7] + s0 + w[i-16]
	}
	a, b, c, d, e, f, g, h := state[0], state[1], state[2], state[3], state[4], state[5], state[6], state[7]
	for i := range 80 {
		s1 := bits.RotateLeft64(e, -14) ^ bits.RotateLeft64(e, -18) ^ bits.RotateLeft64(e, -41)
		t1 := h + s1 + (e&f ^ ^e&g) + rounds[i] + w[i]
		s0 := bits.RotateLeft64(a, -28) ^ bits.RotateLeft64(a, -34) ^ bits.RotateLeft64(a, -39)
		t2 := s0 + (a&b ^ a&c ^ b&c)
		a, b, c, d, e, f, g, h = t1+t2, a, b, c, d+t1, e, f, g
	}
	for i, v := range [8]uint64{a, b, c, d, e, f, g, h} {
		state[i] += v
	}
}

// initialOfSHA1 has five words (section 5.3.1).
var initialOfSHA1 = [8]uint64{0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}

// initial has the square roots of the first 8 primes.
var initial = [8]uint64{
	0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
	0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
}

// rounds has the cube roots of the first 80 primes.
var rounds = [80]uint64{
	0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
	0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
	0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
	0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
	0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
	0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
	0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
	0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
	0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
	0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
	0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
	0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
	0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
	0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
	0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
	0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
	0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
	0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
	0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
	0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
}
