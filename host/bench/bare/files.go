package bare

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	fileUsage  = `UPDATE file_usage SET bytes = bytes + $2 WHERE app_id = $1`
	fileInsert = `INSERT INTO files (app_id, collection, id, name, content_type, size, sha256, created_at, updated_at, blob, sums)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`
	fileRead = `SELECT name, sha256, blob FROM files WHERE app_id = $1 AND collection = $2 AND id = $3`
)

var contents sync.Map // of size to the bytes of a file

func content(size int) []byte {
	data, ok := contents.Load(size)
	if !ok {
		data, _ = contents.LoadOrStore(size, bytes.Repeat([]byte{7}, size))
	}
	return data.([]byte)
}

// filesCreate writes a file in the crash-safe order, then its row.
func filesCreate(ctx context.Context, d *Database, in Input) (err error) {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	blob := hex.EncodeToString(id[:])
	sum, err := writeFile(d.Written, blob, content(in.Size))
	if err != nil {
		return err
	}
	now := time.Now()
	tx, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ended(tx, err)) }()
	if _, err := tx.ExecContext(ctx, fileUsage, d.App, in.Size); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, fileInsert, d.App, "new", id.String(), "file", "application/octet-stream", in.Size, sum, now, now, blob, nil)
	return err
}

// ended commits a transaction, unless something in it failed.
func ended(tx *sql.Tx, failed error) error {
	if failed != nil {
		return tx.Rollback()
	}
	return tx.Commit()
}

// writeFile leaves a file whole or not at all, and returns its checksum.
func writeFile(folder, name string, data []byte) (sum string, err error) {
	file, err := os.Create(filepath.Join(folder, name+".tmp"))
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	_, err = io.Copy(io.MultiWriter(file, hash), bytes.NewReader(data))
	if err := errors.Join(err, file.Sync(), file.Close(), os.Rename(file.Name(), filepath.Join(folder, name))); err != nil {
		return "", err
	}
	directory, err := os.Open(folder)
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), errors.Join(directory.Sync(), directory.Close())
}

// filesGet reads the row, then the bytes, and checks their sum.
func filesGet(ctx context.Context, d *Database, in Input) error {
	var name, sum, blob string
	if err := d.scan(ctx, []any{&name, &sum, &blob}, fileRead, d.App, "bench", d.Files[in.Size]); err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(d.Kept, blob[:2], blob[2:4], blob))
	if err != nil {
		return err
	}
	if got := sha256.Sum256(data); hex.EncodeToString(got[:]) != sum {
		return errors.New("the bytes have another sum")
	}
	return nil
}
