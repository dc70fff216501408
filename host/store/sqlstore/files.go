package sqlstore

import (
	"context"
	"encoding/json"

	"github.com/picloud/picloud/host/store"
)

// files implements [store.Files].
type files struct{ *sqlStore }

const (
	fileInsert = `INSERT INTO files (app_id, collection, id, name, content_type, size, sha256, created_at, updated_at, blob, sums)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (app_id, collection, id) DO NOTHING`
	fileGet = `SELECT app_id, collection, id, name, content_type, size, sha256, created_at, updated_at, blob, sums
		FROM files WHERE app_id = $1 AND collection = $2 AND id = $3`
	// The dialect's ForUpdate comes behind fileRead, which is for writes.
	fileRead = fileGet + ` AND ` + ofLiveApp
	fileList = `SELECT app_id, collection, id, name, content_type, size, sha256, created_at, updated_at, blob, NULL
		FROM files WHERE app_id = $1 AND collection = $2 AND id > $3 ORDER BY id LIMIT $4`
	fileCollections = `SELECT collection, COUNT(*), CAST(SUM(size) AS BIGINT)
		FROM files WHERE app_id = $1 AND collection > $2 GROUP BY collection ORDER BY collection LIMIT $3`
	fileUpdate = `UPDATE files SET name = $4, content_type = $5, size = $6, sha256 = $7, updated_at = $8, blob = $9, sums = $10
		WHERE app_id = $1 AND collection = $2 AND id = $3`
	fileDelete = `DELETE FROM files WHERE app_id = $1 AND collection = $2 AND id = $3 AND ` + ofLiveApp + `
		RETURNING app_id, collection, id, name, content_type, size, sha256, created_at, updated_at, blob, NULL`
	fileRootSet = `INSERT INTO file_root (one, mark) VALUES (1, $1) ON CONFLICT (one) DO NOTHING`
	fileRootGet = `SELECT COALESCE((SELECT mark FROM file_root), '')`
	fileBlobs   = `SELECT blob FROM files WHERE blob >= $1 AND blob < $2`

	// Nothing happens if the app is unknown or would then have more than $3 bytes, 0 for no quota.
	fileUsageAdd = `INSERT INTO file_usage (app_id, bytes)
		SELECT id, CAST($2 AS BIGINT) FROM apps
			WHERE id = $1 AND ` + liveApp + ` AND (CAST($3 AS BIGINT) = 0 OR CAST($2 AS BIGINT) <= CAST($3 AS BIGINT))
		ON CONFLICT (app_id) DO UPDATE SET bytes = file_usage.bytes + excluded.bytes
			WHERE CAST($3 AS BIGINT) = 0 OR file_usage.bytes + excluded.bytes <= CAST($3 AS BIGINT)`
	fileUsageGet = `SELECT COALESCE((SELECT bytes FROM file_usage WHERE app_id = $1), 0)`
)

func scanFile(row scanner) (f store.File, err error) {
	err = row.Scan(&f.AppID, &f.Collection, &f.ID, &f.Name, &f.ContentType, &f.Size, &f.SHA256,
		instant{&f.CreatedAt}, instant{&f.UpdatedAt}, &f.Blob, &f.Sums)
	return f, err
}

func scanFileCollection(row scanner) (c store.FileCollection, err error) {
	err = row.Scan(&c.Name, &c.Files, &c.Bytes)
	return c, err
}

func scanBytes(row scanner) (n int64, err error) {
	err = row.Scan(&n)
	return n, err
}

func checkFile(file store.File) error {
	if err := require(field{"collection", file.Collection}, field{"name", file.Name},
		field{"content_type", file.ContentType}, field{"blob", file.Blob}); err != nil {
		return err
	}
	return check(field{"id", file.ID}, field{"sha256", file.SHA256})
}

func (f files) Create(ctx context.Context, file store.File, quota int64) (store.File, error) {
	if err := checkFile(file); err != nil {
		return store.File{}, err
	}
	if file.ID == "" {
		file.ID = newID()
	}
	if file.CreatedAt.IsZero() {
		file.CreatedAt = f.db.now()
		file.UpdatedAt = file.CreatedAt
	}
	file.CreatedAt, file.UpdatedAt = cut(file.CreatedAt), cut(file.UpdatedAt)
	err := f.mutate(ctx, "create file", aboutFile(file.AppID, file.Collection, file.ID), func(tx mutation) error {
		if err := addFileUsage(ctx, tx.tx, file.AppID, file.Size, quota); err != nil {
			return err
		}
		n, err := affect(ctx, tx.tx, fileInsert, file.AppID, file.Collection, file.ID, file.Name, file.ContentType,
			file.Size, file.SHA256, file.CreatedAt, file.UpdatedAt, file.Blob, file.Sums)
		if err != nil {
			return err
		}
		if n == 0 {
			if err := addFileUsage(ctx, tx.tx, file.AppID, -file.Size, 0); err != nil {
				return err
			}
			return store.Conflict("file", "id", file.ID, file.ID)
		}
		return tx.tellFile(ctx, store.ChangeCreate, &file, nil)
	})
	if err != nil {
		return store.File{}, err
	}
	return file, nil
}

