package dispatch

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/picloud/picloud/host/reference"
)

// What the reference tells of ctx.event is what a script gets.
func TestReferenceOfEvents(t *testing.T) {
	var have []string
	var fields func(of reflect.Type)
	fields = func(of reflect.Type) {
		for i := range of.NumField() {
			f := of.Field(i)
			if f.Anonymous {
				fields(f.Type)
				continue
			}
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch name {
			case "message", "call", "truncated": // the first two are told in other ways, and the last is there once
				continue
			}
			have = append(have, "event."+name)
		}
	}
	fields(reflect.TypeFor[common]())
	have = append(have, "event.truncated")
	var told []string
	for _, m := range reference.Read().Modules {
		for _, it := range m.Items {
			if strings.HasPrefix(it.Name, "event.") && it.Kind == "property" {
				told = append(told, it.Name)
			}
		}
	}
	assert.ElementsMatch(t, have, told)
}
