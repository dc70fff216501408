package sqlstore

import (
	"context"
	"crypto/rand"

	"github.com/picloud/picloud/host/store"
)

// topics implements [store.Topics].
type topics struct{ s *sqlStore }

const (
	topicColumns = `app_id, topic, access, created_at`
	topicSet     = `INSERT INTO topics (app_id, topic, access, created_at) SELECT id, $2, $3, $4 FROM apps WHERE id = $1 AND ` + liveApp + `
		ON CONFLICT (app_id, topic) DO UPDATE SET access = excluded.access RETURNING ` + topicColumns
	topicGet  = `SELECT ` + topicColumns + ` FROM topics WHERE app_id = $1 AND topic = $2 AND ` + liveTopic + ` AND ` + ofLiveApp
	topicList = `SELECT ` + topicColumns + ` FROM topics WHERE app_id = $1 AND topic > $2 AND ` + liveTopic + ` ORDER BY topic LIMIT $3`
	topicMark = `UPDATE topics SET access = '' WHERE app_id = $1 AND topic = $2 AND ` + liveTopic
	// topicClear removes at once what is left of a topic that comes again.
	topicClear = `DELETE FROM topics WHERE app_id = $1 AND topic = $2 AND access = ''`

	keyMake = `INSERT INTO signing_keys (name, key) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`
	keyRead = `SELECT key FROM signing_keys WHERE name = $1`
)

// keySubscribers is the name of the key of subscribers' tokens.
const keySubscribers = "subscribers"

func scanTopic(row scanner) (t store.Topic, err error) {
	err = row.Scan(&t.AppID, &t.Name, &t.Access, instant{&t.CreatedAt})
	return t, err
}

// ofTopic is a revision of a topic, whose id is its name.
func ofTopic(appID, name string) *store.Revision {
	return &store.Revision{Resource: store.ResourceTopic, AppID: appID, ID: name}
}

func (t topics) Set(ctx context.Context, topic store.Topic) (set store.Topic, err error) {
	if err := require(field{"topic", topic.Name}, field{"access", string(topic.Access)}); err != nil {
		return store.Topic{}, err
	}
	err = t.s.reconfigure(ctx, "set topic", ofTopic(topic.AppID, topic.Name), func(tx queryer) error {
		before := wasTopic(ctx, tx, topic.AppID, topic.Name)
		defer func() { note(tx, ofRevision(ofTopic(topic.AppID, topic.Name), before, set)) }()
		if _, err := tx.ExecContext(ctx, topicClear, topic.AppID, topic.Name); err != nil {
			return err
		}
		set, err = one(ctx, tx, "app", scanTopic, topicSet, topic.AppID, topic.Name, string(topic.Access), t.s.db.now())
		return err
	})
	return set, err
}

func (t topics) Get(ctx context.Context, appID, name string) (store.Topic, error) {
	return one(ctx, t.s.reader(), "topic", scanTopic, topicGet, appID, name)
}

func (t topics) List(ctx context.Context, appID string, page store.PageRequest) (store.Page[store.Topic], error) {
	return pageBy(ctx, t.s.reader(), "topics", scanTopic, func(t store.Topic) string { return t.Name }, page, topicList, appID)
}

func (t topics) Delete(ctx context.Context, appID, name string) error {
	return t.s.reconfigure(ctx, "delete topic", ofTopic(appID, name), func(tx queryer) error {
		note(tx, ofRevision(ofTopic(appID, name), wasTopic(ctx, tx, appID, name), nil))
		return deleteOne(ctx, tx, "topic", topicMark, appID, name)
	})
}

// wasTopic is the topic before a change, to be noted.
func wasTopic(ctx context.Context, tx queryer, appID, name string) any {
	return was(tx, func() (store.Topic, error) { return one(ctx, tx, "topic", scanTopic, topicGet, appID, name) })
}

func (t topics) Key(ctx context.Context) (key []byte, err error) {
	read := func(q queryer) error {
		key, err = one(ctx, q, "key", func(row scanner) (k []byte, err error) {
			err = row.Scan(&k)
			return k, err
		}, keyRead, keySubscribers)
		return err
	}
	if err := read(t.s.reader()); !missing(err) {
		return key, err
	}
	err = t.s.join(ctx, "make a key", func(tx *sqlStore) error {
		made := make([]byte, 32)
		_, _ = rand.Read(made) // which never fails
		if _, err := tx.tx.ExecContext(ctx, keyMake, keySubscribers, made); err != nil {
			return err
		}
		return read(tx.tx) // another node may have been first
	})
	return key, err
}
