//go:build tinygo || wasm

// Command random is a plugin for the sandbox's tests: it answers a number from each
// source of random numbers that Go has.
package main

import (
	cryptorand "crypto/rand"
	"encoding/hex"
	"hash/maphash"
	"math/rand"
	randv2 "math/rand/v2"
	"strconv"

	sdk "github.com/picloud/picloud/guest-sdk"
)

// drawn makes sure that the sources have been used before the memory is kept.
var drawn = draw()

func init() {
	sdk.Handle(func(sdk.Context, sdk.Request) (sdk.Response, error) {
		numbers := draw()
		numbers["initial"] = drawn["math/rand"]
		return sdk.OK(numbers), nil
	})
}

func main() {}

func draw() map[string]string {
	secret := make([]byte, 16)
	if _, err := cryptorand.Read(secret); err != nil {
		panic(err)
	}
	return map[string]string{
		"crypto/rand":  hex.EncodeToString(secret),
		"math/rand":    strconv.FormatUint(rand.Uint64(), 16),
		"math/rand/v2": strconv.FormatUint(randv2.Uint64(), 16),
		"maphash":      strconv.FormatUint(maphash.String(maphash.MakeSeed(), ""), 16),
		"map":          order(),
	}
}

// order is the order in which a map is gone through.
func order() (keys string) {
	m := map[byte]bool{}
	for c := byte('a'); c <= 'z'; c++ {
		m[c] = true
	}
	for c := range m {
		keys += string(rune(c))
	}
	return keys
}
