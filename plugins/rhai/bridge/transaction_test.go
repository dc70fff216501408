package bridge_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
)

// A transaction is one operation before its function and one behind it, and all of it again if the
// host says so.
func TestTransactions(t *testing.T) {
	const c = `let c = kv::collection("c"); `
	conflict := &abi.OpError{Code: abi.OpCodeConflict, Message: "kv.set: another one was in the way"}
	late := &abi.OpError{Code: abi.OpCodeTimeout, Message: "transaction.commit: too long"}
	for name, test := range map[string]struct {
		script     string
		again      int              // how often the host wants it again
		fails      map[abi.Op]error // by operation
		operations string
		want       string // the value, or the error
	}{
		"its value is the function's":   {c + `transaction(|| { c.set("k", 1); 42 })`, 0, nil, "begin kv.set commit", `42`},
		"of a named function":           {`fn f() { 7 } transaction(Fn("f")) + 1`, 0, nil, "begin commit", `8`},
		"of a curried one":              {`fn f(a) { a } transaction(Fn("f").curry(#{a: [1]}))`, 0, nil, "begin commit", `{"a":[1]}`},
		"it sees what is around":        {`let n = 1; transaction(|| { n += 1; }); n`, 0, nil, "begin commit", `2`},
		"return is no error":            {c + `transaction(|| { return "r"; c.set("k", 1) })`, 0, nil, "begin commit", `"r"`},
		"exit is none either":           {c + `transaction(|| { c.set("k", 1); exit("done") }); 5`, 0, nil, "begin kv.set commit", `"done"`},
		"an error undoes it":            {c + `transaction(|| { c.set("k", 1); throw "no"; })`, 0, nil, "begin kv.set rollback", "error: Runtime error: no (line 1, position 62)\nin closure call (line 1, position 30)"},
		"and can be caught":             {`let r = 0; try { transaction(|| throw #{code: 7}) } catch (e) { r = e.code } r`, 0, nil, "begin rollback", `7`},
		"one that is caught within":     {`transaction(|| { let r = 0; try { throw 1 } catch { r = 2 } r })`, 0, nil, "begin commit", `2`},
		"of the language, too":          {`transaction(|| [1][5])`, 0, nil, "begin rollback", "error: Array index 5 out of bounds: only 1 element in array (line 1, position 20)\nin closure call (line 1, position 1)"},
		"and in a function":             {`fn f() { throw "deep" } let r = (); try { transaction(|| f()) } catch (e) { r = e } r`, 0, nil, "begin rollback", `"deep"`},
		"a wrong function":              {`transaction(|a| a)`, 0, nil, "begin rollback", `error: Function not found: `},
		"no function":                   {`transaction(1)`, 0, nil, "", `error: Function not found: transaction (i64) (line 1, position 1)`},
		"it runs again":                 {`let runs = 0; transaction(|| runs += 1); runs`, 2, nil, "begin commit begin commit begin commit", `3`},
		"also when it has failed":       {c + `let runs = 0; transaction(|| { runs += 1; if runs < 3 { throw "no" } }); runs`, 2, nil, "begin rollback begin rollback begin commit", `3`},
		"an operation that fails":       {c + `transaction(|| c.set("k", 1))`, 0, map[abi.Op]error{abi.OpKVSet: conflict}, "begin kv.set rollback", "error: kv.set: another one was in the way (line 1, position 47)\nin closure call (line 1, position 30)"},
		"a commit that fails":           {`let r = (); try { transaction(|| 1) } catch (e) { r = [e.code, e.operation] } r`, 0, map[abi.Op]error{abi.OpTransactionCommit: late}, "begin commit", `["timeout","transaction.commit"]`},
		"a rollback that fails":         {`transaction(|| throw "first")`, 0, map[abi.Op]error{abi.OpTransactionRollback: late}, "begin rollback", "error: Runtime error: first (line 1, position 16)\nin closure call (line 1, position 1)"},
		"a begin that fails":            {`transaction(|| 1)`, 0, map[abi.Op]error{abi.OpTransactionBegin: late}, "begin", `error: transaction.begin: transaction.commit: too long (line 1, position 1)`},
		"sleep that is refused":         {`transaction(|| sleep(1))`, 0, map[abi.Op]error{abi.OpClockSleep: conflict}, "begin clock.sleep rollback", "error: clock.sleep: kv.set: another one was in the way (line 1, position 16)\nin closure call (line 1, position 1)"},
		"a limit ends it with the rest": {c + `transaction(|| loop {})`, 1, nil, "begin", `error: Too many operations (line 1, position 30)`},
	} {
		t.Run(name, func(t *testing.T) {
			w := &scripted{again: test.again, fails: test.fails}
			got, failure := run(t, &wire{relay: w.call}, test.script, abi.Limits{MaxOperations: 10_000})
			if failure != nil {
				got = "error: " + failure.Message
			}
			if strings.HasSuffix(test.want, ": ") {
				assert.True(t, strings.HasPrefix(got, test.want), got)
			} else {
				assert.Equal(t, test.want, got)
			}
			assert.Equal(t, test.operations, strings.Join(w.operations, " "))
		})
	}
}

// scripted is a host that wants transactions again, and whose operations fail.
type scripted struct {
	again      int
	fails      map[abi.Op]error
	operations []string
}

func (w *scripted) call(op abi.Op) (msgp.Marshaler, error) {
	row, _ := abi.Lookup(op)
	w.operations = append(w.operations, strings.TrimPrefix(row.Name, "transaction."))
	if err := w.fails[op]; err != nil {
		return nil, err
	}
	switch op {
	case abi.OpTransactionCommit, abi.OpTransactionRollback:
		w.again--
		return &abi.TransactionResponse{Again: w.again >= 0}, nil
	case abi.OpKVSet:
		return &abi.KVSetResponse{Set: true}, nil
	}
	return nil, nil
}
