package background_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/background"
)

// A book is what batches of a test are written to.
type book struct {
	mu     sync.Mutex
	begin  time.Time
	pages  []page
	gaveUp []string
	why    []error

	write func(ctx context.Context, page int) error // what becomes of the nth write, from 1; nil: all is well
}

// A page is one write.
type page struct {
	at    time.Duration
	items []string
}

func newBook() *book { return &book{begin: time.Now()} }

// config is that of a batch of at most 3 items, written after 100 ms.
func (b *book) config() background.BatchConfig[string] {
	return background.BatchConfig[string]{
		Name: "writing", Size: 3, Linger: 100 * time.Millisecond,
		Write: func(ctx context.Context, items []string) error {
			b.mu.Lock()
			b.pages = append(b.pages, page{time.Since(b.begin), slices.Clone(items)})
			n := len(b.pages)
			b.mu.Unlock()
			if b.write == nil {
				return nil
			}
			return b.write(ctx, n)
		},
		GaveUp: func(items []string, why error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.gaveUp = append(b.gaveUp, items...)
			b.why = append(b.why, why)
		},
	}
}

func add(b *background.Batch[string], items ...string) {
	for _, item := range items {
		b.Add(item)
	}
}

const ms = time.Millisecond

func TestBatchIsWrittenWhenFullOrAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := newBook()
		b := background.NewBatch(book.config())
		written := b.Written()
		b.Start()
		add(b, "a")
		time.Sleep(60 * ms)
		add(b, "b")
		assert.Equal(t, 2, next(t, written), "100 ms after the first")
		add(b, "c", "d", "e", "f")
		assert.Equal(t, 3, next(t, written), "at once")
		assert.Equal(t, 1, next(t, written), "after 100 ms")
		require.NoError(t, b.Stop(t.Context()))
		assert.Equal(t, []page{
			{100 * ms, []string{"a", "b"}},
			{100 * ms, []string{"c", "d", "e"}},
			{200 * ms, []string{"f"}},
		}, book.pages)
		assert.Empty(t, book.gaveUp)
	})
}

// What is added during a write waits for more, unless it fills a batch.
func TestFewAreNotWrittenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := newBook()
		var b *background.Batch[string]
		book.write = func(_ context.Context, page int) error {
			time.Sleep(20 * ms)
			switch page {
			case 1:
				add(b, "few")
			case 2:
				add(b, "a", "whole", "batch")
			}
			return nil
		}
		b = background.NewBatch(book.config())
		written := b.Written()
		b.Start()
		add(b, "first")
		for range 3 {
			next(t, written)
		}
		require.NoError(t, b.Stop(t.Context()))
		assert.Equal(t, []page{
			{100 * ms, []string{"first"}},
			{220 * ms, []string{"few"}},
			{240 * ms, []string{"a", "whole", "batch"}},
		}, book.pages)
	})
}

func TestFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := newBook()
		b := background.NewBatch(book.config())
		add(b, "before Start")
		soon, cancel := context.WithTimeout(t.Context(), ms)
		defer cancel()
		require.ErrorIs(t, b.Flush(soon), context.DeadlineExceeded, "nobody writes yet")
		b.Start()
		add(b, "a", "b", "c", "d")
		require.NoError(t, b.Flush(t.Context()))
		assert.Equal(t, []page{{ms, []string{"before Start", "a", "b"}}, {ms, []string{"c", "d"}}}, book.pages)
		require.NoError(t, b.Flush(t.Context()), "nothing waits")
		add(b, "e")
		synctest.Wait() // it lingers
		require.NoError(t, b.Flush(t.Context()))
		assert.Equal(t, page{ms, []string{"e"}}, book.pages[2], "without lingering")
		require.NoError(t, b.Stop(t.Context()))
		require.NoError(t, b.Flush(t.Context()), "after the stop there is nothing to wait for")
	})
}

func TestStopWritesWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := newBook()
		b := background.NewBatch(book.config())
		b.Start()
		add(b, "a", "b", "c", "d")
		require.NoError(t, b.Stop(t.Context()))
		assert.Equal(t, []page{{0, []string{"a", "b", "c"}}, {0, []string{"d"}}}, book.pages)
		add(b, "late")
		assert.Equal(t, []string{"late"}, book.gaveUp)
		assert.ErrorIs(t, book.why[0], background.ErrStopped)
	})
}

func TestStopWithoutStartGivesUpWhatWaits(t *testing.T) {
	book := newBook()
	b := background.NewBatch(book.config())
	add(b, "a", "b", "c", "d")
	require.NoError(t, b.Stop(t.Context()))
	assert.Equal(t, []string{"a", "b", "c", "d"}, book.gaveUp)
	assert.Empty(t, book.pages)
}

// A stop that lasts too long ends the write under way and gives up the rest.
func TestStopIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book := newBook()
		book.write = func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }
		b := background.NewBatch(book.config())
		b.Start()
		add(b, "a", "b", "c", "d")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.EqualError(t, b.Stop(ctx), "writing did not stop in time: context deadline exceeded")
		require.NoError(t, b.Stop(t.Context()))
		assert.Equal(t, []string{"a", "b", "c", "d"}, book.gaveUp)
		assert.Equal(t, time.Second, time.Since(book.begin))
	})
}

