package docs

import (
	"context"
	"time"
)

// Work does what the indexer does in the background, until there is nothing to do.
func (s *Service) Work(ctx context.Context) error { return s.work(ctx) }

// Later lets time pass for what is remembered of queries.
func (s *Service) Later(by time.Duration) {
	now := s.far.now
	s.far.now = func() time.Time { return now().Add(by) }
}

// WalkAtMost has so many documents be looked at in the order of an index.
func (s *Service) WalkAtMost(documents int) { s.maxWalk = documents }
