//go:build unix

package files

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/pgtest"
	"github.com/picloud/picloud/host/store/postgres"
	"github.com/picloud/picloud/host/store/sqlite"
)

// fixture is a service on a database and a directory of its own.
type fixture struct {
	*Service
	store      store.Store
	app, other store.App
	log        *lockedBuffer
	ctx        context.Context
}

func newFixture(t testing.TB, change func(*Config)) *fixture {
	t.Helper()
	s, err := sqlite.Open(context.Background(), sqlite.Config{Path: filepath.Join(t.TempDir(), sqlite.FileName)})
	require.NoError(t, err)
	return newFixtureOn(t, s, change)
}

func newFixtureOn(t testing.TB, s store.Store, change func(*Config)) *fixture {
	t.Helper()
	f := &fixture{store: s, log: &lockedBuffer{}, ctx: context.Background()}
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	config := Config{Store: s.Files(), Root: filepath.Join(t.TempDir(), "files"), Log: slog.New(slog.NewTextHandler(f.log, nil))}
	if change != nil {
		change(&config)
	}
	var err error
	f.Service, err = New(config)
	require.NoError(t, err)
	f.app, err = s.Apps().Create(f.ctx, store.App{Slug: "app"})
	require.NoError(t, err)
	f.other, err = s.Apps().Create(f.ctx, store.App{Slug: "other"})
	require.NoError(t, err)
	return f
}

// lockedBuffer keeps what is logged.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (f *fixture) create(t testing.TB, data []byte) store.File {
	t.Helper()
	file, err := f.Create(f.ctx, f.app.ID, "c", "name", "text/plain", bytes.NewReader(data))
	require.NoError(t, err)
	return file
}

// read reads a file by Open and by Get, which must agree.
func (f *fixture) read(t testing.TB, file store.File) []byte {
	t.Helper()
	r, err := f.Open(f.ctx, f.app.ID, "c", file.ID)
	require.NoError(t, err)
	defer r.Close()
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	got, err := f.Get(f.ctx, f.app.ID, "c", file.ID, Range{})
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, got), "Open and Get differ")
	return data
}

// blobs are the names of all that is in the directory, kept or temporary.
func (f *fixture) blobs(t testing.TB) (names []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(f.config.Root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && entry.Name() != markFile {
			names = append(names, entry.Name())
		}
		return err
	}))
	return names
}

func random(size int) []byte {
	data := make([]byte, size)
	source := rand.NewChaCha8([32]byte{byte(size)})
	source.Read(data)
	return data
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// failed expects an error with a code and returns its text.
func failed(t testing.TB, err error, code fault.Code) string {
	t.Helper()
	require.Equal(t, code, fault.Of(err), "%v", err)
	require.NotContains(t, err.Error(), "/", "a path")
	return err.Error()
}

var sizes = []int{0, 1, 1000, partSize - 1, partSize, partSize + 1, 3*partSize + 17}

func TestFileComesBack(t *testing.T) {
	f := newFixture(t, nil)
	for _, size := range sizes {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			data := random(size)
			// A reader that gives less than it is asked for.
			file, err := f.Create(f.ctx, f.app.ID, "c", "päper.txt", "Text/Plain;charset=UTF-8", iotest.HalfReader(bytes.NewReader(data)))
			require.NoError(t, err)
			require.Equal(t, "päper.txt", file.Name)
			require.Equal(t, "text/plain; charset=UTF-8", file.ContentType)
			require.EqualValues(t, size, file.Size)
			require.Equal(t, sumOf(data), file.SHA256)
			require.True(t, bytes.Equal(data, f.read(t, file)))
			head, err := f.Head(f.ctx, f.app.ID, "c", file.ID)
			require.NoError(t, err)
			require.Equal(t, file, head)
			require.Equal(t, []string{file.Blob}, f.blobs(t))
			require.NoError(t, f.Delete(f.ctx, f.app.ID, "c", file.ID, ""))
			_, err = f.Open(f.ctx, f.app.ID, "c", file.ID)
			require.Equal(t, fault.NotFound, fault.Of(err))
			require.Empty(t, f.blobs(t))
		})
	}
}

func TestDirectoryIsForTheOwner(t *testing.T) {
	f := newFixture(t, func(c *Config) { require.NoError(t, os.MkdirAll(c.Root, 0o755)) })
	f.create(t, random(10))
	require.NoError(t, filepath.WalkDir(f.config.Root, func(path string, entry fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := entry.Info()
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, "%s has mode %s", path, info.Mode())
		return nil
	}))
}

