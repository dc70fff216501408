package vm

import (
	"math"
	"strings"
	"testing"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai/syntax"
)

const maxInt, minInt = math.MaxInt64, math.MinInt64

// operatorTest is an operation and its result in debug form, or the text of its error.
type operatorTest struct {
	l    Value
	op   syntax.Operator
	r    Value
	want string
}

func outcome(v Value, err *Error) string {
	if err != nil {
		return err.Text
	}
	return v.TypeName() + " " + Debug(v)
}

func array(items ...Value) Value { return NewArray(items) }

func mapOf(key string, v Value) Value {
	m := NewMap(1)
	m.Set(key, v)
	return NewMapValue(m)
}

func TestBinary(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	fn := NewFn(&FnPtr{Name: "f"})
	tests := []operatorTest{
		// Integers are checked.
		{Int(maxInt), syntax.OpAdd, Int(1), "Addition overflow: 9223372036854775807 + 1"},
		{Int(minInt), syntax.OpSub, Int(1), "Subtraction overflow: -9223372036854775808 - 1"},
		{Int(-1), syntax.OpSub, Int(minInt), "i64 9223372036854775807"},
		{Int(0), syntax.OpSub, Int(minInt), "Subtraction overflow: 0 - -9223372036854775808"},
		{Int(minInt), syntax.OpMul, Int(-1), "Multiplication overflow: -9223372036854775808 * -1"},
		{Int(3037000500), syntax.OpMul, Int(3037000500), "Multiplication overflow: 3037000500 * 3037000500"},
		{Int(minInt / 2), syntax.OpMul, Int(2), "i64 -9223372036854775808"},
		{Int(7), syntax.OpDiv, Int(-2), "i64 -3"},
		{Int(7), syntax.OpDiv, Int(0), "Division by zero: 7 / 0"},
		{Int(minInt), syntax.OpDiv, Int(-1), "Division overflow: -9223372036854775808 / -1"},
		{Int(-7), syntax.OpMod, Int(2), "i64 -1"},
		{Int(7), syntax.OpMod, Int(0), "Modulo division by zero or overflow: 7 % 0"},
		{Int(2), syntax.OpPow, Int(62), "i64 4611686018427387904"},
		{Int(-2), syntax.OpPow, Int(63), "i64 -9223372036854775808"},
		{Int(2), syntax.OpPow, Int(63), "Exponential overflow: 2 ** 63"},
		{Int(-1), syntax.OpPow, Int(math.MaxUint32), "i64 -1"},
		{Int(1), syntax.OpPow, Int(math.MaxUint32 + 1), "Exponential overflow: 1 ** 4294967296"},
		{Int(2), syntax.OpPow, Int(-1), "Integer raised to a negative power: 2 ** -1"},
		{Int(1), syntax.OpShl, Int(63), "i64 -9223372036854775808"},
		{Int(1), syntax.OpShl, Int(64), "i64 0"},
		{Int(-5), syntax.OpShr, Int(200), "i64 -1"},
		{Int(8), syntax.OpShl, Int(-2), "i64 2"},
		{Int(8), syntax.OpShr, Int(minInt), "i64 0"},
		{Int(6), syntax.OpBitXor, Int(3), "i64 5"},

		// Floats compare with a tolerance.
		{Int(1), syntax.OpAdd, Float(0.5), "f64 1.5"},
		{Float(64), syntax.OpPow, Float(1.5), "f64 512.0"},
		{Float(-7.5), syntax.OpMod, Int(2), "f64 -1.5"},
		{Float(0.30000000000000004), syntax.OpEq, Float(0.3), "bool true"},
		{Float(1e-17), syntax.OpEq, Int(0), "bool true"},
		{Float(1e-15), syntax.OpEq, Float(0), "bool false"},
		{Float(1e300), syntax.OpEq, Float(1.0000001e300), "bool false"},
		{Float(0.3), syntax.OpLt, Float(0.30000000000000004), "bool false"},
		{Float(0.30000000000000004), syntax.OpLe, Float(0.3), "bool true"},
		{Int(2), syntax.OpGt, Float(1.5), "bool true"},
		{Float(nan), syntax.OpNe, Float(nan), "bool false"},
		{Float(nan), syntax.OpEq, Int(0), "bool true"},
		{Float(inf), syntax.OpEq, Float(inf), "bool false"},
		{Float(inf), syntax.OpGt, Float(1), "bool false"},

		// Text takes in anything; a character is a string of one.
		{Char('a'), syntax.OpAdd, Char('b'), `string "ab"`},
		{String("n = "), syntax.OpAdd, Float(1), `string "n = 1.0"`},
		{array(Char('x')), syntax.OpAdd, String("!"), `string "[x]!"`},
		{Unit, syntax.OpAdd, String("x"), `string "x"`},
		{String("x"), syntax.OpAdd, NewBlob([]byte("a\xe2\x82\xff")), `string "xa��"`},
		{String("banana"), syntax.OpSub, String("an"), `string "ba"`},
		{String("banana"), syntax.OpSub, Char('a'), `string "bnn"`},
		{String(""), syntax.OpSub, String("an"), `string "an"`},
		{String("a"), syntax.OpEq, Char('a'), "bool true"},
		{String("ab"), syntax.OpGt, Char('a'), "bool true"},
		{Char('b'), syntax.OpGt, String("ab"), "bool true"},
		{Char('a'), syntax.OpAdd, Int(1), "Function not found: + (char, i64)"},
		{String("a"), syntax.OpMul, Int(1), "Function not found: * (&str | ImmutableString | String, i64)"},

		// Values of different types are different.
		{Int(1), syntax.OpEq, String("1"), "bool false"},
		{Int(1), syntax.OpNe, Unit, "bool true"},
		{Bool(true), syntax.OpLt, Int(2), "bool false"},
		{Unit, syntax.OpEq, Unit, "bool true"},
		{Unit, syntax.OpLe, Unit, "bool false"},
		{NewRange(1, 3, false), syntax.OpEq, NewRange(1, 3, false), "bool true"},
		{NewRange(1, 3, false), syntax.OpEq, NewRange(1, 2, true), "Function not found: == (range, range=)"},
		{NewRange(1, 3, false), syntax.OpNe, NewRange(1, 2, true), "bool true"},
		{NewBlob(nil), syntax.OpEq, Char('a'), "Function not found: == (blob, char)"},
		{fn, syntax.OpEq, fn, "Function not found: == (Fn, Fn)"},
		{fn, syntax.OpNe, fn, "Function not found: != (Fn, Fn)"},
		{U8(1), syntax.OpEq, Int(1), "Function not found: == (u8, i64)"},
		{array(), syntax.OpLt, array(), "Function not found: < (array, array)"},

		// Containers.
		{array(Int(1)), syntax.OpEq, array(Float(1)), "bool true"},
		{array(Int(1)), syntax.OpNe, array(Int(1), Int(2)), "bool true"},
		{array(Int(1)), syntax.OpEq, array(U8(1)), "bool false"},
		{mapOf("a", Int(1)), syntax.OpEq, mapOf("a", U8(1)), "Function not found: == (i64, u8)"},
		{mapOf("a", Int(1)), syntax.OpEq, mapOf("b", U8(1)), "bool false"},
		{array(fn), syntax.OpEq, array(fn), "Function not found: == (Fn, Fn)"},
		{array(Int(1)), syntax.OpAdd, array(Int(2)), "array [1, 2]"},
		{array(Int(1)), syntax.OpAdd, Int(2), "Function not found: + (array, i64)"},
		{mapOf("a", Int(1)), syntax.OpAdd, mapOf("a", Int(2)), `map #{"a": 2}`},
		{NewBlob([]byte{1}), syntax.OpAdd, Char('é'), "blob [01c3a9]"},

		// Bytes have the operators of integers, in 8 bits.
		{U8(200), syntax.OpAdd, U8(55), "u8 255"},
		{U8(200), syntax.OpAdd, U8(56), "Addition overflow: 200 + 56"},
		{U8(1), syntax.OpSub, U8(2), "Subtraction overflow: 1 - 2"},
		{U8(2), syntax.OpPow, Int(7), "u8 128"},
		{U8(2), syntax.OpPow, Int(8), "Exponential overflow: 2 ** 8"},
		{U8(255), syntax.OpShl, Int(1), "u8 254"},
		{U8(255), syntax.OpShr, Int(99), "u8 1"},
		{U8(1), syntax.OpShl, U8(1), "Function not found: << (u8, u8)"},

		// Ranges, with open ends too.
		{Int(1), syntax.OpRange, Int(3), "range 1..3"},
		{Unit, syntax.OpRangeInclusive, Int(3), "range= 0..=3"},
		{Int(1), syntax.OpRange, Unit, "range 1.."},
		{Float(1), syntax.OpRange, Int(3), "Function not found: .. (f64, i64)"},

		// Time.
		{Timestamp(5e9), syntax.OpSub, Timestamp(3.5e9), "f64 1.5"},
		{Timestamp(3.5e9), syntax.OpSub, Timestamp(5e9), "f64 -1.5"},
		{Timestamp(1), syntax.OpLt, Timestamp(2), "bool true"},
		{Timestamp(1), syntax.OpAdd, Int(maxInt - 2*uptime), "timestamp <timestamp>"},
		{Timestamp(1), syntax.OpAdd, Int(maxInt), "Timestamp overflow when adding 9223372036854775807 second(s)"},
		{Timestamp(1e9), syntax.OpAdd, Int(maxInt), "Timestamp overflow when adding 9223372036854775807 second(s)"},
		{Timestamp(1e9), syntax.OpSub, Int(minInt), "Timestamp overflow when subtracting -9223372036854775808 second(s)"},
		{Timestamp(1), syntax.OpAdd, Float(-1e19), "Integer overflow for timestamp subtract: 10000000000000000000"},
		{Int(1), syntax.OpAdd, Timestamp(1), "Function not found: + (i64, timestamp)"},
	}
	thread := testThread(abi.Limits{})
	for _, test := range tests {
		if got := outcome(thread.Binary(test.op, test.l, test.r)); got != test.want {
			t.Errorf("%s %s %s: got %s, want %s", Debug(test.l), test.op, Debug(test.r), got, test.want)
		}
	}
}

