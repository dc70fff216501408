package sqlstore

import (
	"context"
	"errors"

	"github.com/picloud/picloud/host/store"
)

type revisions struct{ s *sqlStore }

const (
	generationGet   = `SELECT value FROM meta WHERE name = 'generation'`
	generationRaise = `UPDATE meta SET value = value + 1 WHERE name = 'generation' RETURNING value`

	revisionInsert = `INSERT INTO revisions (generation, resource, app_id, id) VALUES ($1, $2, $3, $4)`
	revisionPrune  = `DELETE FROM revisions WHERE generation <= $1`
	revisionsAfter = `SELECT generation, resource, app_id, id FROM revisions WHERE generation > $1 ORDER BY generation`
)

func (r revisions) Generation(ctx context.Context) (generation int64, err error) {
	err = r.s.reader().QueryRowContext(ctx, generationGet).Scan(&generation)
	return generation, failed(ctx, "read generation", err)
}

func (r revisions) After(ctx context.Context, generation int64) (found []store.Revision, complete bool, err error) {
	newest, err := r.Generation(ctx)
	if err != nil || newest <= generation {
		return nil, newest == generation, err
	}
	found, err = many(ctx, r.s.reader(), "revisions", func(row scanner) (rev store.Revision, err error) {
		err = row.Scan(&rev.Generation, &rev.Resource, &rev.AppID, &rev.ID)
		return rev, err
	}, revisionsAfter, generation)
	return found, len(found) > 0 && found[0].Generation == generation+1, err
}

func (r revisions) Follow(fn func(store.Revision)) {
	r.s.db.following.Lock()
	defer r.s.db.following.Unlock()
	r.s.db.followers = append(r.s.db.followers, fn)
}

// followed tells of a revision that is made.
func (db *database) followed(revision store.Revision) {
	db.following.RLock()
	defer db.following.RUnlock()
	for _, fn := range db.followers {
		fn(revision)
	}
}

func (r revisions) Shared() bool { return r.s.db.Dialect.Listen != nil }

func (r revisions) Listen(ctx context.Context, wake func()) error {
	if !r.Shared() {
		return store.Failed("listen", errors.ErrUnsupported)
	}
	return failed(ctx, "listen", r.s.db.Dialect.Listen(ctx, wake))
}

// ofRevision is what a revision changes, from one row to another.
func ofRevision(r *store.Revision, before, after any) noted {
	return noted{kind: string(r.Resource), appID: r.AppID, id: r.ID, before: before, after: after}
}

// ofApp is a revision of an app's own row.
func ofApp(id string) *store.Revision {
	return &store.Revision{Resource: store.ResourceApp, AppID: id, ID: id}
}

// ofUser is a revision of a user's own row, session or key.
func ofUser(id string) *store.Revision { return ofMember("", id) }

// ofMember is a revision of a user's place in an app.
func ofMember(appID, userID string) *store.Revision {
	return &store.Revision{Resource: store.ResourceUser, AppID: appID, ID: userID}
}

// endAll ends what several credentials of a user are, by a statement, and returns their number.
func (s *sqlStore) endAll(ctx context.Context, op, userID, query string, args ...any) (n int64, err error) {
	err = s.reconfigure(ctx, op, ofUser(userID), func(tx queryer) (err error) {
		n, err = affect(ctx, tx, query, args...)
		return err
	})
	return n, err
}

// reconfigure runs fn like change, and makes a revision of the row that fn changes. fn may set its
// fields: what is known only after looking.
func (s *sqlStore) reconfigure(ctx context.Context, op string, revision *store.Revision, fn func(tx queryer) error) error {
	return s.changing(ctx, op, func(tx *transaction) error {
		if err := fn(tx); err != nil {
			return err
		}
		if revision.Resource != store.ResourceUser { // which a session's or a key's is, too
			note(tx, ofRevision(revision, nil, nil))
		}
		if err := tx.QueryRowContext(ctx, generationRaise).Scan(&revision.Generation); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, revisionInsert, revision.Generation, string(revision.Resource), revision.AppID, revision.ID); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, revisionPrune, revision.Generation-store.KeptRevisions); err != nil {
			return err
		}
		made := *revision
		tx.afterCommit = append(tx.afterCommit, func() { s.db.followed(made) })
		if s.db.Dialect.Announce == "" {
			return nil
		}
		_, err := tx.ExecContext(ctx, s.db.Dialect.Announce)
		return err
	})
}