func TestUpdate(t *testing.T) {
	f := newFixture(t, nil)
	before, after := random(2*partSize+5), random(partSize+9)
	file := f.create(t, before)
	reader, err := f.Open(f.ctx, f.app.ID, "c", file.ID)
	require.NoError(t, err)
	defer reader.Close()

	renamed, err := f.Update(f.ctx, f.app.ID, "c", file.ID, Update{Name: new("new name"), ContentType: new("image/png")})
	require.NoError(t, err)
	require.Equal(t, "new name", renamed.Name)
	require.Equal(t, "image/png", renamed.ContentType)
	require.Equal(t, file.Blob, renamed.Blob, "the bytes have not changed")

	rewritten, err := f.Update(f.ctx, f.app.ID, "c", file.ID, Update{Data: bytes.NewReader(after)})
	require.NoError(t, err)
	require.Equal(t, "new name", rewritten.Name)
	require.Equal(t, sumOf(after), rewritten.SHA256)
	require.True(t, rewritten.UpdatedAt.After(renamed.UpdatedAt))
	require.True(t, bytes.Equal(after, f.read(t, file)))
	require.Equal(t, []string{rewritten.Blob}, f.blobs(t))

	old, err := io.ReadAll(reader)
	require.NoError(t, err)
	require.True(t, bytes.Equal(before, old), "who reads the old bytes reads on")

	_, err = f.Update(f.ctx, f.app.ID, "c", "unknown", Update{Data: bytes.NewReader(after)})
	require.Equal(t, fault.NotFound, fault.Of(err))
	require.Len(t, f.blobs(t), 1)
}

// What was uploaded elsewhere becomes a file, a new one or in the place of one, with the transaction or not at all.
func TestMove(t *testing.T) {
	f := newFixture(t, nil)
	upload := func(content string) store.File {
		file, err := f.Create(f.ctx, f.app.ID, "uploads", "new.txt", "text/plain", strings.NewReader(content))
		require.NoError(t, err)
		return file
	}
	old := f.create(t, []byte("old"))
	undone := errors.New("undone")
	for _, kept := range []bool{false, true} {
		first, other := upload("first"), upload("second")
		var made, replaced store.File
		var freed []string
		err := f.store.InTx(f.ctx, func(tx store.Store) error {
			within := f.In(tx)
			var none, gone string
			var err, err2 error
			made, none, err = within.Move(f.ctx, f.app.ID, "uploads", first.ID, "c", "")
			replaced, gone, err2 = within.Move(f.ctx, f.app.ID, "uploads", other.ID, old.Collection, old.ID)
			require.NoError(t, errors.Join(err, err2))
			freed = append(freed, none, gone)
			if !kept {
				return undone
			}
			return nil
		})
		if !kept {
			require.ErrorIs(t, err, undone)
			require.Equal(t, "old", string(f.read(t, old)))
			require.NoError(t, second(f.Head(f.ctx, f.app.ID, "uploads", first.ID)))
			continue
		}
		require.NoError(t, err)
		require.Equal(t, []string{"", old.Blob}, freed)
		f.Discard(freed[1:])
		require.Equal(t, "first", string(f.read(t, made)))
		require.Equal(t, "second", string(f.read(t, replaced)))
		require.Equal(t, []string{"new.txt", "text/plain", old.ID}, []string{replaced.Name, replaced.ContentType, replaced.ID})
		failed(t, second(f.Head(f.ctx, f.app.ID, "uploads", first.ID)), fault.NotFound)
	}
	used, err := f.store.Files().Usage(f.ctx, f.app.ID)
	require.NoError(t, err)
	require.EqualValues(t, 2*len("first")+2*len("second"), used, "those of the first round are uploads yet")
	require.Len(t, f.blobs(t), 4)
}

