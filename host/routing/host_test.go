package routing

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/picloud/picloud/host/store"
)

func TestAppOf(t *testing.T) {
	late := route(t, "1", "late", "GET", "shared.example", "/")
	late.CreatedAt = time.Unix(2, 0)
	early := route(t, "2", "early", "GET", "shared.example", "/early")
	early.CreatedAt = time.Unix(1, 0)
	table := NewTable([]store.Route{
		route(t, "3", "anywhere", "", "", "/*"),
		route(t, "4", "exact", "GET", "a.example.com", "/only"),
		route(t, "5", "wild", "", "*.example.com", "/*"),
		route(t, "6", "wilder", "", "*.eu.example.com", "/*"),
		late, early,
	})
	for host, want := range map[string]string{
		"a.example.com":       "exact",
		"A.Example.COM.:8080": "exact",
		"b.example.com":       "wild",
		"x.a.example.com":     "wild",
		"x.eu.example.com":    "wilder",
		"eu.example.com":      "wild",
		"example.com":         "",
		"shared.example":      "early",
		"127.0.0.1:8080":      "",
		"":                    "",
	} {
		got, found := table.AppOf(host)
		assert.Equal(t, want, got, host)
		assert.Equal(t, want != "", found, host)
	}
	table.Remove("2")
	got, _ := table.AppOf("shared.example")
	assert.Equal(t, "late", got)
	table.Remove("1")
	_, found := table.AppOf("shared.example")
	assert.False(t, found)
}
