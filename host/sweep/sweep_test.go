package sweep

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestSweeper(t *testing.T) {
	var log bytes.Buffer
	swept := make(chan int)
	round := 0
	s := Start("old", "things", time.Millisecond, slog.New(slog.NewTextHandler(&log, nil)), func(ctx context.Context) (int, error) {
		round++
		select {
		case swept <- round:
		case <-ctx.Done():
			return 0, ctx.Err() // of being stopped, and not logged
		}
		if round == 2 {
			return 0, errors.New("no reply")
		}
		return 3, nil
	})
	for want := 1; want <= 3; want++ {
		assert.Equal(t, want, <-swept)
	}
	s.Stop()
	assert.Contains(t, log.String(), `level=INFO msg="old things removed" things=3`)
	assert.Contains(t, log.String(), `level=ERROR msg="old things not removed" error="no reply"`)
	assert.NotContains(t, log.String(), "canceled")
	(*Sweeper)(nil).Stop()
}
