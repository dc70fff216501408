package sqlstore

import (
	"context"
	"slices"

	"github.com/picloud/picloud/host/store"
)

type scripts struct{ s *sqlStore }

const (
	scriptInsert = `INSERT INTO scripts (id, app_id, name, kind, limits, version, read_only, created_at, updated_at, source, wasm)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`
	scriptGet = `SELECT id, app_id, name, kind, limits, version, read_only, created_at, updated_at, source, octet_length(source), wasm, ` + wasmSize + `
		FROM scripts s WHERE s.id = $1 AND ` + liveScript
	scriptGetByName = `SELECT id, app_id, name, kind, limits, version, read_only, created_at, updated_at, source, octet_length(source), wasm, ` + wasmSize + `
		FROM scripts s WHERE s.app_id = $1 AND s.name = $2 AND ` + liveScript
	scriptNamed = `SELECT id FROM scripts WHERE app_id = $1 AND name = $2`
	scriptList  = `SELECT id, app_id, name, kind, limits, version, read_only, created_at, updated_at, '', octet_length(source), wasm, ` + wasmSize + `
		FROM scripts s WHERE s.app_id = $1 AND s.name > $2 AND ` + liveScript + ` ORDER BY s.name LIMIT $3`
	scriptUpdate = `UPDATE scripts SET name = $2, kind = $3, limits = $4, version = $5, read_only = $6, updated_at = $7, source = $8, wasm = $9
		WHERE id = $1`
	scriptApp    = `SELECT s.app_id FROM scripts s WHERE s.id = $1 AND ` + liveScript
	scriptExists = `SELECT 1 FROM scripts WHERE id = $1`

	importClear   = `DELETE FROM script_imports WHERE script_id = $1`
	importInsert  = `INSERT INTO script_imports (script_id, name) VALUES ($1, $2)`
	importList    = `SELECT name FROM script_imports WHERE script_id = $1 ORDER BY name`
	importersList = `SELECT s.id, s.app_id, s.name, s.kind, s.limits, s.version, s.read_only, s.created_at, s.updated_at, '', octet_length(s.source), s.wasm, ` + wasmSize + `
		FROM script_imports i JOIN scripts s ON s.id = i.script_id
		WHERE i.name = $2 AND s.app_id = $1 AND ` + liveScript + ` ORDER BY s.name`
)

func scanScript(row scanner) (s store.Script, err error) {
	err = row.Scan(&s.ID, &s.AppID, &s.Name, &s.Kind, document{&s.Limits}, &s.Version, &s.ReadOnly,
		instant{&s.CreatedAt}, instant{&s.UpdatedAt}, &s.Source, &s.SourceSize, optional{&s.WasmSHA256}, &s.WasmSize)
	return s, err
}

func (r scripts) Create(ctx context.Context, script store.Script) (store.Script, error) {
	module := moduleOf(script.Wasm)
	module.giveTo(&script)
	if err := checkScript(script); err != nil {
		return store.Script{}, err
	}
	if script.ID == "" {
		script.ID = newID()
	}
	script.Version = 1
	script.CreatedAt = r.s.db.now()
	script.UpdatedAt = script.CreatedAt
	script.SourceSize = int64(len(script.Source))
	revision := &store.Revision{Resource: store.ResourceScript, AppID: script.AppID, ID: script.ID}
	err := r.s.reconfigure(ctx, "create script", revision, func(tx queryer) error {
		note(tx, ofRevision(revision, nil, script))
		if err := must(ctx, tx, "app", appExists, script.AppID); err != nil {
			return err
		}
		if err := scriptNameFree(ctx, tx, script); err != nil {
			return err
		}
		if there, err := exists(ctx, tx, scriptExists, script.ID); err != nil {
			return err
		} else if there {
			return store.Conflict("script", "id", script.ID, script.ID)
		}
		if err := module.keep(ctx, tx); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, scriptInsert, script.ID, script.AppID, script.Name, string(script.Kind), encode(script.Limits),
			script.Version, script.ReadOnly, script.CreatedAt, script.UpdatedAt, script.Source, textOrNull(script.WasmSHA256))
		if err != nil {
			return err
		}
		return keepVersion(ctx, tx, script, 0)
	})
	if err != nil {
		return store.Script{}, err
	}
	return script, nil
}

func checkScript(script store.Script) error {
	if err := require(field{"name", script.Name}, field{"kind", string(script.Kind)}); err != nil {
		return err
	}
	if err := checkWasm(script); err != nil {
		return err
	}
	return check(field{"id", script.ID}, field{"source", script.Source})
}

