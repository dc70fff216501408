package audit

import (
	"context"

	"github.com/picloud/picloud/host/store"
)

// For the tests, which are of package audit_test.
const (
	Singly         = singly
	UnknownFlushes = unknownFlushes
)

var Common = common

func (s *Service) FlushDue(ctx context.Context) error { return s.flushDue(ctx) }

// CountBesideAFlush begins a change that is counted, has all be flushed before it is made, and returns what is counted then.
func CountBesideAFlush(entry store.AuditEntry) []store.AuditEntry {
	var b bursts
	count := b.sum(entry)
	for count == nil {
		count = b.sum(entry)
	}
	b.take()
	count()
	return b.take()
}
