package sqlstore

import (
	"context"
	"errors"
	"time"

	"github.com/picloud/picloud/host/store"
)

// published implements [store.PublishedLog].
type published struct{ s *sqlStore }

// Positions are how a database tells what is committed from what is not: see [store.Position].
type Positions struct {
	Now string // selects the present one
	Of  string // is that of a row of published
	// Between is the condition on rows of published that were committed after the position $1 and not
	// after $2.
	Between string
}

const (
	publishedInsert = `INSERT INTO published (id, app_id, topic, at, message)
		SELECT $2, app_id, topic, {now}, $5 FROM topics WHERE app_id = $3 AND topic = $4 AND ` + liveTopic + ` AND ` + ofLiveApp
	publishedOf    = ` FROM published WHERE app_id = $1 AND topic = $2 AND id = $3`
	publishedFind  = `SELECT id, app_id, topic, at, message, seq FROM published WHERE `
	publishedTopic = ` AND app_id = $5 AND topic = $6`
	publishedOrder = ` AND seq > $3 ORDER BY seq LIMIT $4`
	publishedOld   = `DELETE FROM published WHERE id IN (SELECT id FROM published WHERE at <= {after $3} ORDER BY at LIMIT $2)`
)

func scanPublished(row scanner) (p store.Published, err error) {
	err = row.Scan(&p.ID, &p.AppID, &p.Topic, instant{&p.At}, (*[]byte)(&p.Message), &p.Seq)
	return p, err
}

func (p published) Add(ctx context.Context, message store.Published) (kept bool, err error) {
	if err := require(field{"id", message.ID}, field{"message", string(message.Message)}); err != nil {
		return false, err
	}
	n, err := affect(ctx, p.s.writer(), p.s.timed(publishedInsert), p.s.db.now(), message.ID, message.AppID, message.Topic, string(message.Message))
	return n == 1, failed(ctx, "publish", err)
}

func (p published) Now(ctx context.Context) (store.Position, error) {
	position, err := one(ctx, p.s.reader(), "position", text, p.s.db.Dialect.Positions.Now)
	return store.Position(position), err
}

func (p published) PositionOf(ctx context.Context, appID, topic, id string) (store.Position, error) {
	position, err := one(ctx, p.s.reader(), "message", text, `SELECT `+p.s.db.Dialect.Positions.Of+publishedOf, appID, topic, id)
	return store.Position(position), err
}

func (p published) Between(ctx context.Context, query store.PublishedQuery) ([]store.Published, error) {
	if err := checkLimit(query.Limit, store.MaxBatch); err != nil {
		return nil, err
	}
	statement, args := publishedFind+p.s.db.Dialect.Positions.Between, []any{string(query.From), string(query.To), query.After, query.Limit}
	if query.AppID != "" {
		statement, args = statement+publishedTopic, append(args, query.AppID, query.Topic)
	}
	return many(ctx, p.s.reader(), "messages", scanPublished, statement+publishedOrder, args...)
}

func (p published) DeleteOlder(ctx context.Context, age time.Duration, limit int) (int, error) {
	if err := checkLimit(limit, store.MaxBatch); err != nil {
		return 0, err
	}
	n, err := affect(ctx, p.s.writer(), p.s.timed(publishedOld), p.s.db.now(), limit, -age.Microseconds())
	return int(n), failed(ctx, "delete messages", err)
}

func (p published) Shared() bool { return p.s.db.Dialect.ListenPublished != nil }

func (p published) Announce(ctx context.Context) error {
	if !p.Shared() {
		return nil
	}
	_, err := p.s.db.Write.ExecContext(ctx, p.s.db.Dialect.AnnouncePublished)
	return failed(ctx, "announce messages", err)
}

func (p published) Listen(ctx context.Context, wake func()) error {
	if !p.Shared() {
		return store.Failed("listen", errors.ErrUnsupported)
	}
	return failed(ctx, "listen", p.s.db.Dialect.ListenPublished(ctx, wake))
}
