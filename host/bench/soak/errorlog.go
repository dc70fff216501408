package main

import (
	"errors"
	"fmt"
	"strings"
	"sync"
)

// errorLog keeps the beginning of what the server writes to its standard error, where only errors
// should come.
type errorLog struct {
	mu   sync.Mutex
	text strings.Builder
}

// keptLog is how much of the log is shown, in bytes.
const keptLog = 8 << 10

func (l *errorLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p[:min(len(p), max(0, keptLog-l.text.Len()))])
	return len(p), nil
}

// err returns what was written as an error, nil for nothing.
func (l *errorLog) err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text.Len() == 0 {
		return nil
	}
	return errors.Join(errors.New("the server logged"), fmt.Errorf("%s", l.text.String()))
}