// addFileUsage counts bytes an app has more, or fewer, of.
func addFileUsage(ctx context.Context, tx queryer, appID string, bytes, quota int64) error {
	if bytes <= 0 {
		quota = 0
	}
	n, err := affect(ctx, tx, fileUsageAdd, appID, bytes, quota)
	if err != nil || n == 1 {
		return err
	}
	if err := must(ctx, tx, "app", appExists, appID); err != nil {
		return err
	}
	used, err := one(ctx, tx, "file usage", scanBytes, fileUsageGet, appID)
	if err != nil {
		return err
	}
	return store.OverQuota("files", quota, used, bytes)
}

// aboutFile is a change of a file.
func aboutFile(appID, collection, id string) store.Change {
	return store.Change{AppID: appID, Source: store.ChangeFiles, Collection: collection, Key: id}
}

// tellFile tells of a change of a file; nil stands for none.
func (m mutation) tellFile(ctx context.Context, operation store.ChangeOperation, now, before *store.File) error {
	if !m.heard {
		return nil
	}
	metadata := func(file *store.File) json.RawMessage {
		if file == nil {
			return nil
		}
		return json.RawMessage(encode(file))
	}
	return m.tell(ctx, operation, metadata(now), metadata(before))
}

func (f files) Get(ctx context.Context, appID, collection, id string) (store.File, error) {
	return one(ctx, f.lookup(), "file", scanFile, fileGet, appID, collection, id)
}

func (f files) List(ctx context.Context, appID, collection string, page store.PageRequest) (store.Page[store.File], error) {
	return pageBy(ctx, f.reader(), "files", scanFile, func(f store.File) string { return f.ID }, page, fileList, appID, collection)
}

func (f files) Collections(ctx context.Context, appID string, page store.PageRequest) (store.Page[store.FileCollection], error) {
	name := func(c store.FileCollection) string { return c.Name }
	return pageBy(ctx, f.reader(), "file collections", scanFileCollection, name, page, fileCollections, appID)
}

func (f files) Update(ctx context.Context, appID, collection, id string, change store.FileChange, quota int64) (now, before store.File, err error) {
	err = f.mutate(ctx, "update file", aboutFile(appID, collection, id), func(tx mutation) error {
		if before, err = one(ctx, tx.tx, "file", scanFile, fileRead+tx.db.Dialect.ForUpdate, appID, collection, id); err != nil {
			return err
		}
		if err := checkContent(before, change.Expect); err != nil {
			return err
		}
		now = before
		set(&now.Name, change.Name)
		set(&now.ContentType, change.ContentType)
		if c := change.Content; c != nil {
			now.Size, now.SHA256, now.Blob, now.Sums = c.Size, c.SHA256, c.Blob, c.Sums
		}
		if err := checkFile(now); err != nil {
			return err
		}
		if now.Size != before.Size {
			if err := addFileUsage(ctx, tx.tx, appID, now.Size-before.Size, quota); err != nil {
				return err
			}
		}
		now.UpdatedAt = later(before.UpdatedAt, f.db.now())
		if _, err := tx.tx.ExecContext(ctx, fileUpdate, appID, collection, id, now.Name, now.ContentType,
			now.Size, now.SHA256, now.UpdatedAt, now.Blob, now.Sums); err != nil {
			return err
		}
		return tx.tellFile(ctx, store.ChangeUpdate, &now, &before)
	})
	if err != nil {
		return store.File{}, store.File{}, err
	}
	return now, before, nil
}

// checkContent refuses a file with other bytes than those expected, "" for any.
func checkContent(file store.File, expect string) error {
	if expect != "" && file.SHA256 != expect {
		return store.OtherContent(expect, file.SHA256)
	}
	return nil
}

func (f files) Delete(ctx context.Context, appID, collection, id, expect string) (file store.File, err error) {
	err = f.mutate(ctx, "delete file", aboutFile(appID, collection, id), func(tx mutation) error {
		if expect != "" {
			if file, err = one(ctx, tx.tx, "file", scanFile, fileRead+tx.db.Dialect.ForUpdate, appID, collection, id); err != nil {
				return err
			}
			if err := checkContent(file, expect); err != nil {
				return err
			}
		}
		if file, err = one(ctx, tx.tx, "file", scanFile, fileDelete, appID, collection, id); err != nil {
			return err
		}
		if err := addFileUsage(ctx, tx.tx, appID, -file.Size, 0); err != nil {
			return err
		}
		return tx.tellFile(ctx, store.ChangeDelete, nil, &file)
	})
	if err != nil {
		return store.File{}, err
	}
	return file, nil
}

func (f files) Usage(ctx context.Context, appID string) (int64, error) {
	return one(ctx, f.reader(), "file usage", scanBytes, fileUsageGet, appID)
}

func (f files) Blobs(ctx context.Context, from, to string) ([]string, error) {
	return many(ctx, f.reader(), "blobs", text, fileBlobs, from, to)
}

func (f files) Root(ctx context.Context, mark string) (string, error) {
	if err := check(field{"mark", mark}); err != nil {
		return "", err
	}
	if mark != "" {
		if _, err := affect(ctx, f.writer(), fileRootSet, mark); err != nil {
			return "", failed(ctx, "set files root", err)
		}
	}
	return one(ctx, f.reader(), "files root", text, fileRootGet)
}
