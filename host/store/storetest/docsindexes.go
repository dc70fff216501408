package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// lengths makes entries whose keys are the first bytes of documents' lengths: of 9 there are several, as it were.
func lengths(indexes []store.DocumentIndex, data json.RawMessage) (entries []store.DocumentEntry) {
	key := []byte{byte(len(data))}
	if len(data) == 9 {
		key = store.SeveralKey
	}
	for _, index := range indexes {
		entries = append(entries, store.DocumentEntry{Index: index.ID, Key: key})
	}
	return entries
}

// work does all there is to be done at indexes, two documents at a time.
func (s *shelf) work(t testing.TB) (documents int) {
	t.Helper()
	return s.workWithin(t, 0)
}

// workWithin is work where the documents of an app may have so many bytes.
func (s *shelf) workWithin(t testing.TB, quota int64) (documents int) {
	t.Helper()
	for {
		worked, err := s.Docs().Work(s.ctx, store.IndexWork{Limit: 2, Entries: lengths, Quota: func(string) int64 { return quota }})
		require.NoError(t, err)
		documents += worked.Documents
		if worked.Documents == 0 && !worked.Done && !worked.Waiting && !worked.Index.Full {
			return documents
		}
	}
}

// walk returns the data of what a query of an index finds, page by page.
func (s *shelf) walk(t testing.TB, query store.IndexQuery) (found []string) {
	t.Helper()
	for query.Limit = 1; ; {
		looked, err := s.Docs().ScanIndex(s.ctx, query, func(doc store.Document) error {
			found = append(found, string(doc.Data))
			return nil
		})
		require.NoError(t, err)
		if query.AfterKey, query.AfterID = looked.Key, looked.ID; !looked.More {
			return found
		}
	}
}

