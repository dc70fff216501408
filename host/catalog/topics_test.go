package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// What was published to a topic goes after the topic, and is there when it stays: whether it is deleted alone or together with
// other changes.
func TestMessagesGoAfterTheirTopic(t *testing.T) {
	enough := errors.New("enough")
	onEach(t, func(t *testing.T, n node) {
		alone := func(ctx context.Context, appID string) error { return n.DeleteTopic(ctx, appID, "news") }
		ended := func(ctx context.Context, appID string) error {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return alone(ctx, appID)
		}
		together := func(end error) func(context.Context, string) error {
			return func(ctx context.Context, appID string) error {
				return n.Together(ctx, func(_ store.Store, part *Catalog) error {
					return errors.Join(part.DeleteTopic(ctx, appID, "news"), end)
				})
			}
		}
		remover := n.Remover()
		swept := remover.Swept()
		remover.Start()
		defer func() { require.NoError(t, remover.Stop(context.Background())) }()
		for _, c := range []struct {
			name   string
			delete func(ctx context.Context, appID string) error
			err    error
		}{
			{"alone-fails", ended, context.Canceled},
			{"alone", alone, nil},
			{"together-fails", together(enough), enough},
			{"together", together(nil), nil},
		} {
			t.Run(c.name, func(t *testing.T) {
				app := n.app(t, c.name)
				_, err := n.SetTopic(t.Context(), store.Topic{AppID: app.ID, Name: "news", Access: store.AccessPublic})
				require.NoError(t, err)
				for _, id := range []string{"a", "b", "c"} {
					kept, err := n.store.Published().Add(t.Context(), store.Published{ID: c.name + id, AppID: app.ID, Topic: "news", Message: json.RawMessage("1")})
					require.NoError(t, err)
					require.True(t, kept)
				}
				require.ErrorIs(t, c.delete(t.Context(), app.ID), c.err)
				_, err = n.store.Topics().Get(t.Context(), app.ID, "news")
				left := 3
				if c.err == nil {
					require.Equal(t, fault.NotFound, fault.Of(err))
					for removed := int64(0); removed == 0; { // the first sweep may have begun before
						removed, err = swept.Next(t.Context())
						require.NoError(t, err)
					}
					left = 0
				}
				require.NoError(t, err)
				now, err := n.store.Published().Now(t.Context())
				require.NoError(t, err)
				messages, err := n.store.Published().Between(t.Context(), store.PublishedQuery{To: now, AppID: app.ID, Topic: "news", Limit: 10})
				require.NoError(t, err)
				require.Len(t, messages, left)
			})
		}
	})
}
