package sqlstore

import (
	"context"
	"math"
	"strconv"

	"github.com/picloud/picloud/host/store"
)

const (
	versionColumns = `script_id, version, name, kind, limits, read_only, created_at, user_id, username, key_id, restored_from, size, wasm`
	versionInsert  = `INSERT INTO script_versions (` + versionColumns + `, source)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`
	versionPrune = `DELETE FROM script_versions WHERE script_id = $1 AND version <= $2`
	versionGet   = `SELECT ` + versionColumns + `, source FROM script_versions WHERE script_id = $1 AND version = $2`
	versionList  = `SELECT ` + versionColumns + `, '' FROM script_versions WHERE script_id = $1 AND version < $2 ORDER BY version DESC LIMIT $3`
	versionWasm  = `SELECT m.sha256, m.data FROM script_versions v JOIN wasm_modules m ON m.sha256 = v.wasm
		WHERE v.script_id = $1 AND v.version = $2`
)

func scanVersion(row scanner) (v store.ScriptVersion, err error) {
	err = row.Scan(&v.ScriptID, &v.Version, &v.Name, &v.Kind, document{&v.Limits}, &v.ReadOnly, instant{&v.CreatedAt},
		&v.UserID, &v.Username, &v.KeyID, &v.RestoredFrom, &v.Size, optional{&v.WasmSHA256}, &v.Source)
	return v, err
}

// keepVersion keeps what a script has become, in the transaction that made it so, and removes the version
// that is one too many.
func keepVersion(ctx context.Context, tx queryer, script store.Script, restoredFrom int64) error {
	size := int64(len(script.Source))
	if script.WasmSHA256 != "" {
		size = script.WasmSize
	}
	by := store.DeedOf(ctx).Entry()
	_, err := tx.ExecContext(ctx, versionInsert, script.ID, script.Version, script.Name, string(script.Kind), encode(script.Limits), script.ReadOnly,
		script.UpdatedAt, mended(by.UserID), mended(by.Username), mended(by.KeyID), restoredFrom, size, textOrNull(script.WasmSHA256), script.Source)
	if err != nil || script.Version <= store.KeptVersions {
		return err
	}
	_, err = tx.ExecContext(ctx, versionPrune, script.ID, script.Version-store.KeptVersions)
	return err
}

func (r scripts) Versions(ctx context.Context, scriptID string, page store.PageRequest) (store.Page[store.ScriptVersion], error) {
	limit, err := pageSize(page)
	if err != nil {
		return store.Page[store.ScriptVersion]{}, err
	}
	before := int64(math.MaxInt64)
	if page.Cursor != "" {
		keys, err := readCursor("versions", page.Cursor, 1)
		if err != nil {
			return store.Page[store.ScriptVersion]{}, err
		}
		if before, err = strconv.ParseInt(keys[0], 10, 64); err != nil {
			return store.Page[store.ScriptVersion]{}, store.ErrInvalidCursor
		}
	}
	rows, err := many(ctx, r.s.reader(), "versions", scanVersion, versionList, scriptID, before, limit+1)
	return pageOf(rows, limit, func(last store.ScriptVersion) string {
		return makeCursor("versions", strconv.FormatInt(last.Version, 10))
	}), err
}

func (r scripts) Version(ctx context.Context, scriptID string, version int64) (store.ScriptVersion, error) {
	return one(ctx, r.s.reader(), "version", scanVersion, versionGet, scriptID, version)
}

func (r scripts) VersionWasm(ctx context.Context, scriptID string, version int64) (store.WasmModule, error) {
	return one(ctx, r.s.reader(), "wasm module", scanWasm, versionWasm, scriptID, version)
}
