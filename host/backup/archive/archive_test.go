package archive_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/backup/archive"
	"github.com/picloud/picloud/host/store"
)

var head = archive.Head{Format: archive.Format, Version: "1.2.3", CreatedAt: time.Date(2026, 1, 31, 3, 0, 0, 0, time.UTC), Database: "sqlite", Schema: 21}

func random(size int) []byte {
	content := make([]byte, size)
	rand.NewChaCha8([32]byte{byte(size)}).Read(content)
	return content
}

func sum(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

var (
	parts = []struct {
		name    string
		content []byte
	}{{"empty", nil}, {"small", []byte("a part")}, {"exact", random(1 << 20)}, {"large", random(3<<20 + 5)}}
	files = map[string][]byte{"aa": nil, "bb": []byte("a file"), "cc": random(2<<20 + 7)}
)

// write writes a backup of all of that.
func write(t testing.TB, to io.Writer, head archive.Head) archive.End {
	t.Helper()
	w, err := archive.NewWriter(to, head)
	require.NoError(t, err)
	require.NoError(t, w.Key([]byte("keys")))
	for i, part := range parts {
		require.NoError(t, w.Part(part.name, func(to io.Writer) (int64, error) {
			for rest := part.content; len(rest) > 0; { // in pieces that do not fit
				n, err := to.Write(rest[:min(len(rest), 77_777)])
				require.NoError(t, err)
				rest = rest[n:]
			}
			return int64(i), nil
		}))
	}
	for _, blob := range []string{"aa", "bb", "cc"} {
		require.NoError(t, w.File(store.Blob{Name: blob, Size: int64(len(files[blob])), SHA256: sum(files[blob])}, bytes.NewReader(files[blob])))
	}
	end, err := w.Close()
	require.NoError(t, err)
	return end
}

func TestRoundTrip(t *testing.T) {
	var b bytes.Buffer
	written := write(t, &b, head)
	var order []string
	gotHead, end, err := archive.Read(&b, archive.Taker{
		Head: func(h archive.Head) error { order = append(order, "head of "+h.Version); return nil },
		Key:  func(text []byte) error { order = append(order, string(text)); return nil },
		Part: func(name string, from io.Reader) error {
			content, err := io.ReadAll(from)
			require.NoError(t, err)
			i := len(order) - 2
			assert.Equal(t, parts[i].name, name)
			assert.True(t, bytes.Equal(parts[i].content, content), name)
			order = append(order, name)
			return nil
		},
		File: func(blob string, size int64, from io.Reader) error {
			content, err := io.ReadAll(from)
			require.NoError(t, err)
			assert.Len(t, content, int(size))
			assert.True(t, bytes.Equal(files[blob], content), blob)
			order = append(order, blob)
			return nil
		},
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"head of 1.2.3", "keys", "empty", "small", "exact", "large", "aa", "bb", "cc"}, order)
	assert.Equal(t, head, gotHead)
	assert.Equal(t, written, end)
	assert.True(t, end.SecretKey)
	assert.EqualValues(t, 3, end.Files)
	assert.EqualValues(t, 2<<20+13, end.FileBytes)
	assert.EqualValues(t, 4<<20+11, end.DatabaseBytes())
	assert.Empty(t, end.Damaged)
}

// What a taker leaves unread is checked all the same.
func TestUnread(t *testing.T) {
	var b bytes.Buffer
	written := write(t, &b, head)
	_, end, err := archive.Read(&b, archive.Taker{
		Part: func(string, io.Reader) error { return nil },
		File: func(_ string, _ int64, from io.Reader) error {
			_, err := from.Read(make([]byte, 1))
			return ignoreEOF(err)
		},
	})
	require.NoError(t, err)
	assert.Equal(t, written, end)
}

func ignoreEOF(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// A backup that lacks its end, or of which a byte is another, is never taken for whole.
func TestDamage(t *testing.T) {
	var b bytes.Buffer
	write(t, &b, head)
	whole := b.Bytes()
	var damaged *archive.DamagedError
	for i := range 20 {
		cut := len(whole) * i / 20
		_, _, err := archive.Read(bytes.NewReader(whole[:cut]), archive.Taker{})
		require.Error(t, err, "%d of %d bytes", cut, len(whole))
		require.True(t, errors.As(err, &damaged) || errors.Is(err, archive.ErrNoBackup), "%d bytes: %v", cut, err)
	}
	_, _, err := archive.Read(bytes.NewReader(whole[:len(whole)-1]), archive.Taker{})
	require.ErrorAs(t, err, &damaged)
	for i := range 50 {
		altered := bytes.Clone(whole)
		altered[len(whole)*i/50] ^= 0x10
		_, _, err := archive.Read(bytes.NewReader(altered), archive.Taker{})
		if err == nil { // a bit that zstd does not look at changes nothing of what comes out
			continue
		}
		require.True(t, errors.As(err, &damaged) || errors.Is(err, archive.ErrNoBackup), "byte %d: %v", len(whole)*i/50, err)
	}
	_, _, err = archive.Read(io.MultiReader(bytes.NewReader(whole), strings.NewReader("more")), archive.Taker{})
	require.ErrorAs(t, err, &damaged)
}

// Entries that are left out, come twice or in another order are found by the sum, also where each is sound.
func TestOtherEntries(t *testing.T) {
	type entry struct {
		head    *tar.Header
		content []byte
	}
	var b bytes.Buffer
	write(t, &b, head)
	plain, err := zstd.NewReader(&b)
	require.NoError(t, err)
	defer plain.Close()
	var entries []entry
	for from := tar.NewReader(plain); ; {
		h, err := from.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		content, err := io.ReadAll(from)
		require.NoError(t, err)
		entries = append(entries, entry{h, content})
	}
	read := func(entries ...entry) error {
		var b bytes.Buffer
		compressed, err := zstd.NewWriter(&b)
		require.NoError(t, err)
		to := tar.NewWriter(compressed)
		for _, e := range entries {
			require.NoError(t, to.WriteHeader(e.head))
			_, err := to.Write(e.content)
			require.NoError(t, err)
		}
		require.NoError(t, to.Close())
		require.NoError(t, compressed.Close())
		_, _, err = archive.Read(&b, archive.Taker{})
		return err
	}
	require.NoError(t, read(entries...))
	var damaged *archive.DamagedError
	for i := 1; i < len(entries); i++ {
		name := entries[i].head.Name
		assert.ErrorAs(t, read(slices.Delete(slices.Clone(entries), i, i+1)...), &damaged, "without %s", name)
		assert.ErrorAs(t, read(slices.Insert(slices.Clone(entries), i, entries[i])...), &damaged, "%s twice", name)
		if i+1 < len(entries) {
			swapped := slices.Clone(entries)
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
			assert.ErrorAs(t, read(swapped...), &damaged, "%s later", name)
		}
	}
	assert.ErrorIs(t, read(entries[1:]...), archive.ErrNoBackup)
}

func TestNoBackup(t *testing.T) {
	for _, text := range []string{"", "x", "SQLite format 3\x00", strings.Repeat("x", 10_000)} {
		_, _, err := archive.Read(strings.NewReader(text), archive.Taker{})
		assert.ErrorIs(t, err, archive.ErrNoBackup, "%.20q", text)
	}
	newer := head
	newer.Format = archive.Format + 1
	var b bytes.Buffer
	write(t, &b, newer)
	_, _, err := archive.Read(&b, archive.Taker{Part: func(string, io.Reader) error { t.Error("a part of an unknown format"); return nil }})
	assert.EqualError(t, err, fmt.Sprintf("the backup has format %d, and this PiCloud reads formats up to %d: use the version that made it, or a newer one", newer.Format, archive.Format))
}

// Files that are damaged already do not keep a backup from being made, and are told.
func TestDamagedFiles(t *testing.T) {
	var b bytes.Buffer
	w, err := archive.NewWriter(&b, head)
	require.NoError(t, err)
	of := func(blob string) store.Blob {
		return store.Blob{Name: blob, Size: 5, SHA256: sum([]byte("12345")), AppID: "app", Collection: "c", ID: "id of " + blob}
	}
	require.NoError(t, w.File(of("missing"), nil))
	require.NoError(t, w.File(of("other"), strings.NewReader("12x45")))
	require.NoError(t, w.File(of("unreadable"), io.MultiReader(strings.NewReader("12"), failing{})))
	require.NoError(t, w.File(of("good"), strings.NewReader("12345")))
	_, err = w.Close()
	require.NoError(t, err)
	got := map[string]string{}
	_, end, err := archive.Read(&b, archive.Taker{File: func(blob string, _ int64, from io.Reader) error {
		content, err := io.ReadAll(from)
		got[blob] = string(content)
		return err
	}})
	require.NoError(t, err)
	assert.Equal(t, []archive.Damage{
		{Blob: "missing", Missing: true, AppID: "app", Collection: "c", ID: "id of missing"},
		{Blob: "other", AppID: "app", Collection: "c", ID: "id of other"},
		{Blob: "unreadable", AppID: "app", Collection: "c", ID: "id of unreadable"},
	}, end.Damaged)
	assert.EqualValues(t, 3, end.DamagedFiles)
	assert.Equal(t, "the bytes of the file id of missing in the collection c of the app app are missing", end.Damaged[0].String())
	assert.Equal(t, map[string]string{"other": "12x45", "unreadable": "12\x00\x00\x00", "good": "12345"}, got)
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the disk is broken") }

// What goes wrong with a taker is no damage.
func TestTakerFails(t *testing.T) {
	var b bytes.Buffer
	write(t, &b, head)
	for _, own := range []error{errors.New("the disk is full"), fmt.Errorf("the database is gone: %w", io.ErrUnexpectedEOF)} {
		_, _, err := archive.Read(bytes.NewReader(b.Bytes()), archive.Taker{Part: func(string, io.Reader) error { return own }})
		assert.Equal(t, own, err)
	}
	// Nor is damage anything else, whatever the taker makes of it.
	_, _, err := archive.Read(bytes.NewReader(b.Bytes()[:b.Len()/2]), archive.Taker{Part: func(_ string, from io.Reader) error {
		if _, err := io.Copy(io.Discard, from); err != nil {
			return errors.New("the server refused the rows")
		}
		return nil
	}})
	assert.ErrorContains(t, err, "the backup is damaged: it ends in the middle")
}

func TestEncryption(t *testing.T) {
	identity, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	other, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	recipients, err := archive.Recipients([]string{identity.Recipient().String()})
	require.NoError(t, err)
	encrypt := func(recipients ...age.Recipient) []byte {
		var b bytes.Buffer
		w, err := archive.Encrypt(&b, recipients...)
		require.NoError(t, err)
		write(t, w, head)
		require.NoError(t, w.Close())
		return b.Bytes()
	}
	read := func(sealed []byte, secrets archive.Secrets) error {
		plain, err := archive.Decrypt(bytes.NewReader(sealed), secrets)
		if err != nil {
			return err
		}
		_, _, err = archive.Read(plain, archive.Taker{})
		return err
	}
	says := func(passphrase string) func() (string, error) {
		return func() (string, error) { return passphrase, nil }
	}
	never := func() (string, error) { t.Error("a passphrase is asked for"); return "", nil }

	sealed := encrypt(recipients...)
	assert.NotContains(t, string(sealed), "a file")
	assert.NoError(t, read(sealed, archive.Secrets{Identities: []age.Identity{other, identity}, Passphrase: never}))
	assert.ErrorContains(t, read(sealed, archive.Secrets{Passphrase: never}), "the backup is encrypted: name the file of a private key")
	assert.ErrorContains(t, read(sealed, archive.Secrets{Identities: []age.Identity{other}}), "for other keys than that of --identity")
	var damaged *archive.DamagedError
	assert.ErrorAs(t, read(sealed[:len(sealed)-100], archive.Secrets{Identities: []age.Identity{identity}}), &damaged)
	altered := bytes.Clone(sealed)
	altered[len(sealed)/2] ^= 1
	assert.ErrorAs(t, read(altered, archive.Secrets{Identities: []age.Identity{identity}}), &damaged)

	recipient, err := archive.Passphrase("open, sesame")
	require.NoError(t, err)
	sealed = encrypt(recipient)
	assert.NoError(t, read(sealed, archive.Secrets{Passphrase: says("open, sesame")}))
	assert.ErrorContains(t, read(sealed, archive.Secrets{Passphrase: says("open barley")}), "the passphrase is not that of the backup")
	assert.ErrorContains(t, read(sealed, archive.Secrets{}), "encrypted with a passphrase")
	_, err = archive.Passphrase("sesam öffne")
	assert.EqualError(t, err, "the passphrase must have at least 12 characters, got 11")

	assert.NoError(t, read(encrypt(), archive.Secrets{Passphrase: never}), "one that is not encrypted")
	_, err = archive.Recipients([]string{identity.Recipient().String(), identity.String()})
	assert.EqualError(t, err, "key 2 of 2 is no public key of age-keygen, which begins with age1", "nothing of a private key")
}