// TestUnplaced: arithmetic with the built-in operators fails without a position, everything
// else gets the operator's.
func TestUnplaced(t *testing.T) {
	thread := testThread(abi.Limits{MaxStringSize: 3})
	tests := []struct {
		l, r Value
		want bool
	}{
		{Int(maxInt), Int(1), true},
		{String("ab"), String("cd"), true},
		{String("ab"), Int(10), false},
		{U8(255), U8(1), false},
		{Timestamp(0), Float(1e300), false},
		{Unit, Unit, false},
	}
	for _, test := range tests {
		_, err := thread.Binary(syntax.OpAdd, test.l, test.r)
		if err == nil || err.unplaced != test.want {
			t.Errorf("%s + %s: got %+v, want unplaced %v", Debug(test.l), Debug(test.r), err, test.want)
		}
		err = thread.OpAssign(syntax.OpAdd, &test.l, test.r)
		if err == nil || err.unplaced {
			t.Errorf("%s += %s: got %+v, want an error that gets a position", Debug(test.l), Debug(test.r), err)
		}
	}
}

func TestAddTimeMoves(t *testing.T) {
	thread := testThread(abi.Limits{})
	tests := []struct {
		at   int64
		op   syntax.Operator
		by   Value
		want int64
	}{
		{1_500_000_000, syntax.OpAdd, Int(2), 3_500_000_000},
		{1_500_000_000, syntax.OpSub, Int(2), -500_000_000},
		{0, syntax.OpAdd, Float(0.0019), 1_000_000}, // whole milliseconds
		{0, syntax.OpSub, Float(-1.5), 1_500_000_000},
		{7, syntax.OpAdd, Float(math.NaN()), 7},
		{7, syntax.OpAdd, Float(1e15), maxInt},
		{7, syntax.OpSub, Float(1e15), minInt},
		{7, syntax.OpAdd, Int(1e15), maxInt},
		{7, syntax.OpSub, Int(1e15), minInt},
	}
	for _, test := range tests {
		v, err := thread.Binary(test.op, Timestamp(test.at), test.by)
		if err != nil || v.AsTimestamp() != test.want {
			t.Errorf("%d ns %s %s: got %d, %v, want %d", test.at, test.op, Debug(test.by), v.AsTimestamp(), err, test.want)
		}
	}
}

