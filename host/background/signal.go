package background

import (
	"context"
	"slices"
	"sync"
)

// Signal tells whoever subscribed what has happened. The zero value is ready to use, and a Send that
// nobody listens to costs next to nothing. It is safe for concurrent use.
type Signal[T any] struct {
	mu          sync.Mutex
	subscribers []*Subscription[T]
}

// Send tells all subscribers. It never waits for them.
func (s *Signal[T]) Send(value T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, subscriber := range s.subscribers {
		subscriber.add(value)
	}
}

// Subscribe begins to listen to what is sent from now on.
func (s *Signal[T]) Subscribe() *Subscription[T] {
	subscriber := &Subscription[T]{more: make(chan struct{}, 1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.subscribers = append(s.subscribers, subscriber)
	return subscriber
}

// Subscription holds what was sent and not yet taken. It has no bound and no end, as a test wants it.
type Subscription[T any] struct {
	mu     sync.Mutex
	values []T
	more   chan struct{} // word that there are values
}

func (s *Subscription[T]) add(value T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values = append(s.values, value)
	notify(s.more)
}

// Next returns the oldest value not yet taken, and waits for one until ctx ends. The error is that
// of ctx.
func (s *Subscription[T]) Next(ctx context.Context) (value T, err error) {
	for {
		if value, ok := s.take(); ok {
			return value, nil
		}
		select {
		case <-s.more:
		case <-ctx.Done():
			return value, ctx.Err()
		}
	}
}

func (s *Subscription[T]) take() (value T, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.values) == 0 {
		return value, false
	}
	value = s.values[0]
	s.values = slices.Delete(s.values, 0, 1)
	if len(s.values) > 0 {
		notify(s.more) // for another that waits
	}
	return value, true
}
