//go:build unix

package hostcalls

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/store"
)

// A cursor of another app says no more than where to go on: its page has the
// entries of the app that asks, and shows whether the other has any to nobody.
func TestCursorsOfAnotherApp(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, db store.Store, d *Dispatcher) {
		owner, guesser := newGuest(t, db, d, "owner"), newGuest(t, db, d, "guesser")
		fill := func(g guest, name string) {
			for i := range 3 {
				g.call(abi.OpKVSet, &abi.KVSetRequest{Collection: "c", Key: fmt.Sprint(i), Value: value(t, fmt.Sprintf("%q", name))})
				g.call(abi.OpDocsCreate, &abi.DocsCreateRequest{Collection: "c", Data: value(t, fmt.Sprintf(`{"n":%d,"of":%q}`, i, name))})
				g.call(abi.OpFilesCreate, &abi.FilesCreateRequest{Collection: "c", Name: name, ContentType: "text/plain", Data: new([]byte(name))})
			}
		}
		fill(owner, "secret")
		listings := []struct {
			op   abi.Op
			page func(cursor string) msgp.Marshaler
		}{
			{abi.OpKVList, func(cursor string) msgp.Marshaler {
				return &abi.KVListRequest{Collection: "c", Limit: 1, Cursor: cursor}
			}},
			{abi.OpDocsFind, func(cursor string) msgp.Marshaler {
				return &abi.DocsFindRequest{Collection: "c", Limit: 1, Cursor: cursor}
			}},
			{abi.OpDocsFind, func(cursor string) msgp.Marshaler {
				return &abi.DocsFindRequest{Collection: "c", Limit: 1, Cursor: cursor, Sort: value(t, `{"n":1}`)}
			}},
			{abi.OpFilesList, func(cursor string) msgp.Marshaler {
				return &abi.FilesListRequest{Collection: "c", Limit: 1, Cursor: cursor}
			}},
		}
		cursors := make([]string, len(listings))
		for i, l := range listings {
			switch l.op {
			case abi.OpKVList:
				var page abi.KVListResponse
				owner.decode(&page, l.op, l.page(""))
				cursors[i] = page.Cursor
			case abi.OpDocsFind:
				var page abi.DocsFindResponse
				owner.decode(&page, l.op, l.page(""))
				cursors[i] = page.Cursor
			case abi.OpFilesList:
				var page abi.FilesListResponse
				owner.decode(&page, l.op, l.page(""))
				cursors[i] = page.Cursor
			}
			require.NotEmpty(t, cursors[i])
			assert.Equal(t, guesser.call(l.op, l.page("")), guesser.call(l.op, l.page(cursors[i])), "of an app without entries")
			assert.Contains(t, owner.call(l.op, l.page(cursors[i])), "secret")
		}
		fill(guesser, "mine")
		for i, l := range listings {
			page := guesser.call(l.op, l.page(cursors[i]))
			assert.Contains(t, page, "mine")
			assert.NotContains(t, page, "secret")
		}
	})
}
