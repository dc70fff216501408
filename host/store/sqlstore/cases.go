package sqlstore

import (
	"context"
	"encoding/json"

	"github.com/picloud/picloud/host/store"
)

const (
	casesGet = `SELECT version, cases FROM script_cases WHERE script_id = $1`
	casesSet = `INSERT INTO script_cases (script_id, version, cases) VALUES ($1, $2, $3)
		ON CONFLICT (script_id) DO UPDATE SET version = excluded.version, cases = excluded.cases`
)

// readCases reads what a script is tried with, which may be nothing.
func readCases(ctx context.Context, q queryer, scriptID string) (store.Cases, error) {
	found, err := one(ctx, q, "cases", func(row scanner) (c store.Cases, err error) {
		err = row.Scan(&c.Version, document{&c.List})
		return c, err
	}, casesGet, scriptID)
	return found, unlessMissing(err)
}

func (r scripts) Cases(ctx context.Context, scriptID string) (store.Cases, error) {
	return readCases(ctx, r.s.reader(), scriptID)
}

func (r scripts) SetCases(ctx context.Context, scriptID string, list []store.Case, expect *int64) (set store.Cases, err error) {
	encoded := encode(append([]store.Case{}, list...))
	if err := check(field{"cases", encoded}); err != nil {
		return store.Cases{}, err
	}
	err = r.s.change(ctx, "set cases", func(tx queryer) error {
		appID, err := one(ctx, tx, "script", text, scriptApp, scriptID)
		if err != nil {
			return err
		}
		before, err := readCases(ctx, tx, scriptID)
		if err != nil {
			return err
		}
		if expect != nil && *expect != before.Version {
			return store.Stale("the list of cases", *expect, before.Version)
		}
		set = store.Cases{Version: before.Version + 1}
		if err := json.Unmarshal([]byte(encoded), &set.List); err != nil { // as it will be read
			return err
		}
		note(tx, noted{kind: string(store.ResourceScript), appID: appID, id: scriptID, before: before, after: set})
		_, err = tx.ExecContext(ctx, casesSet, scriptID, set.Version, encoded)
		return err
	})
	if err != nil {
		return store.Cases{}, err
	}
	return set, nil
}