func TestRefused(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.MaxFileSize = 100 })
	file := f.create(t, random(100)) // just what fits
	type request struct{ collection, name, contentType string }
	for _, c := range []struct {
		name  string
		spoil func(*request)
		size  int64 // of the data, -1 for none
		field string
		says  string
	}{
		{"no collection", func(r *request) { r.collection = "" }, 100, "collection", "must be 1 to 512 bytes, got 0"},
		{"long collection", func(r *request) { r.collection = strings.Repeat("é", 257) }, 100, "collection", "must be 1 to 512 bytes, got 514"},
		{"control character", func(r *request) { r.collection = "a\u0085" }, 100, "collection", "must not contain control characters (U+0085 at byte 1)"},
		{"no name", func(r *request) { r.name = "" }, 100, "name", "must be 1 to 255 bytes, got 0"},
		{"long name", func(r *request) { r.name = strings.Repeat("x", 256) }, 100, "name", "must be 1 to 255 bytes, got 256"},
		{"newline", func(r *request) { r.name = "a\r\nb" }, 100, "name", "must not contain control characters (U+000D at byte 1)"},
		{"NUL", func(r *request) { r.name = "\x00" }, 100, "name", "must not contain control characters (U+0000 at byte 0)"},
		{"not UTF-8", func(r *request) { r.name = "ab\xff" }, 100, "name", "must be UTF-8 (byte 2 is not)"},
		{"slash", func(r *request) { r.name = "../etc" }, 100, "name", `must not contain path separators ('/' at byte 2)`},
		{"backslash", func(r *request) { r.name = `a\b` }, 100, "name", `must not contain path separators ('\\' at byte 1)`},
		{"this directory", func(r *request) { r.name = "." }, 100, "name", `must not be ".", which is a directory`},
		{"its parent", func(r *request) { r.name = ".." }, 100, "name", `must not be "..", which is a directory`},
		{"no content type", func(r *request) { r.contentType = "" }, 100, "content_type", "must be 1 to 255 bytes, got 0"},
		{"half a content type", func(r *request) { r.contentType = "text" }, 100, "content_type", `must be a media type as in text/plain, got "text"`},
		{"bad content type", func(r *request) { r.contentType = "text/" }, 100, "content_type", "must be a media type as in text/plain"},
		{"bad parameter", func(r *request) { r.contentType = "text/plain; a" }, 100, "content_type", "must be a media type as in text/plain"},
		{"header injection", func(r *request) { r.contentType = "text/plain\r\nset-cookie: a=b" }, 100, "content_type", "must be a media type as in text/plain"},
		{"long content type", func(r *request) { r.contentType = "a/" + strings.Repeat("b", 254) }, 100, "content_type", "must be 1 to 255 bytes, got 256"},
		{"long when encoded", func(r *request) { r.contentType = `a/b; c="` + strings.Repeat("é", 100) + `"` }, 100, "content_type", "must be 1 to 255 bytes"},
		{"no data", func(r *request) {}, -1, "data", "is missing"},
		{"too much data", func(r *request) {}, 101, "data", "must be at most 100 bytes"},
		{"endless data", func(r *request) {}, 1 << 60, "data", "must be at most 100 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := request{"c", "name", "text/plain"}
			c.spoil(&r)
			code := fault.Invalid
			if c.size > 100 {
				code = fault.TooLarge
			}
			refused := func(err error) {
				t.Helper()
				require.Equal(t, code, fault.Of(err), "%v", err)
				require.Equal(t, c.field, fault.From(err).Field)
				require.Contains(t, fault.From(err).Reason, c.says)
			}
			data := func() io.Reader {
				if c.size < 0 {
					return nil
				}
				return io.LimitReader(endless{}, c.size)
			}
			_, err := f.Create(f.ctx, f.app.ID, r.collection, r.name, r.contentType, data())
			refused(err)
			if c.name != "no data" { // of which Update needs none
				_, err = f.Update(f.ctx, f.app.ID, r.collection, file.ID, Update{Name: &r.name, ContentType: &r.contentType, Data: data()})
				refused(err)
			}
			require.Len(t, f.blobs(t), 1, "something is left behind")
		})
	}
}

// endless is a reader without end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestContentTypesAreSafeHeaders(t *testing.T) {
	for given, want := range map[string]string{
		"text/plain":                            "text/plain",
		" Text/HTML ; Charset=utf-8 ":           "text/html; charset=utf-8",
		`text/plain; a="b\"c"`:                  `text/plain; a="b\"c"`,
		"text/plain; name*=utf-8''%0d%0aX":      "text/plain; name*=utf-8''%0D%0AX",
		"text/plain; a=\"b;c\"":                 `text/plain; a="b;c"`,
		"application/vnd.api+json":              "application/vnd.api+json",
		"multipart/form-data; boundary=\"a b\"": `multipart/form-data; boundary="a b"`,
	} {
		got, err := canonicalType(given)
		require.NoError(t, err, "%q", given)
		require.Equal(t, want, got, "%q", given)
		again, err := canonicalType(got)
		require.NoError(t, err, "%q", got)
		require.Equal(t, got, again)
	}
}

