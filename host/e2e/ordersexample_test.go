package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// An order as the example's page is told of it.
type order struct {
	ID, Customer, Status string
	Version, Total       int
}

// follow subscribes to the orders that change, from the message with an id on, and returns what reads the
// next one.
func follow(t *testing.T, url, lastID string) (next func() (id string, o order)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	require.NoError(t, err)
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = answer.Body.Close() })
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.Equal(t, "text/event-stream", answer.Header.Get("Content-Type"))
	lines := bufio.NewScanner(answer.Body)
	return func() (id string, o order) {
		t.Helper()
		for lines.Scan() {
			if is, found := strings.CutPrefix(lines.Text(), "id: "); found {
				id = is
			}
			if data, found := strings.CutPrefix(lines.Text(), "data: "); found {
				require.NoError(t, json.Unmarshal([]byte(data), &o))
				return id, o
			}
		}
		t.Fatalf("the stream ended: %v", lines.Err())
		return "", order{}
	}
}

// The page of the example shows orders as they change: the test does what its script does.
func TestOrdersExampleIsLive(t *testing.T) {
	p, server := loggedIn(t)
	p.must(t, "deploy", "examples/orders")
	_, page := visit{"GET /orders/live/", "", 200, `...<script src="live.js" defer>`}.check(t, server.url)
	require.Contains(t, page, `href="style.css"`)
	visit{"GET /orders/live/style.css", "", 200, "...table {"}.check(t, server.url)
	_, script := visit{"GET /orders/live/live.js", "", 200, `...fetch("/orders")`}.check(t, server.url)
	stream := regexp.MustCompile(`new EventSource\("(.*)"\)`).FindStringSubmatch(script)
	require.NotNil(t, stream, "the page's script subscribes")

	place := func(customer string) {
		t.Helper()
		visit{"POST /orders", `{"customer":"` + customer + `","total":40}`, 201, `..."id"`}.check(t, server.url)
	}
	shown, ids := map[string]order{}, map[string]bool{} // by id: the newest version of each order; messages
	statuses := map[string]map[string]bool{}            // that each customer's order had
	show := func(next func() (string, order), until map[string]string) (lastID string) {
		t.Helper()
		for {
			id, o := next()
			require.False(t, ids[id], "message %s came twice", id)
			ids[id] = true
			if o.Version > shown[o.ID].Version {
				shown[o.ID] = o
			}
			if statuses[o.Customer] == nil {
				statuses[o.Customer] = map[string]bool{}
			}
			statuses[o.Customer][o.Status] = true
			now := map[string]string{}
			for _, o := range shown {
				now[o.Customer] = o.Status
			}
			if maps.Equal(now, until) {
				return id
			}
		}
	}
	next := follow(t, server.url+stream[1], "")
	place("ada")
	lastID := show(next, map[string]string{"ada": "confirmed"})

	// The page lost its connection. It comes back with the last message that it has.
	place("busy")
	place("nobody")
	show(follow(t, server.url+stream[1], lastID), map[string]string{"ada": "confirmed", "busy": "confirmed", "nobody": "customer cannot be reached"})
	require.Equal(t, map[string]map[string]bool{
		"ada": {"placed": true, "confirmed": true}, "busy": {"placed": true, "confirmed": true}, "nobody": {"placed": true, "customer cannot be reached": true},
	}, statuses)

	// What there is already it reads, in the same form.
	var all struct{ Orders []order }
	_, body := visit{"GET /orders", "", 200, "..."}.check(t, server.url)
	require.NoError(t, json.Unmarshal([]byte(body), &all))
	require.Len(t, all.Orders, 3)
	for _, o := range all.Orders {
		require.Equal(t, shown[o.ID], o)
	}
}
