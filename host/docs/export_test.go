package docs

import "context"

// Work does what the indexer does in the background, until there is nothing to do.
func (s *Service) Work(ctx context.Context) error { return s.work(ctx) }