func TestGetIsBoundedByWhatAFunctionHolds(t *testing.T) {
	f := newFixture(t, nil)
	file, err := f.Create(f.ctx, f.app.ID, "c", "big", "a/b", io.LimitReader(endless{}, MaxGetBytes+1))
	require.NoError(t, err)
	_, err = f.Get(f.ctx, f.app.ID, "c", file.ID, Range{})
	require.EqualError(t, err, "data: must be at most 16777216 bytes to be read by a script at once, the file has 16777217: ask for a part, with an offset and a length")
	last := int64(1)
	got, err := f.Get(f.ctx, f.app.ID, "c", file.ID, Range{Offset: MaxGetBytes, Length: &last})
	require.NoError(t, err)
	require.Len(t, got, 1)
}

func TestGetRange(t *testing.T) {
	f := newFixture(t, nil)
	const size = 3*partSize - 7
	data := random(size)
	file := f.create(t, data)
	for _, offset := range []int64{0, 1, partSize - 1, partSize, partSize + 1, 2 * partSize, size - 1, size, size + 1, math.MaxInt64} {
		for _, length := range []int64{-1, 0, 1, 10, partSize - 1, partSize, partSize + 1, 2 * partSize, size, math.MaxInt64} {
			within := Range{Offset: offset, Length: &length}
			if length < 0 {
				within.Length = nil
			}
			want := data[min(offset, size):]
			if length >= 0 {
				want = want[:min(length, int64(len(want)))]
			}
			got, err := f.Get(f.ctx, f.app.ID, "c", file.ID, within)
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, got), "%d bytes from %d: got %d, want %d", length, offset, len(got), len(want))
		}
	}
	negative := int64(-3)
	_, err := f.Get(f.ctx, f.app.ID, "c", file.ID, Range{Offset: -2})
	require.EqualError(t, err, "offset: must be at least 0, got -2")
	_, err = f.Get(f.ctx, f.app.ID, "c", file.ID, Range{Length: &negative})
	require.EqualError(t, err, "length: must be at least 0, got -3")

	// A damaged part does not keep the others from being read.
	flip(t, f.directory.path(file.Blob), partSize+5)
	some := int64(100)
	got, err := f.Get(f.ctx, f.app.ID, "c", file.ID, Range{Offset: 2 * partSize, Length: &some})
	require.NoError(t, err)
	require.True(t, bytes.Equal(data[2*partSize:][:100], got))
	_, err = f.Get(f.ctx, f.app.ID, "c", file.ID, Range{Offset: partSize, Length: &some})
	require.Error(t, err)
}

func TestUploadThatFails(t *testing.T) {
	f := newFixture(t, nil)
	file := f.create(t, random(10))
	lost := errors.New("connection reset")
	ctx, cancel := context.WithCancel(f.ctx)
	for _, c := range []struct {
		name string
		ctx  context.Context
		data io.Reader
		want error
	}{
		{"at once", f.ctx, iotest.ErrReader(lost), lost},
		{"later", f.ctx, io.MultiReader(bytes.NewReader(random(2*partSize+1)), iotest.ErrReader(lost)), lost},
		{"breaks off", f.ctx, io.MultiReader(bytes.NewReader(random(100)), iotest.ErrReader(io.ErrUnexpectedEOF)), io.ErrUnexpectedEOF},
		{"is cancelled", ctx, io.MultiReader(bytes.NewReader(random(partSize)), calling(cancel), endless{}), context.Canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := f.Create(c.ctx, f.app.ID, "c", "n", "a/b", c.data)
			require.Equal(t, c.want, err)
			_, err = f.Update(c.ctx, f.app.ID, "c", file.ID, Update{Data: iotest.ErrReader(c.want)})
			require.ErrorIs(t, err, c.want)
			require.Equal(t, []string{file.Blob}, f.blobs(t), "something is left behind")
			require.Equal(t, random(10), f.read(t, file))
		})
	}
}

// calling is a reader that is empty, and calls a function to be so.
type calling func()

