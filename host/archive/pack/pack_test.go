package pack_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/archive/pack"
)

var at = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)

func random(size int) []byte {
	content := make([]byte, size)
	rand.NewChaCha8([32]byte{byte(size)}).Read(content)
	return content
}

// contents are those of entries, whose names are their numbers.
var contents = [][]byte{nil, []byte("x"), random(1 << 20), random(3<<20 + 7), bytes.Repeat([]byte("again "), 1<<20), []byte("end")}

func write(t testing.TB, to io.Writer) (sum string) {
	t.Helper()
	w, err := pack.NewWriter(to, at)
	require.NoError(t, err)
	for i, content := range contents {
		sum = w.Sum()
		of, err := w.Entry(fmt.Sprint(i), int64(len(content)), bytes.NewReader(content))
		require.NoError(t, err)
		assert.Equal(t, sha256.Sum256(content), of)
	}
	require.NoError(t, w.Close())
	return sum
}

func read(from io.Reader, bounds pack.Bounds) (got [][]byte, sum string, err error) {
	r, err := pack.NewReader(from, bounds)
	if err != nil {
		return nil, "", err
	}
	defer r.Close()
	for {
		entry, err := r.Next()
		if err != nil {
			return got, "", err
		}
		content, err := io.ReadAll(r)
		if err != nil {
			return got, "", err
		}
		if int64(len(content)) != entry.Size || entry.Name != fmt.Sprint(len(got)) {
			return got, "", fmt.Errorf("entry %d is %q of %d bytes, and has %d", len(got), entry.Name, entry.Size, len(content))
		}
		if got = append(got, content); string(content) == "end" {
			sum := r.Sum()
			return got, sum, r.End()
		}
	}
}

var bounds = pack.Bounds{Window: pack.Window}

func TestRoundTrip(t *testing.T) {
	var b bytes.Buffer
	want := write(t, &b)
	for _, ahead := range []bool{false, true} {
		got, sum, err := read(bytes.NewReader(b.Bytes()), pack.Bounds{Window: pack.Window, Ahead: ahead})
		require.NoError(t, err)
		assert.Equal(t, want, sum)
		require.Len(t, got, len(contents))
		for i := range contents {
			assert.True(t, bytes.Equal(contents[i], got[i]), "entry %d", i)
		}
	}
}

// What is not read of entries is in the sum all the same.
func TestPassedOver(t *testing.T) {
	var b bytes.Buffer
	want := write(t, &b)
	r, err := pack.NewReader(&b, bounds)
	require.NoError(t, err)
	defer r.Close()
	for range contents {
		_, err := r.Next()
		require.NoError(t, err)
	}
	assert.Equal(t, want, r.Sum())
	require.NoError(t, r.End())
}

