package sqlstore

import (
	"context"

	"github.com/picloud/picloud/host/store"
)

// domains implements [store.Domains].
type domains struct{ s *sqlStore }

const (
	domainColumns = `id, app_id, host, created_at`
	domainInsert  = `INSERT INTO domains (` + domainColumns + `) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`
	domainByHost  = `SELECT id FROM domains WHERE host = $1`
	domainGet     = `SELECT ` + domainColumns + ` FROM domains WHERE id = $1`
	domainAll     = `SELECT ` + domainColumns + ` FROM domains ORDER BY host`
	domainList    = `SELECT ` + domainColumns + ` FROM domains WHERE app_id = $1 AND host > $2 ORDER BY host LIMIT $3`
	domainCount   = `SELECT COUNT(*) FROM domains WHERE app_id = $1`
	domainDelete  = `DELETE FROM domains WHERE id = $1 RETURNING ` + domainColumns
	domainTold    = `UPDATE meta SET value = 1 WHERE name = 'claims_told' AND value = 0`
	domainOfRoute = `SELECT ` + domainColumns + ` FROM domains WHERE id IN (SELECT id FROM routes) ORDER BY host`
)

func scanDomain(row scanner) (d store.Domain, err error) {
	err = row.Scan(&d.ID, &d.AppID, &d.Host, instant{&d.CreatedAt})
	return d, err
}

func (d domains) Create(ctx context.Context, domain store.Domain) (store.Domain, error) {
	if err := require(field{"host", domain.Host}); err != nil {
		return store.Domain{}, err
	}
	if err := check(field{"id", domain.ID}); err != nil {
		return store.Domain{}, err
	}
	if domain.ID == "" {
		domain.ID = newID()
	}
	domain.CreatedAt = d.s.db.now()
	revision := &store.Revision{Resource: store.ResourceDomain, AppID: domain.AppID, ID: domain.ID}
	err := d.s.reconfigure(ctx, "create domain", revision, func(tx queryer) error {
		if err := must(ctx, tx, "app", appExists, domain.AppID); err != nil {
			return err
		}
		note(tx, ofRevision(revision, nil, domain))
		n, err := affect(ctx, tx, domainInsert, domain.ID, domain.AppID, domain.Host, domain.CreatedAt)
		if err != nil || n == 1 {
			return err
		}
		other, err := one(ctx, tx, "domain", text, domainByHost, domain.Host)
		switch {
		case missing(err):
			return store.Conflict("domain", "id", domain.ID, domain.ID)
		case err != nil:
			return err
		}
		return store.Conflict("domain", "host", domain.Host, other)
	})
	if err != nil {
		return store.Domain{}, err
	}
	return domain, nil
}

func (d domains) Get(ctx context.Context, id string) (store.Domain, error) {
	return one(ctx, d.s.reader(), "domain", scanDomain, domainGet, id)
}

func (d domains) All(ctx context.Context) ([]store.Domain, error) {
	return many(ctx, d.s.reader(), "domains", scanDomain, domainAll)
}

func (d domains) List(ctx context.Context, appID string, page store.PageRequest) (store.Page[store.Domain], error) {
	return pageBy(ctx, d.s.reader(), "domains", scanDomain, func(d store.Domain) string { return d.Host }, page, domainList, appID)
}

func (d domains) Count(ctx context.Context, appID string) (n int, err error) {
	return one(ctx, d.s.reader(), "domains", func(row scanner) (n int, err error) {
		err = row.Scan(&n)
		return n, err
	}, domainCount, appID)
}

func (d domains) Delete(ctx context.Context, id string) error {
	revision := &store.Revision{Resource: store.ResourceDomain, ID: id}
	return d.s.reconfigure(ctx, "delete domain", revision, func(tx queryer) error {
		deleted, err := one(ctx, tx, "domain", scanDomain, domainDelete, id)
		if err != nil {
			return err
		}
		revision.AppID = deleted.AppID
		note(tx, ofRevision(revision, deleted, nil))
		return nil
	})
}

func (d domains) Untold(ctx context.Context) (claims []store.Domain, err error) {
	err = d.s.change(ctx, "tell of claims", func(tx queryer) error {
		if n, err := affect(ctx, tx, domainTold); err != nil || n == 0 {
			return err
		}
		claims, err = many(ctx, tx, "domains", scanDomain, domainOfRoute)
		return err
	})
	return claims, err
}