func (c calling) Read([]byte) (int, error) { c(); return 0, io.EOF }

func TestNobodyElsesFiles(t *testing.T) {
	f := newFixture(t, nil)
	file := f.create(t, random(10))
	for name, at := range map[string][3]string{
		"another app":        {f.other.ID, "c", file.ID},
		"another collection": {f.app.ID, "d", file.ID},
		"no such file":       {f.app.ID, "c", "0197a0b0-0000-7000-8000-000000000000"},
		"a path":             {f.app.ID, "c", "../../" + file.Blob},
		"a blob":             {f.app.ID, "c", file.Blob},
	} {
		t.Run(name, func(t *testing.T) {
			for operation, err := range map[string]error{
				"head":   second(f.Head(f.ctx, at[0], at[1], at[2])),
				"get":    second(f.Get(f.ctx, at[0], at[1], at[2], Range{})),
				"open":   second(f.Open(f.ctx, at[0], at[1], at[2])),
				"rename": second(f.Update(f.ctx, at[0], at[1], at[2], Update{Name: new("x")})),
				"update": second(f.Update(f.ctx, at[0], at[1], at[2], Update{Data: strings.NewReader("x")})),
				"delete": f.Delete(f.ctx, at[0], at[1], at[2], ""),
			} {
				require.EqualError(t, err, "file not found", operation)
				require.Equal(t, fault.NotFound, fault.Of(err), operation)
			}
			page, err := f.List(f.ctx, f.other.ID, "c", store.PageRequest{})
			require.NoError(t, err)
			require.Empty(t, page.Items)
		})
	}
	require.Equal(t, random(10), f.read(t, file))
}

func second[T any](_ T, err error) error { return err }

func TestQuota(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Quota = func(string) int64 { return 1000 } })
	file := f.create(t, random(900))
	full := func(err error) {
		t.Helper()
		text := failed(t, err, fault.Quota)
		require.Equal(t, "data: the files of the app may have 1000 bytes in all and have 900: there is no room for these", text)
		require.Len(t, f.blobs(t), 1, "something is left behind")
	}
	full(second(f.Create(f.ctx, f.app.ID, "c", "n", "a/b", bytes.NewReader(random(101)))))
	full(second(f.Create(f.ctx, f.app.ID, "c", "n", "a/b", endless{})))
	full(second(f.Update(f.ctx, f.app.ID, "c", file.ID, Update{Data: bytes.NewReader(random(1001))})))
	_, err := f.Create(f.ctx, f.other.ID, "c", "n", "a/b", bytes.NewReader(random(1000)))
	require.NoError(t, err, "another app has its own")
	_, err = f.Update(f.ctx, f.app.ID, "c", file.ID, Update{Data: bytes.NewReader(random(1000))})
	require.NoError(t, err)
	_, err = f.Create(f.ctx, f.app.ID, "c", "n", "a/b", strings.NewReader(""))
	require.NoError(t, err)
}

// Whoever uploads at the same time, the quota holds, and what is refused leaves nothing.
func TestQuotaUnderConcurrency(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) store.Store{
		"SQLite": func(t *testing.T) store.Store {
			s, err := sqlite.Open(context.Background(), sqlite.Config{Path: filepath.Join(t.TempDir(), sqlite.FileName)})
			require.NoError(t, err)
			return s
		},
		"PostgreSQL": func(t *testing.T) store.Store {
			s, err := postgres.Open(context.Background(), postgres.Config{URL: pgtest.URL(t)})
			require.NoError(t, err)
			return s
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixtureOn(t, open(t), func(c *Config) { c.Quota = func(string) int64 { return 1000 } })
			var (
				wait    sync.WaitGroup
				mu      sync.Mutex
				refused int
			)
			for range 24 {
				wait.Go(func() {
					_, err := f.Create(f.ctx, f.app.ID, "c", "n", "a/b", bytes.NewReader(random(100)))
					if err != nil {
						failed(t, err, fault.Quota)
						mu.Lock()
						refused++
						mu.Unlock()
					}
				})
			}
			wait.Wait()
			require.Equal(t, 14, refused)
			require.Len(t, f.blobs(t), 10)
			used, err := f.store.Files().Usage(f.ctx, f.app.ID)
			require.NoError(t, err)
			require.EqualValues(t, 1000, used)
		})
	}
}

