package sdk

import "github.com/picloud/picloud/guest-sdk/internal/host"

// Transaction runs fn with what it does by packages kv and docs all or nothing. It returns fn's
// error, which undoes everything, or the [*Error] for which nothing could be kept.
//
// If another transaction was in the way, fn runs again, up to 10 times: what it changes elsewhere,
// as a variable around it, is not undone. It has 5 seconds in all, and where others cannot write
// meanwhile 1 second each time; then the code of the error is [CodeTimeout]. Transactions do not
// nest. What could not be undone or would wait is refused within fn: package http, changes of files,
// [Invoke], streams, passwords and clock.Sleep.
func Transaction(fn func() error) error {
	for {
		if _, err := host.Call[host.None](host.TransactionBegin, nil); err != nil {
			return err
		}
		failed := fn()
		var end host.Operation = host.TransactionCommit
		if failed != nil {
			end = host.TransactionRollback
		}
		result, err := host.Call[ended](end, nil)
		switch {
		case failed == nil && err != nil:
			return err
		case err != nil || !result.Again:
			return failed
		}
	}
}

// ended is how a transaction has ended.
type ended struct {
	Again bool `json:"again"`
}
