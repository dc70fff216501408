package routing

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/picloud/picloud/host/store"
)

func TestAppOf(t *testing.T) {
	table := NewTable([]store.Route{
		route(t, "1", "anywhere", "", "", "/*"),
		route(t, "2", "lost", "", "lost.example", "/*"), // which is not claimed
	}, claim("exact", "a.example.com"), claim("wild", "*.example.com"), claim("wilder", "*.eu.example.com"))
	for host, want := range map[string]string{
		"a.example.com":       "exact",
		"A.Example.COM.:8080": "exact",
		"b.example.com":       "wild",
		"x.a.example.com":     "wild",
		"x.eu.example.com":    "wilder",
		"eu.example.com":      "wild",
		"example.com":         "",
		"lost.example":        "",
		"127.0.0.1:8080":      "",
		"":                    "",
	} {
		got, found := table.AppOf(host)
		assert.Equal(t, want, got, host)
		assert.Equal(t, want != "", found, host)
	}
}