func TestWhatIsNoPack(t *testing.T) {
	var b bytes.Buffer
	write(t, &b)
	whole := b.Bytes()
	packed := func(window int, fill func(*tar.Writer)) []byte {
		var b bytes.Buffer
		compressed, err := zstd.NewWriter(&b, zstd.WithWindowSize(window))
		require.NoError(t, err)
		w := tar.NewWriter(compressed)
		fill(w)
		require.NoError(t, w.Flush())
		require.NoError(t, compressed.Close())
		return b.Bytes()
	}
	entry := func(head tar.Header, content string) func(*tar.Writer) {
		return func(w *tar.Writer) {
			head.Mode, head.Size = 0o600, int64(len(content))
			require.NoError(t, w.WriteHeader(&head))
			_, err := io.WriteString(w, content)
			require.NoError(t, err)
		}
	}
	for _, c := range []struct {
		name    string
		content []byte
		bounds  pack.Bounds
		want    error
	}{
		{"empty", nil, bounds, pack.ErrForeign},
		{"a text", []byte("hello, this is no pack"), bounds, pack.ErrForeign},
		{"cut within zstd's head", whole[:5], bounds, pack.ErrCut},
		{"cut in the middle", whole[:len(whole)/2], bounds, pack.ErrCut},
		{"cut before its last byte", whole[:len(whole)-1], bounds, pack.ErrCut},
		{"cut between entries", packed(pack.Window, entry(tar.Header{Name: "0"}, "x")), bounds, pack.ErrCut},
		{"more behind it", append(bytes.Clone(whole), whole...), bounds, pack.ErrMore},
		{"nonsense behind it", append(bytes.Clone(whole), "more"...), bounds, pack.ErrUnreadable},
		{"too large", whole, pack.Bounds{Window: pack.Window, Bytes: 8 << 20}, pack.ErrTooLarge},
		{"a large window", packed(64<<20, entry(tar.Header{Name: "0"}, strings.Repeat("x", 10<<20))), bounds, pack.ErrMemory},
		{"a link", packed(pack.Window, entry(tar.Header{Name: "0", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, "")), bounds, pack.ErrNotPlain},
		{"more than is plain", packed(pack.Window, entry(tar.Header{Name: "0", PAXRecords: map[string]string{"SCHILY.xattr.user.x": "x"}}, "x")), bounds, pack.ErrNotPlain},
	} {
		for _, c.bounds.Ahead = range []bool{false, true} {
			_, _, err := read(bytes.NewReader(c.content), c.bounds)
			assert.ErrorIs(t, err, c.want, "%s, ahead: %v", c.name, c.bounds.Ahead)
		}
	}
	_, _, err := read(bytes.NewReader(whole), pack.Bounds{Window: pack.Window, Bytes: 12 << 20})
	assert.NoError(t, err, "as large as it may be")
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error)  { return 0, f.err }
func (f failing) Write([]byte) (int, error) { return 0, f.err }

// Errors of what a pack is read from and written to, and of what is put into it, are theirs.
func TestErrorsOfOthers(t *testing.T) {
	own := errors.New("the disk is broken")
	var b bytes.Buffer
	write(t, &b)
	_, _, err := read(io.MultiReader(bytes.NewReader(b.Bytes()[:b.Len()/2]), failing{own}), bounds)
	var source *pack.SourceError
	require.ErrorAs(t, err, &source)
	assert.Equal(t, own, source.Err)

	w, err := pack.NewWriter(failing{own}, at)
	require.NoError(t, err)
	for err == nil { // it is a little ahead of what it writes to
		_, err = w.Entry("0", 1<<20, bytes.NewReader(contents[2]))
	}
	assert.Equal(t, own, err)
	w.Abandon()

	w, err = pack.NewWriter(failing{own}, at)
	require.NoError(t, err)
	require.NoError(t, w.Whole("0", []byte("x")))
	assert.Equal(t, own, w.Close())
	w.Abandon() // does nothing

	w, err = pack.NewWriter(io.Discard, at)
	require.NoError(t, err)
	_, err = w.Entry("0", 5, io.MultiReader(strings.NewReader("12"), failing{own}))
	assert.Equal(t, own, err)
	w.Abandon()
	w, err = pack.NewWriter(io.Discard, at)
	require.NoError(t, err)
	_, err = w.Entry("0", 5, strings.NewReader("12"))
	assert.EqualError(t, err, "0 has 2 bytes instead of 5")
	w.Abandon()
}

// What is abandoned is no whole pack.
func TestAbandoned(t *testing.T) {
	var b bytes.Buffer
	w, err := pack.NewWriter(&b, at)
	require.NoError(t, err)
	require.NoError(t, w.Whole("0", contents[3]))
	w.Abandon()
	_, _, err = read(&b, bounds)
	assert.True(t, errors.Is(err, pack.ErrCut) || errors.Is(err, pack.ErrForeign), "%v", err)

	b.Reset()
	w, err = pack.NewWriter(&b, at)
	require.NoError(t, err)
	require.NoError(t, w.Whole("0", []byte("x")))
	w.Abandon()
	assert.Zero(t, b.Len(), "nothing was written of it yet")
}