// scriptNameFree refuses a name that another script of the app has.
func scriptNameFree(ctx context.Context, tx queryer, script store.Script) error {
	other, err := one(ctx, tx, "script", text, scriptNamed, script.AppID, script.Name)
	switch {
	case missing(err) || err == nil && other == script.ID:
		return nil
	case err != nil:
		return err
	}
	return store.Conflict("script", "name", script.Name, other)
}

func (r scripts) Get(ctx context.Context, id string) (store.Script, error) {
	return one(ctx, r.s.reader(), "script", scanScript, scriptGet, id)
}

func (r scripts) GetByName(ctx context.Context, appID, name string) (store.Script, error) {
	return one(ctx, r.s.reader(), "script", scanScript, scriptGetByName, appID, name)
}

func (r scripts) List(ctx context.Context, appID string, page store.PageRequest) (store.Page[store.Script], error) {
	return pageBy(ctx, r.s.reader(), "scripts", scanScript, func(s store.Script) string { return s.Name }, page, scriptList, appID)
}

func (r scripts) Update(ctx context.Context, id string, change store.ScriptChange) (script store.Script, err error) {
	module := moduleOf(change.Wasm)
	revision := &store.Revision{Resource: store.ResourceScript, ID: id}
	err = r.s.reconfigure(ctx, "update script", revision, func(tx queryer) error {
		if script, err = one(ctx, tx, "script", scanScript, scriptGet, id); err != nil {
			return err
		}
		revision.AppID = script.AppID
		before := script
		if change.ExpectVersion != 0 && change.ExpectVersion != script.Version {
			return store.Stale("script", change.ExpectVersion, script.Version)
		}
		set(&script.Name, change.Name)
		set(&script.Kind, change.Kind)
		set(&script.Source, change.Source)
		set(&script.Limits, change.Limits)
		set(&script.ReadOnly, change.ReadOnly)
		module.giveTo(&script)
		if err := checkScript(script); err != nil {
			return err
		}
		if err := scriptNameFree(ctx, tx, script); err != nil {
			return err
		}
		if err := module.keep(ctx, tx); err != nil {
			return err
		}
		script.Version++
		script.UpdatedAt = later(script.UpdatedAt, r.s.db.now())
		script.SourceSize = int64(len(script.Source))
		note(tx, ofRevision(revision, before, script))
		_, err := tx.ExecContext(ctx, scriptUpdate, script.ID, script.Name, string(script.Kind), encode(script.Limits),
			script.Version, script.ReadOnly, script.UpdatedAt, script.Source, textOrNull(script.WasmSHA256))
		if err != nil {
			return err
		}
		return keepVersion(ctx, tx, script, change.RestoredFrom)
	})
	if err != nil {
		return store.Script{}, err
	}
	return script, nil
}

func (r scripts) Delete(ctx context.Context, id string) error {
	revision := &store.Revision{Resource: store.ResourceScript, ID: id}
	return r.s.reconfigure(ctx, "delete script", revision, func(tx queryer) (err error) {
		before := was(tx, func() (store.Script, error) { return one(ctx, tx, "script", scanScript, scriptGet, id) })
		defer func() { note(tx, ofRevision(revision, before, nil)) }()
		if revision.AppID, err = one(ctx, tx, "script", text, scriptApp, id); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, scriptMark, id, r.s.db.now()); err != nil {
			return err
		}
		return each(ctx, tx, scriptEnds, id)
	})
}

func (r scripts) SetImports(ctx context.Context, scriptID string, names []string) error {
	names = slices.Clone(names)
	slices.Sort(names)
	names = slices.Compact(names)
	for _, name := range names {
		if err := require(field{"import", name}); err != nil {
			return err
		}
	}
	revision := &store.Revision{Resource: store.ResourceScript, ID: scriptID}
	return r.s.reconfigure(ctx, "set imports", revision, func(tx queryer) (err error) {
		if revision.AppID, err = one(ctx, tx, "script", text, scriptApp, scriptID); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, importClear, scriptID); err != nil {
			return err
		}
		for _, name := range names {
			if _, err := tx.ExecContext(ctx, importInsert, scriptID, name); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r scripts) Imports(ctx context.Context, scriptID string) ([]string, error) {
	return many(ctx, r.s.reader(), "imports", text, importList, scriptID)
}

func (r scripts) Importers(ctx context.Context, appID, name string) ([]store.Script, error) {
	return many(ctx, r.s.reader(), "importers", scanScript, importersList, appID, name)
}