// Two that rewrite one file leave the bytes of one of them, and no others.
func TestUpdatesOfOneFileAtOnce(t *testing.T) {
	f := newFixture(t, nil)
	file := f.create(t, random(10))
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			_, err := f.Update(f.ctx, f.app.ID, "c", file.ID, Update{Data: bytes.NewReader(random(1000 + i))})
			if err != nil {
				t.Error(err)
			}
		})
		wait.Go(func() {
			r, err := f.Open(f.ctx, f.app.ID, "c", file.ID)
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			data, err := io.ReadAll(r)
			if err != nil || sumOf(data) != r.File.SHA256 {
				t.Errorf("read %d bytes of %d: %v", len(data), r.File.Size, err)
			}
		})
	}
	wait.Wait()
	data := f.read(t, file)
	require.Equal(t, random(len(data)), data)
	require.Len(t, f.blobs(t), 1)
}

func TestRanges(t *testing.T) {
	f := newFixture(t, nil)
	data := random(2*partSize + 100)
	file := f.create(t, data)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reader, err := f.Open(r.Context(), f.app.ID, "c", file.ID)
		if err != nil {
			t.Error(err)
			return
		}
		defer reader.Close()
		http.ServeContent(w, r, "", reader.File.UpdatedAt, reader)
	}))
	defer server.Close()
	for _, c := range []struct {
		ask        string
		status     int
		start, end int
	}{
		{"", 200, 0, len(data)},
		{"bytes=0-0", 206, 0, 1},
		{"bytes=0-", 206, 0, len(data)},
		{"bytes=-7", 206, len(data) - 7, len(data)},
		{fmt.Sprintf("bytes=%d-%d", partSize-3, partSize+3), 206, partSize - 3, partSize + 4},
		{fmt.Sprintf("bytes=%d-%d", partSize, 2*partSize), 206, partSize, 2*partSize + 1},
		{fmt.Sprintf("bytes=%d-", len(data)), 416, 0, 0},
	} {
		t.Run(c.ask, func(t *testing.T) {
			request, err := http.NewRequest("GET", server.URL, nil)
			require.NoError(t, err)
			request.Header.Set("Range", c.ask)
			response, err := server.Client().Do(request)
			require.NoError(t, err)
			defer response.Body.Close()
			require.Equal(t, c.status, response.StatusCode)
			if c.status != 416 {
				got, err := io.ReadAll(response.Body)
				require.NoError(t, err)
				require.True(t, bytes.Equal(data[c.start:c.end], got))
			}
		})
	}
}

func TestReader(t *testing.T) {
	f := newFixture(t, nil)
	data := random(partSize + 1000)
	file := f.create(t, data)
	r, err := f.Open(f.ctx, f.app.ID, "c", file.ID)
	require.NoError(t, err)
	require.NoError(t, iotest.TestReader(r, data))
	_, err = r.Seek(-1, io.SeekStart)
	require.Error(t, err)
	_, err = r.Seek(0, 7)
	require.Error(t, err)
	require.NoError(t, r.Close())
	require.NoError(t, r.Close(), "closing again")
	_, err = r.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrClosed)
}

// A 100 MiB file goes through a few buffers, up and down.
func TestLargeFileIsNeverInMemory(t *testing.T) {
	const size, most = 100 << 20, 6 << 20
	f := newFixture(t, nil)
	allocated := func() uint64 {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.TotalAlloc
	}
	before := allocated()
	file, err := f.Create(f.ctx, f.app.ID, "c", "large", "a/b", io.LimitReader(endless{}, size))
	require.NoError(t, err)
	require.EqualValues(t, size, file.Size)
	r, err := f.Open(f.ctx, f.app.ID, "c", file.ID)
	require.NoError(t, err)
	defer r.Close()
	n, err := io.Copy(io.Discard, r)
	require.NoError(t, err)
	require.EqualValues(t, size, n)
	require.Less(t, allocated()-before, uint64(most), "bytes allocated in all")
}

func TestNewRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for name, c := range map[string]struct {
		config Config
		says   string
	}{
		"no root":       {Config{}, "no root directory"},
		"negative size": {Config{Root: t.TempDir(), MaxFileSize: -1}, "must not be negative, got -1"},
		"a file":        {Config{Root: file}, "not a directory"},
		"below a file":  {Config{Root: filepath.Join(file, "x")}, "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(c.config)
			require.ErrorContains(t, err, c.says)
		})
	}
}
