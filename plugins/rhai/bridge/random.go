package bridge

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"strconv"
	"unicode/utf8"

	"github.com/picloud/picloud/plugins/rhai/vm"
)

// alphanumeric is what random::string takes characters from unless told otherwise.
const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// source returns the run's random generator: ChaCha8 keyed by the 32 bytes of entropy that the host
// makes afresh for each run. It is fit for tokens and keys.
func (h *host) source() *rand.ChaCha8 {
	if h.random == nil {
		h.random = rand.NewChaCha8(h.entropy)
	}
	return h.random
}

// below returns a number in 0..n-1, each as likely as the others (Lemire); n = 0 stands for 2^64.
func below(source *rand.ChaCha8, n uint64) uint64 {
	if n == 0 {
		return source.Uint64()
	}
	high, low := bits.Mul64(source.Uint64(), n)
	for floor := -n % n; low < floor; {
		high, low = bits.Mul64(source.Uint64(), n)
	}
	return high
}

// fill fills b with random bytes.
func fill(source *rand.ChaCha8, b []byte) {
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, source.Uint64())
		b = b[8:]
	}
	if len(b) > 0 {
		var last [8]byte
		binary.LittleEndian.PutUint64(last[:], source.Uint64())
		copy(b, last[:])
	}
}

// registerRandom adds the functions of random:
//
//	int(from, to)            from..=to
//	float()                  0.0 up to, but not, 1.0
//	bool()
//	bytes(n)                 a blob
//	string(n [, alphabet])   n characters of letters and digits, or of an alphabet
//	choice(array)            one of its items
//	shuffle(array)           its items in another order
func registerRandom(l *vm.Library) {
	l.Func("random::int", randomInt, vm.KindInt, vm.KindInt)
	l.Func("random::float", func(t *vm.Thread, _ []vm.Value) (vm.Value, *vm.Error) {
		return vm.Float(float64(hostOf(t).source().Uint64()>>11) / (1 << 53)), nil
	})
	l.Func("random::bool", func(t *vm.Thread, _ []vm.Value) (vm.Value, *vm.Error) {
		return vm.Bool(hostOf(t).source().Uint64()>>63 == 1), nil
	})
	l.Func("random::bytes", randomBytes, vm.KindInt)
	l.Func("random::string", randomString, vm.KindInt)
	l.Func("random::string", randomString, vm.KindInt, vm.KindString)
	l.Func("random::choice", randomChoice, vm.KindArray)
	l.Func("random::shuffle", randomShuffle, vm.KindArray)
}

func randomInt(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	from, to := args[0].AsInt(), args[1].AsInt()
	if from > to {
		return vm.Unit, invalid("random::int", "from must not be above to, got "+strconv.FormatInt(from, 10)+" and "+strconv.FormatInt(to, 10))
	}
	return vm.Int(from + int64(below(hostOf(t).source(), uint64(to-from)+1))), nil
}

// length returns the number of bytes or characters that a function was asked for.
func length(name string, v vm.Value) (int64, *vm.Error) {
	if n := v.AsInt(); n < 0 {
		return 0, invalid(name, "the length must be at least 0, got "+strconv.FormatInt(n, 10))
	}
	return v.AsInt(), nil
}

func randomBytes(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	n, err := length("random::bytes", args[0])
	if err == nil {
		err = t.CheckBlob(n)
	}
	if err == nil {
		err = t.Charge(n / 16)
	}
	if err != nil {
		return vm.Unit, err
	}
	b := make([]byte, n)
	fill(hostOf(t).source(), b)
	return vm.NewBlob(b), nil
}

func randomString(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	n, err := length("random::string", args[0])
	if err == nil {
		err = t.CheckString(n)
	}
	text := alphanumeric
	if len(args) == 2 {
		text = args[1].AsString()
	}
	if err == nil {
		err = t.Charge(int64(len(text)) / 16)
	}
	if err != nil {
		return vm.Unit, err
	}
	alphabet := []rune(text)
	if len(alphabet) == 0 {
		return vm.Unit, invalid("random::string", "the alphabet must not be empty")
	}
	source := hostOf(t).source()
	w := work{t: t}
	b := make([]byte, 0, n)
	for range n {
		b = utf8.AppendRune(b, alphabet[below(source, uint64(len(alphabet)))])
		if err := w.add(bytesPerOperation); err != nil {
			return vm.Unit, err
		}
	}
	if err := t.CheckString(int64(len(b))); err != nil {
		return vm.Unit, err
	}
	return vm.String(string(b)), nil
}

func randomChoice(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	items := args[0].AsArray().Items
	if len(items) == 0 {
		return vm.Unit, invalid("random::choice", "the array must not be empty")
	}
	return items[below(hostOf(t).source(), uint64(len(items)))].Share(), nil
}

func randomShuffle(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	items := args[0].AsArray().Items
	shuffled := make([]vm.Value, len(items))
	source := hostOf(t).source()
	w := work{t: t}
	for i, item := range items { // from the inside out (Durstenfeld)
		j := below(source, uint64(i)+1)
		shuffled[i] = shuffled[j]
		shuffled[j] = item.Share()
		if err := w.add(bytesPerOperation); err != nil {
			return vm.Unit, err
		}
	}
	return vm.NewArray(shuffled), nil
}
