package problem

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/fault"
)

// Every code of a fault is answered as the table says, and nothing that a cause holds.
func TestOfEveryCode(t *testing.T) {
	for code := fault.Internal; code.String() != "none"; code++ {
		p, ours := Of(fmt.Errorf("wrapped: %w", &fault.Error{Code: code, Text: "said", Cause: errors.New("secret")}))
		assert.Equal(t, code.Status(), p.Status, code)
		assert.Equal(t, http.StatusText(p.Status), p.Title, code)
		assert.Equal(t, code.String(), p.Code)
		assert.Equal(t, code.Ours(), ours, code)
		body, err := json.Marshal(p)
		require.NoError(t, err)
		assert.NotContains(t, string(body), "secret", code)
		if ours {
			assert.NotContains(t, string(body), "said", code)
		} else {
			assert.Equal(t, "said", p.Detail, code)
		}
	}
	p, ours := Of(errors.New("secret"))
	assert.True(t, ours)
	assert.Equal(t, []any{500, "internal", "internal error"}, []any{p.Status, p.Code, p.Detail})
}

func TestOf(t *testing.T) {
	for _, c := range []struct {
		name   string
		err    error
		detail string
		field  wire.FieldError
		header http.Header
	}{
		{"a field", fault.Refuse("ttl_ms", "must be at least 1, got 0"), "ttl_ms: must be at least 1, got 0",
			wire.FieldError{Location: "body.ttl_ms", Message: "must be at least 1, got 0"}, nil},
		{"a field's value", &fault.Error{Code: fault.Invalid, Text: `path "x" must begin with /`, Field: "path", Reason: "must begin with /", Value: "x"}, `path: must begin with /, got "x"`,
			wire.FieldError{Location: "body.path", Message: "must begin with /", Value: "x"}, nil},
		{"a long value", &fault.Error{Code: fault.Invalid, Field: "path", Reason: "is long", Value: strings.Repeat("x", 101)}, "path: is long",
			wire.FieldError{Location: "body.path", Message: "is long", Value: strings.Repeat("x", 100) + "... (101 bytes)"}, nil},
		{"a secret value", &fault.Error{Code: fault.Invalid, Field: "password", Reason: "is short", Value: "hunter2"}, "password: is short",
			wire.FieldError{Location: "body.password", Message: "is short"}, nil},
		{"a code", &fault.Error{Code: fault.Invalid, Field: "code", Reason: "must have 6 digits", Value: "hunter2"}, "code: must have 6 digits",
			wire.FieldError{Location: "body.code", Message: "must have 6 digits"}, nil},
		{"a token", &fault.Error{Code: fault.Invalid, Field: "reset_token", Reason: "must be one", Value: "hunter2"}, "reset_token: must be one",
			wire.FieldError{Location: "body.reset_token", Message: "must be one"}, nil},
		{"a cursor", &fault.Error{Code: fault.Invalid, Text: "invalid cursor", Field: "cursor", Reason: "is of another"}, "cursor: is of another",
			wire.FieldError{Location: "query.cursor", Message: "is of another"}, nil},
		{"a conflict", &fault.Error{Code: fault.Conflict, Text: `app slug "x" is already in use`, Field: "slug", Reason: "is already in use", Value: "x"}, `app slug "x" is already in use`,
			wire.FieldError{Location: "body.slug", Message: "is already in use", Value: "x"}, nil},
		{"another version", &fault.Error{Code: fault.Stale, Text: "script is at version 2", Field: "version", Value: int64(1), Current: int64(2)}, "script is at version 2",
			wire.FieldError{Location: "body.version", Message: "script is at version 2", Value: int64(1)}, nil},
		{"too often", &fault.Error{Code: fault.Throttled, Text: "later", RetryAfter: 2500 * time.Millisecond}, "later",
			wire.FieldError{}, http.Header{"Retry-After": {"3"}}},
		{"a stranger", fault.New(fault.Unauthorized, "who?"), "who?", wire.FieldError{}, http.Header{"WWW-Authenticate": {`Bearer realm="picloud"`}}},
		{"a problem", InvalidField("query.name", "is missing", nil), "name: is missing", wire.FieldError{Location: "query.name", Message: "is missing"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, ours := Of(fmt.Errorf("wrapped: %w", c.err))
			assert.False(t, ours)
			assert.Equal(t, c.detail, p.Detail)
			if c.field.Location == "" {
				assert.Empty(t, p.Errors)
			} else {
				assert.Equal(t, []wire.FieldError{c.field}, p.Errors)
			}
			assert.Equal(t, c.header, p.GetHeaders())
		})
	}
}

// What is kept of a refusal has no value that was given.
func TestReason(t *testing.T) {
	for _, c := range []struct{ detail, reason string }{
		{`path: must begin with /, got "x"`, "path: must begin with /"},
		{"you may not", "you may not"},
	} {
		assert.Equal(t, c.reason, New(http.StatusForbidden, fault.Forbidden, c.detail).Reason())
	}
}

func TestAt(t *testing.T) {
	for _, c := range []struct{ field, detail string }{
		{"data", "body: no"},
		{"data.tags[3]", "tags[3]: no"},
		{"data[0]", "body[0]: no"},
		{"name", "name: no"},
		{"database", "database: no"}, // begins with a field and is none
	} {
		p, ours := Of(At(fault.Refuse(c.field, "no"), "name", "query.name", "data", "body"))
		assert.False(t, ours)
		assert.Equal(t, c.detail, p.Detail, c.field)
	}
	for _, err := range []error{nil, errors.New("a defect"), fault.Missing("file"), &fault.Error{Code: fault.Storage, Text: "get: storage failed"}} {
		assert.Equal(t, err, At(err, "name", "query.name"))
	}
}