func testDocsIndexes(t *testing.T, s *shelf) {
	declare := func(path string) (store.DocumentIndex, bool, error) {
		return s.Docs().Declare(s.ctx, store.DocumentIndex{AppID: s.app, Collection: s.name, Path: path})
	}
	texts := []string{`"dddd"`, `"b"`, `"cc"`, `"1234567"`, `"eeeee"`, `"a"`} // a document is any text to a store
	ids := map[string]string{}
	for _, text := range texts {
		ids[text] = s.put(t, text).ID
	}
	index, made, err := declare("n")
	require.NoError(t, err)
	require.True(t, made)
	require.Equal(t, store.IndexBuilding, index.State)
	require.Positive(t, index.ID)
	same, made, err := declare("n")
	require.NoError(t, err)
	require.False(t, made)
	require.Equal(t, index, same)
	query := store.IndexQuery{Index: index, From: []byte{0}, To: []byte{100}}
	_, err = s.Docs().ScanIndex(s.ctx, query, func(store.Document) error { return nil })
	require.Equal(t, fault.NotFound, fault.Of(err), "it is not ready")

	usage, err := s.Apps().Usage(s.ctx, s.app, start)
	require.NoError(t, err)
	quota := usage.Docs + 3*(1+36) // of a key of one byte and an id
	may := func(string) int64 { return quota }
	require.Equal(t, 3, s.workWithin(t, quota), "as there is room for")
	require.NoError(t, s.Docs().Resume(s.ctx, may))
	require.Zero(t, s.workWithin(t, quota))
	index, err = s.Docs().Index(s.ctx, s.app, index.ID)
	require.NoError(t, err)
	require.Equal(t, store.IndexBuilding, index.State)
	require.True(t, index.Full)
	require.EqualValues(t, 3, index.Built)
	require.Zero(t, s.work(t), "it is left alone")
	quota += 1 + 36
	require.NoError(t, s.Docs().Resume(s.ctx, may))
	require.Zero(t, s.work(t), "there is room for one, but not for any")
	quota += 2 << 10
	require.NoError(t, s.Docs().Resume(s.ctx, may))
	require.Equal(t, len(texts)-3, s.workWithin(t, quota))
	index, err = s.Docs().Index(s.ctx, s.app, index.ID)
	require.NoError(t, err)
	require.Equal(t, store.IndexReady, index.State)
	require.EqualValues(t, len(texts), index.Built)
	listed, err := s.Docs().Indexes(s.ctx, s.app, "")
	require.NoError(t, err)
	require.Equal(t, []store.DocumentIndex{index}, listed)

	query.Index, query.Order = index, store.IndexUp
	require.Equal(t, []string{`"b"`, `"a"`, `"cc"`, `"dddd"`, `"eeeee"`}, s.walk(t, query), "upwards")
	query.Order = store.IndexDown
	require.Equal(t, []string{`"eeeee"`, `"dddd"`, `"cc"`, `"b"`, `"a"`}, s.walk(t, query), "downwards, what is equal by id")
	query.From, query.To = []byte{4}, []byte{7}
	require.Equal(t, []string{`"dddd"`, `"cc"`}, s.walk(t, query), "of a range")
	query.Order = store.IndexByID
	require.Equal(t, []string{`"dddd"`, `"cc"`, `"1234567"`}, s.walk(t, query), "by id, with what has no place")
	stop := errors.New("stop")
	_, err = s.Docs().ScanIndex(s.ctx, query, func(store.Document) error { return stop })
	require.Equal(t, stop, err)
	n, err := s.Docs().CountIndex(s.ctx, index.ID, []byte{3}, []byte{100}, 4)
	require.NoError(t, err)
	require.Equal(t, 4, n, "no more are counted")

	unplaced := func() (found []string) {
		_, err := s.Docs().Unplaced(s.ctx, index, func(doc store.Document) error {
			found = append(found, string(doc.Data))
			return nil
		})
		require.NoError(t, err)
		return found
	}
	require.Equal(t, []string{`"1234567"`}, unplaced())

	// A writer who knows the index, one who does not, and one who knows one that is not there.
	key := s.key(ids[`"cc"`])
	known := func(data string) store.DocumentContent {
		return store.DocumentContent{Data: json.RawMessage(data), Entries: lengths([]store.DocumentIndex{index}, json.RawMessage(data))}
	}
	_, err = s.Docs().Replace(s.ctx, key, known(`"ffffff"`), nil)
	require.NoError(t, err)
	_, err = s.Docs().Replace(s.ctx, s.key(ids[`"b"`]), content(`"hhh"`), nil)
	require.NoError(t, err)
	other := known(`"gg"`)
	other.Entries[0].Index++
	_, err = s.Docs().Create(s.ctx, s.key(uuid.NewString()), other)
	require.NoError(t, err)
	require.NoError(t, s.Docs().Delete(s.ctx, s.key(ids[`"dddd"`])))
	query.From, query.To, query.Order = []byte{0}, []byte{100}, store.IndexUp
	require.Equal(t, []string{`"a"`, `"eeeee"`, `"ffffff"`}, s.walk(t, query))
	require.ElementsMatch(t, []string{`"1234567"`, `"hhh"`, `"gg"`}, unplaced())
	require.Equal(t, 2, s.work(t))
	require.Equal(t, []string{`"a"`, `"gg"`, `"hhh"`, `"eeeee"`, `"ffffff"`}, s.walk(t, query))
	require.Equal(t, []string{`"1234567"`}, unplaced())
	require.Zero(t, s.work(t))

	// What was undone is not there.
	require.Equal(t, stop, s.InTx(s.ctx, func(tx store.Store) error {
		if _, err := tx.Docs().Replace(s.ctx, key, known(`"i"`), nil); err != nil {
			return err
		}
		return stop
	}))
	require.Equal(t, []string{`"a"`, `"gg"`, `"hhh"`, `"eeeee"`, `"ffffff"`}, s.walk(t, query))

	for i := range store.MaxIndexes - 1 {
		_, _, err = declare(string(rune('a' + i)))
		require.NoError(t, err)
	}
	_, _, err = declare("z")
	require.Equal(t, fault.Quota, fault.Of(err))
	many := s.subject.app(t, "many")
	for i := range store.MaxAppIndexes + 1 {
		_, _, err = s.Docs().Declare(s.ctx, store.DocumentIndex{AppID: many.ID, Collection: fmt.Sprint("c", i), Path: "a"})
		if i < store.MaxAppIndexes {
			require.NoError(t, err)
		}
	}
	require.ErrorContains(t, err, "an app may have 200 indexes, and this one has 200")
	require.Equal(t, fault.Quota, fault.Of(err))
	require.NoError(t, s.Apps().Delete(s.ctx, many.ID))
	_, _, err = s.Docs().Declare(s.ctx, store.DocumentIndex{AppID: uuid.NewString(), Collection: s.name, Path: "n"})
	require.Equal(t, fault.NotFound, fault.Of(err))

	require.Equal(t, fault.NotFound, fault.Of(s.Docs().Drop(s.ctx, uuid.NewString(), index.ID)), "of another app")
	require.NoError(t, s.Docs().Drop(s.ctx, s.app, index.ID))
	require.Equal(t, fault.NotFound, fault.Of(s.Docs().Drop(s.ctx, s.app, index.ID)))
	_, err = s.Docs().ScanIndex(s.ctx, query, func(store.Document) error { return nil })
	require.Equal(t, fault.NotFound, fault.Of(err))
	again, made, err := declare("n")
	require.NoError(t, err)
	require.True(t, made, "it can be declared anew before it is all gone")
	require.NotEqual(t, index.ID, again.ID)
	s.work(t)
	query.Index = again
	require.Equal(t, []string{`"a"`, `"gg"`, `"hhh"`, `"eeeee"`, `"ffffff"`}, s.walk(t, query))
	require.NoError(t, s.Apps().Delete(s.ctx, s.app))
	s.work(t)
	n, err = s.Docs().CountIndex(s.ctx, again.ID, []byte{0}, []byte{0xFF, 0xFF}, 100)
	require.NoError(t, err)
	require.Zero(t, n)
}
