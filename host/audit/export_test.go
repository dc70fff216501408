package audit

import "context"

// For the tests, which are of package audit_test.
const (
	Singly         = singly
	UnknownFlushes = unknownFlushes
)

var Common = common

func (s *Service) FlushDue(ctx context.Context) error { return s.flushDue(ctx) }