func TestUnary(t *testing.T) {
	tests := []struct {
		op   syntax.Operator
		v    Value
		want string
	}{
		{syntax.OpNeg, Int(5), "i64 -5"},
		{syntax.OpNeg, Int(minInt), "Negation overflow: --9223372036854775808"},
		{syntax.OpNeg, Float(0), "f64 -0.0"},
		{syntax.OpPos, Float(1.5), "f64 1.5"},
		{syntax.OpNot, Bool(false), "bool true"},
		{syntax.OpNot, Int(1), "Function not found: ! (i64)"},
		{syntax.OpNeg, String("a"), "Function not found: - (&str | ImmutableString | String)"},
		{syntax.OpNeg, U8(1), "Function not found: - (u8)"},
	}
	thread := testThread(abi.Limits{})
	for _, test := range tests {
		if got := outcome(thread.Unary(test.op, test.v)); got != test.want {
			t.Errorf("%s %s: got %s, want %s", test.op, Debug(test.v), got, test.want)
		}
	}
}

// TestOpAssign: a variable may get another type; it keeps its tag when it is changed in place.
func TestOpAssign(t *testing.T) {
	tests := []struct {
		l    Value
		op   syntax.Operator
		r    Value
		want string
		tag  int32
	}{
		{Int(1), syntax.OpAdd, Int(2), "i64 3", 5},
		{Int(1), syntax.OpShl, Int(2), "i64 4", 0},
		{Int(1), syntax.OpAdd, Float(0.5), "f64 1.5", 0},
		{Float(1), syntax.OpAdd, Int(2), "f64 3.0", 5},
		{Bool(true), syntax.OpBitAnd, Bool(false), "bool false", 5},
		{Char('a'), syntax.OpAdd, String(""), "char a", 5},
		{Char('a'), syntax.OpAdd, Char('b'), `string "ab"`, 0},
		{Int(1), syntax.OpAdd, String("x"), `string "1x"`, 0},
		{String("a"), syntax.OpAdd, array(Unit), `string "a[()]"`, 5},
		{String("a"), syntax.OpAdd, Unit, `string "a"`, 5},
		{String("aba"), syntax.OpSub, Char('a'), `string "b"`, 5},
		{String(""), syntax.OpSub, String("x"), `string "x"`, 5},
		{array(), syntax.OpAdd, Int(1), "array [1]", 5},
		{array(), syntax.OpAdd, array(Int(1), Int(2)), "array [1, 2]", 5},
		{array(), syntax.OpAdd, Unit, "array [()]", 5},
		{mapOf("a", Int(1)), syntax.OpAdd, mapOf("b", Int(2)), `map #{"a": 1, "b": 2}`, 5},
		{NewBlob(nil), syntax.OpAdd, Int(511), "blob [ff]", 5},
		{NewBlob(nil), syntax.OpAdd, String("é"), "blob [c3a9]", 5},
		{Timestamp(1), syntax.OpAdd, Int(1), "timestamp <timestamp>", 5},
		{Timestamp(1), syntax.OpAdd, String("!"), `string "<timestamp>!"`, 0},
		{Unit, syntax.OpAdd, Int(1), "Function not found: + ((), i64)", 5},
	}
	thread := testThread(abi.Limits{})
	for _, test := range tests {
		v := thread.WithTag(test.l, 5)
		got := outcome(v, thread.OpAssign(test.op, &v, test.r))
		if !strings.HasPrefix(got, "Function") {
			got = outcome(v, nil)
		}
		if got != test.want || thread.Tag(v) != test.tag {
			t.Errorf("%s %s= %s: got %s with tag %d, want %s with tag %d", Debug(test.l), test.op, Debug(test.r), got, thread.Tag(v), test.want, test.tag)
		}
	}
}