func TestFailedWritesAreTriedAgain(t *testing.T) {
	for _, c := range []struct {
		name   string
		write  func(ctx context.Context, page int) error
		at     []time.Duration // of the attempts
		gaveUp string
	}{
		{"and succeed", func(_ context.Context, page int) error {
			if page < 3 {
				return errors.New("no reply")
			}
			return nil
		}, []time.Duration{100 * ms, 150 * ms, 350 * ms}, ""},
		{"four times", func(context.Context, int) error { return errors.New("no reply") },
			[]time.Duration{100 * ms, 150 * ms, 350 * ms, 1150 * ms}, "no reply"},
		{"unless that is of no use", func(context.Context, int) error { return background.Permanent(errors.New("name is missing")) },
			[]time.Duration{100 * ms}, "name is missing"},
		{"after a panic too", func(context.Context, int) error { panic("a defect") },
			[]time.Duration{100 * ms, 150 * ms, 350 * ms, 1150 * ms}, "panic: a defect"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				book := newBook()
				book.write = c.write
				config := book.config()
				log, text := transcript()
				config.Log = log
				b := background.NewBatch(config)
				b.Start()
				add(b, "a", "b")
				time.Sleep(time.Minute)
				synctest.Wait()
				var at []time.Duration
				for _, page := range book.pages {
					at = append(at, page.at)
					assert.Equal(t, []string{"a", "b"}, page.items, "the same again")
				}
				assert.Equal(t, c.at, at)
				if c.gaveUp == "" {
					assert.Empty(t, book.gaveUp)
				} else {
					assert.Equal(t, []string{"a", "b"}, book.gaveUp)
					assert.EqualError(t, book.why[0], c.gaveUp)
				}
				book.write = nil
				add(b, "c")
				require.NoError(t, b.Stop(t.Context()))
				assert.Equal(t, []string{"c"}, book.pages[len(book.pages)-1].items, "it goes on")
				assert.Equal(t, c.gaveUp == "panic: a defect", text.Len() > 0, "%s", text)
			})
		})
	}
}

// Whoever adds never waits and never fills the memory: the oldest make room, at first by what they
// can do without.
func TestQueueIsBounded(t *testing.T) {
	for _, c := range []struct {
		name    string
		bound   func(*background.BatchConfig[string])
		add     []string
		written []string
		gaveUp  []string
	}{
		{"by number", func(c *background.BatchConfig[string]) { c.MaxItems = 2 },
			[]string{"a", "b", "c", "d"}, []string{"c", "d"}, []string{"a", "b"}},
		{"by weight", func(c *background.BatchConfig[string]) { c.MaxWeight = 6 },
			[]string{"aaa", "bbb", "c", "dd"}, []string{"bbb", "c", "dd"}, []string{"aaa"}},
		{"by weight, of which some can be shed", func(c *background.BatchConfig[string]) {
			c.MaxWeight, c.Lighten = 7, func(item *string) { *item = (*item)[:1] }
		}, []string{"aaa", "bbb", "ccc", "dd"}, []string{"a", "b", "ccc", "dd"}, nil},
		{"by weight, of which too little can be shed", func(c *background.BatchConfig[string]) {
			c.MaxWeight, c.Lighten = 2, func(item *string) { *item = (*item)[:1] }
		}, []string{"aaa", "bbb", "ccc"}, []string{"b", "c"}, []string{"a"}},
		{"by weight, and one alone is too heavy", func(c *background.BatchConfig[string]) { c.MaxWeight = 2 },
			[]string{"a", "bbb"}, nil, []string{"a", "bbb"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			book := newBook()
			config := book.config()
			config.Weigh = func(item *string) int { return len(*item) }
			c.bound(&config)
			b := background.NewBatch(config)
			for _, item := range c.add {
				b.Add(item)
				assert.True(t, config.MaxItems == 0 || b.Waiting() <= config.MaxItems)
			}
			assert.Equal(t, c.gaveUp, book.gaveUp)
			for _, why := range book.why {
				assert.ErrorIs(t, why, background.ErrFull)
			}
			b.Start()
			require.NoError(t, b.Flush(t.Context()))
			require.NoError(t, b.Stop(t.Context()))
			var written []string
			for _, page := range book.pages {
				written = append(written, page.items...)
			}
			assert.Equal(t, c.written, written)
		})
	}
}

// Many add, flush and stop at the same time, and nothing is lost.
func TestBatchLosesNothing(t *testing.T) {
	book := newBook()
	b := background.NewBatch(book.config())
	b.Start()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range 100 {
				b.Add("item")
				if i%30 == 0 {
					assert.NoError(t, b.Flush(context.Background()))
				}
			}
		})
	}
	all.Go(func() { assert.NoError(t, b.Stop(context.Background())) })
	all.Wait()
	n := len(book.gaveUp)
	for _, page := range book.pages {
		n += len(page.items)
	}
	assert.Equal(t, 400, n)
}

func BenchmarkBatchAdd(b *testing.B) {
	batch := background.NewBatch(background.BatchConfig[string]{
		Name: "bench", Size: 1024, MaxItems: 16_384, MaxWeight: 64 << 20,
		Weigh:  func(item *string) int { return len(*item) },
		GaveUp: func([]string, error) {},
	})
	b.ReportAllocs()
	for b.Loop() {
		batch.Add("item")
	}
}
