package fault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
)

// names returns the names of the codes as the source has them, in their order.
func names(t *testing.T) (names []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "code.go", nil, 0)
	require.NoError(t, err)
	for _, declaration := range file.Decls {
		if group, ok := declaration.(*ast.GenDecl); ok && group.Tok == token.CONST {
			for _, spec := range group.Specs {
				names = append(names, spec.(*ast.ValueSpec).Names[0].Name)
			}
		}
	}
	require.Equal(t, []string{"end", "none"}, names[len(names)-2:])
	return names[:len(names)-2]
}

// The table has all there is to know of every code, and the package's comment shows it.
func TestTable(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "fault.go", nil, parser.ParseComments|parser.PackageClauseOnly)
	require.NoError(t, err)
	var documented []string
	for line := range strings.Lines(file.Doc.Text()) {
		if strings.HasPrefix(line, "\t") && !strings.HasPrefix(line, "\tcode ") {
			documented = append(documented, strings.Join(strings.Fields(line), " "))
		}
	}
	var rows []string
	for i, name := range names(t) {
		code := Code(i)
		assert.NotEmpty(t, http.StatusText(code.Status()), "%s has no status", name)
		assert.NotEmpty(t, code.Guest(), "%s has no code for guests", name)
		assert.NotEmpty(t, code.String(), "%s has no name", name)
		rows = append(rows, fmt.Sprintf("%s %s %d %s", name, code, code.Status(), code.Guest()))
	}
	assert.Len(t, rows, int(end))
	assert.Equal(t, rows, documented)
}

// Whatever a guest or the caller of an execution can be told is the code of something.
func TestCodesOfTheContract(t *testing.T) {
	guest := map[abi.OpCode]bool{}
	for code := range end {
		guest[code.Guest()] = true
	}
	for _, code := range []abi.OpCode{
		abi.OpCodeInvalid, abi.OpCodeDenied, abi.OpCodeNotFound, abi.OpCodeConflict, abi.OpCodeCorrupted, abi.OpCodeQuota, abi.OpCodeUnreachable,
		abi.OpCodeTimeout, abi.OpCodeCancelled, abi.OpCodeUnavailable, abi.OpCodeFailed, abi.OpCodeLimit, abi.OpCodeInternal,
	} {
		assert.True(t, guest[code], code)
	}
	for _, code := range []abi.ErrorCode{
		abi.CodeScriptInvalid, abi.CodeScriptError, abi.CodeOverloaded, abi.CodeTimeout, abi.CodeLimitExceeded, abi.CodeInternal, abi.CodeCancelled,
	} {
		assert.Equal(t, string(code), OfScript(code).String())
	}
	assert.Equal(t, Internal, OfScript("unheard of"))
}

func TestOfStatus(t *testing.T) {
	for status, want := range map[int]Code{
		400: Invalid, 401: Unauthorized, 403: Forbidden, 404: NotFound, 405: MethodNotAllowed, 408: Invalid, 409: Conflict, 413: TooLarge,
		415: Invalid, 422: Invalid, 429: Throttled, 431: Invalid, 500: Internal, 501: NotImplemented, 505: Internal, 503: Unavailable,
	} {
		assert.Equal(t, want, OfStatus(status), status)
	}
}

func TestTexts(t *testing.T) {
	for _, c := range []struct {
		err  error
		code Code
		text string
	}{
		{Refuse("data.tags[3]", "must be at most %d bytes, got %d", 1, 2), Invalid, "data.tags[3]: must be at most 1 bytes, got 2"},
		{Missing("script"), NotFound, "script not found"},
		{New(Throttled, "try again in %d seconds", 3), Throttled, "try again in 3 seconds"},
		{&Error{Code: Conflict, Text: `app slug "x" is already in use`, Field: "slug", Reason: "is already in use"}, Conflict, `app slug "x" is already in use`},
		{&Error{Code: Storage, Text: "create app: storage failed", Cause: errors.New("secret")}, Storage, "create app: storage failed"},
		{fmt.Errorf("first start: %w", Missing("app")), NotFound, "first start: app not found"},
		{errors.New("a defect"), Internal, "a defect"},
	} {
		assert.EqualError(t, c.err, c.text)
		assert.Equal(t, c.code, Of(c.err), c.text)
	}
	assert.Equal(t, none, Of(nil))
	assert.False(t, Unknown(nil))
	assert.True(t, Unknown(Missing("x")) && Unknown(Refuse("id", "must not contain NUL")))
}

// What a cause holds is found by errors.Is and in the log, and nowhere else.
func TestCauses(t *testing.T) {
	cause := errors.New("SELECT secret FROM /var/lib at 10.0.0.1")
	failure := &Error{Code: Storage, Text: "get app: storage failed", Cause: cause}
	for name, err := range map[string]error{
		"itself":  failure,
		"wrapped": fmt.Errorf("first start: %w", failure),
		"joined":  errors.Join(errors.New("another"), fmt.Errorf("closing: %w", failure)),
	} {
		t.Run(name, func(t *testing.T) {
			assert.ErrorIs(t, err, cause)
			assert.Equal(t, cause, Cause(err))
			for _, verb := range []string{"%s", "%v", "%+v", "%q"} {
				assert.NotContains(t, fmt.Sprintf(verb, err), "secret", verb)
			}
			for format, handler := range map[string]func(*bytes.Buffer) slog.Handler{
				"text": func(b *bytes.Buffer) slog.Handler {
					return slog.NewTextHandler(b, &slog.HandlerOptions{ReplaceAttr: ReplaceAttr})
				},
				"json": func(b *bytes.Buffer) slog.Handler {
					return slog.NewJSONHandler(b, &slog.HandlerOptions{ReplaceAttr: ReplaceAttr})
				},
			} {
				var log bytes.Buffer
				slog.New(handler(&log)).Error("failed", "error", err)
				assert.Contains(t, log.String(), "secret", format)
				assert.Contains(t, log.String(), "storage failed", format)
			}
		})
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{ReplaceAttr: ReplaceAttr})).Error("failed", "error", Missing("app"), "other", errors.New("x"))
	var line map[string]any
	require.NoError(t, json.Unmarshal(log.Bytes(), &line))
	assert.Equal(t, []any{"app not found", "x"}, []any{line["error"], line["other"]})
	assert.NoError(t, Cause(Missing("app")))
	assert.NoError(t, Cause(nil))
}