// TestOpAssignKeepsCopies: a copy made before the assignment does not change with the variable,
// nor the right operand with what it was added to.
func TestOpAssignKeepsCopies(t *testing.T) {
	thread := testThread(abi.Limits{})
	inner := array(Int(1))
	values := []Value{array(inner, Int(2)), mapOf("a", inner), NewBlob([]byte("ab")), String("ab")}
	for _, v := range values {
		before := Debug(v)
		variable := v.Share()
		if err := thread.OpAssign(syntax.OpAdd, &variable, v); err != nil {
			t.Fatal(err)
		}
		if err := thread.OpAssign(syntax.OpAdd, &variable, variable); err != nil {
			t.Fatal(err)
		}
		if Debug(v) != before {
			t.Errorf("the copy of %s changed to %s", before, Debug(v))
		}
	}
	// An item that two arrays hold is copied before it changes.
	a := array(inner)
	b := array()
	if err := thread.OpAssign(syntax.OpAdd, &b, a); err != nil {
		t.Fatal(err)
	}
	if err := thread.OpAssign(syntax.OpAdd, &b.AsArray().Items[0], Int(9)); err != nil {
		t.Fatal(err)
	}
	if Debug(a) != "[[1]]" || Debug(b) != "[[1, 9]]" {
		t.Errorf("got %s and %s, want [[1]] and [[1, 9]]", Debug(a), Debug(b))
	}
	sum, _ := thread.Binary(syntax.OpAdd, a, array())
	if err := thread.OpAssign(syntax.OpAdd, &sum, Int(9)); err != nil || Debug(a) != "[[1]]" {
		t.Errorf("a sum with [] shares the array: %s, %v", Debug(a), err)
	}
}

func TestOperatorLimits(t *testing.T) {
	limits := abi.Limits{MaxStringSize: 10, MaxArraySize: 3, MaxBlobSize: 3, MaxMapSize: 1}
	thread := testThread(limits)
	long, full := String("123456789é"[:10]), array(Int(1), Int(2), Int(3))
	const tooLong, tooMany, tooManyKeys = "Length of string too large", "Size of array/BLOB too large", "Size of object map too large"
	tests := []operatorTest{
		{long, syntax.OpAdd, String("x"), tooLong},
		{long, syntax.OpAdd, Char('x'), tooLong},
		{long, syntax.OpAdd, Int(1), tooLong},
		{Int(1), syntax.OpAdd, long, tooLong},
		{String(""), syntax.OpAdd, doubled(40), tooLong},
		{full, syntax.OpAdd, array(Int(4)), tooMany},
		{NewBlob([]byte("abc")), syntax.OpAdd, Char('d'), tooMany},
		{NewBlob([]byte("ab")), syntax.OpAdd, NewBlob([]byte("cd")), tooMany},
		{mapOf("a", Int(1)), syntax.OpAdd, mapOf("b", Int(1)), tooManyKeys},
	}
	for _, test := range tests {
		if got := outcome(thread.Binary(test.op, test.l, test.r)); got != test.want {
			t.Errorf("%s %s %s: got %s, want %s", test.l.TypeName(), test.op, test.r.TypeName(), got, test.want)
		}
		if err := thread.OpAssign(test.op, &test.l, test.r); err == nil || err.Text != test.want {
			t.Errorf("%s %s= %s: got %v, want %s", test.l.TypeName(), test.op, test.r.TypeName(), err, test.want)
		}
	}

	_, err := testThread(abi.Limits{}).Equal(nested(MaxNesting+1), nested(MaxNesting+1))
	if err == nil || err.Text != "Nesting of value too large" {
		t.Errorf("comparing deeply nested arrays: got %v", err)
	}
	_, err = testThread(abi.Limits{}).Equal(doubled(40), doubled(40))
	if err == nil || err.Variant != ErrorTooManyOperations {
		t.Errorf("comparing arrays of many items: got %v", err)
	}
	interrupt := uint32(1)
	stopped := NewThread(&Program{}, stillHost{}, abi.DefaultLimits, &interrupt, 1)
	if _, err := stopped.Equal(full, full); err == nil || err.Variant != ErrorTerminated {
		t.Errorf("comparing after an interrupt: got %v", err)
	}
}

func TestCompare(t *testing.T) {
	tests := []struct {
		a, b  Value
		order int
		ok    bool
	}{
		{Int(1), Int(2), -1, true},
		{Float(0.30000000000000004), Float(0.3), 1, true}, // exactly, unlike the operators
		{Float(math.NaN()), Float(0.3), 0, true},
		{String("b"), String("a"), 1, true},
		{Char('a'), Char('b'), -1, true},
		{Bool(false), Bool(true), -1, true},
		{Unit, Unit, 0, true},
		{Int(1), Float(1), 0, false},
		{array(), array(), 0, false},
	}
	for _, test := range tests {
		if order, ok := Compare(test.a, test.b); order != test.order || ok != test.ok {
			t.Errorf("Compare(%s, %s): got %d, %v", Debug(test.a), Debug(test.b), order, ok)
		}
	}
}

// TestAppendIsLinear: building a string or array piece by piece does not copy it each time.
func TestAppendIsLinear(t *testing.T) {
	thread := testThread(abi.Limits{})
	s, a := String(""), array()
	allocations := testing.AllocsPerRun(1, func() {
		for range 20_000 {
			if thread.OpAssign(syntax.OpAdd, &s, Char('x')) != nil || thread.OpAssign(syntax.OpAdd, &a, Int(1)) != nil {
				t.Fatal("append failed")
			}
		}
	})
	if allocations > 20_000*3 {
		t.Errorf("%.0f allocations for 20,000 appends", allocations)
	}
}
