package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"

	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/front"
	"github.com/picloud/picloud/host/store"
)

func (a *API) mountAudit(admin huma.API) {
	operation(a, admin, http.MethodGet, "/audit", "list-audit", "List what was changed and by whom, the newest first", http.StatusOK, a.listAudit)
	operation(a, admin, http.MethodGet, "/audit:export", "export-audit", "Send what was changed and by whom as lines of JSON, the newest first", http.StatusOK, a.exportAudit, streamsLines)
}

// AuditFilter is the query parameters that narrow the record.
type AuditFilter struct {
	App    string    `query:"app" doc:"Id or slug; whoever may not read the whole record must name one. An app that is gone has its id"`
	User   string    `query:"user" doc:"Id or name"`
	Action string    `query:"action" doc:"An operation's id"`
	Object string    `query:"object" doc:"Id or name of what was changed; of data, collection/key"`
	From   time.Time `query:"from" doc:"At or after (RFC 3339)"`
	To     time.Time `query:"to" doc:"Before (RFC 3339)"`
}

// auditQuery is what a filter asks for, if the caller may ask for it.
func (a *API) auditQuery(ctx context.Context, f AuditFilter) (store.AuditQuery, error) {
	query := store.AuditQuery{User: f.User, Action: f.Action, Object: f.Object, From: f.From, To: f.To}
	whole := caller(ctx).May(authz.AuditRead)
	if f.App == "" {
		if !whole {
			return query, caller(ctx).Denied(authz.AuditRead)
		}
		return query, nil
	}
	app, err := a.namedApp(ctx, f.App, authz.AuditRead)
	if whole && fault.Of(err) == fault.NotFound {
		query.AppID = f.App // it may be gone
		return query, nil
	}
	query.AppID = app.ID
	return query, err
}

func (a *API) listAudit(ctx context.Context, in *struct {
	Paging
	AuditFilter
}) (*body[wire.Page[wire.AuditEntry]], error) {
	query, err := a.auditQuery(ctx, in.AuditFilter)
	if err != nil {
		return nil, err
	}
	query.Page = in.request()
	page, err := a.audit.List(ctx, query)
	if err != nil {
		return nil, err
	}
	return &body[wire.Page[wire.AuditEntry]]{wirePage(page, wireAuditEntry)}, nil
}

// mediaLines is the media type of JSON values on lines of their own.
const mediaLines = "application/jsonl"

// streamsLines tells the document that an operation answers with lines.
func streamsLines(op *huma.Operation) {
	op.Responses = map[string]*huma.Response{"200": {
		Description: "Lines of JSON, each an entry. An answer that ends in the middle of a line is not whole.",
		Content:     map[string]*huma.MediaType{mediaLines: {Schema: &huma.Schema{Type: huma.TypeString}}},
	}}
}

func (a *API) exportAudit(ctx context.Context, in *AuditFilter) (*huma.StreamResponse, error) {
	query, err := a.auditQuery(ctx, *in)
	if err != nil {
		return nil, err
	}
	// It is read while it is sent, when the request's own context counts no longer.
	reading, stop := context.WithCancel(context.WithoutCancel(ctx))
	next, end := iter.Pull2(a.audit.All(reading, query))
	lines := &auditLines{next: next, end: func() { stop(); end() }}
	if err := lines.fill(); err != nil && err != io.EOF { // while it can be told
		lines.end()
		return nil, err
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		fiber := humafiber.Unwrap(c)
		fiber.Set("Content-Type", mediaLines)
		fiber.Set("Cache-Control", "no-store")
		fiber.Set("Content-Disposition", front.Attachment("audit.jsonl"))
		fiber.Context().SetBodyStream(lines, -1)
	}}, nil
}

// auditLines reads the record as lines. An error ends the connection without the end of the body, so
// that the client sees that it is not whole.
type auditLines struct {
	next func() (store.AuditEntry, error, bool)
	end  func()
	line bytes.Buffer
}

// fill writes the next line, or returns io.EOF.
func (l *auditLines) fill() error {
	entry, err, more := l.next()
	if err != nil {
		return err
	}
	if !more {
		return io.EOF
	}
	return json.NewEncoder(&l.line).Encode(wireAuditEntry(entry))
}

func (l *auditLines) Read(p []byte) (int, error) {
	for l.line.Len() < len(p) {
		if err := l.fill(); err == io.EOF {
			break
		} else if err != nil {
			return 0, err
		}
	}
	return l.line.Read(p)
}

// Close is called by fasthttp when all is sent or the client has gone.
func (l *auditLines) Close() error {
	l.end()
	return nil
}

func wireAuditEntry(e store.AuditEntry) wire.AuditEntry {
	return wire.AuditEntry{
		ID: e.ID, At: e.At, Actor: string(e.Actor), UserID: e.UserID, Username: e.Username, APIKey: e.KeyID, Address: e.Address,
		RequestID: e.RequestID, Action: e.Action, Outcome: string(e.Outcome), Reason: e.Reason, Kind: e.Kind, Object: e.Object, AppID: e.AppID,
		Before: e.Before, After: e.After, Truncated: e.Truncated, Count: e.Count,
	}
}

// readOnly are the operations that change nothing though their method could, by id: nothing of them is
// recorded but a refusal. What a script does in a test run is told by its execution.
var readOnly = []string{"validate-script", "validate-source", "run-script", "match-route", "preview-schedule", "create-subscriber-token"}

// ofData are the operations that change data and nothing of how an app works, by id. A program that does one often
// has few entries, which say how often.
var ofData = []string{
	"set-kv", "delete-kv", "create-doc", "put-doc", "patch-doc", "delete-doc",
	"upload-file", "replace-file", "update-file", "delete-file", "push-message", "publish-message",
}

// recorded is a context in which what an operation changes, or that it is refused, is recorded.
func (a *API) recorded(ctx huma.Context, path map[string]string) context.Context {
	op, within := ctx.Operation(), ctx.Context()
	entry := store.AuditEntry{Action: op.OperationID, RequestID: front.RequestIDOf(within)}
	if address := front.ClientOf(within); address.IsValid() {
		entry.Address = address.String()
	}
	caller(within).Sign(&entry)
	entry.Kind, entry.Object = subject(strings.TrimPrefix(op.Path, adminPrefix), path)
	if op.Method == http.MethodGet || op.Method == http.MethodHead || slices.Contains(readOnly, op.OperationID) {
		return a.audit.BeginReading(within, entry)
	}
	if slices.Contains(ofData, op.OperationID) {
		return a.audit.BeginData(within, entry)
	}
	return a.audit.Begin(within, entry)
}

// subject is what a path is about, as far as it tells: of /scripts/{id} a script with the id, of
// /apps/{app}/domains a domain. Of the app itself the id is told elsewhere.
func subject(path string, parameters map[string]string) (kind, id string) {
	for part := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		name, _, _ := strings.Cut(part, ":") // and a verb
		if parameter, ok := strings.CutPrefix(name, "{"); ok {
			if parameter = strings.TrimSuffix(parameter, "}"); parameter != "app" {
				id = parameters[parameter]
			}
			continue
		}
		if name == "versions" || name == "cases" { // of the script that was named
			break
		}
		kind = strings.TrimSuffix(name, "s")
		switch name {
		case "aliases":
			kind = "alias"
		case "docs-indexes":
			kind = "index"
		}
	}
	if strings.HasPrefix(path, "/auth/") {
		kind = "session"
	}
	return kind, id
}

// refusedDeed records a refusal: of a right, or of a login, which nobody has to be anybody for.
func (a *API) refusedDeed(ctx context.Context, anybody bool, p *problem.Problem) {
	switch {
	case anybody && (p.Status == http.StatusUnauthorized || p.Status == http.StatusForbidden || p.Status == http.StatusTooManyRequests):
		a.audit.Refused(ctx, store.OutcomeFailed, p.Reason())
	case p.Status == http.StatusForbidden, p.Status == http.StatusUnauthorized: // whose token has ended meanwhile
		a.audit.Refused(ctx, store.OutcomeRefused, p.Reason())
	}
}

// claims tells the record who somebody says to be, if there is such a user: another name that is typed
// may be a password.
func (a *API) claims(ctx context.Context, username string) {
	if user, err := a.store.Users().GetByUsername(ctx, username); err == nil {
		store.DeedOf(ctx).By(user.ID, user.Username)
	}
}

// digest stands for a text in the record.
type digest struct {
	SHA256 string `json:"sha256"`
	Size   int    `json:"size"` // bytes
}

func digestOf(text string) *digest {
	sum := sha256.Sum256([]byte(text))
	return &digest{hex.EncodeToString(sum[:]), len(text)}
}

// Shown is what the record of changes has of a row of the store: what the API shows of it, but for
// texts of any length. What is not named here is not recorded.
func Shown(row any) any {
	switch row := row.(type) {
	case store.App:
		return struct {
			ID           string     `json:"id"`
			Slug         string     `json:"slug"`
			Name         string     `json:"name"`
			CORS         *wire.CORS `json:"cors,omitempty"`
			EventsPaused bool       `json:"events_paused"`
			UpdatedAt    time.Time  `json:"updated_at"`
		}{row.ID, row.Slug, row.Name, wireCORS(row.CORS), row.EventsPaused, row.UpdatedAt}
	case store.Alias:
		return struct {
			Slug      string    `json:"slug"`
			CreatedAt time.Time `json:"created_at"`
		}{row.Slug, row.CreatedAt}
	case store.Script:
		shown := struct {
			wire.Script
			Source *digest `json:"source,omitempty"`
			Size   int64   `json:"size,omitempty"` // which the digest has
		}{Script: wireScript(row)}
		if row.Source != "" {
			shown.Source = digestOf(row.Source)
		}
		return shown
	case store.Cases:
		shown := struct {
			Version int64    `json:"cases_version"`
			Cases   []string `json:"cases"` // names
			Content *digest  `json:"content,omitempty"`
		}{Version: row.Version, Cases: make([]string, len(row.List))}
		for i, of := range row.List {
			shown.Cases[i] = of.Name
		}
		if content, err := json.Marshal(row.List); err == nil {
			shown.Content = digestOf(string(content))
		}
		return shown
	case store.Route:
		return wireRoute(row)
	case store.Trigger:
		return wireTrigger(row)
	case store.Topic:
		return wireTopic(row)
	case store.Domain:
		return wireDomain(row)
	case store.DocumentIndex:
		return wireIndex(row)
	case store.Quota:
		return wire.QuotaSet(row)
	case store.Secret:
		return wireSecret(row) // its name, size and times
	case store.Member:
		return struct {
			UserID string `json:"user_id"`
			Role   string `json:"role"`
		}{row.UserID, string(row.Role)}
	case store.User:
		return wireUser(row)
	case store.APIKey:
		return wireAPIKey(row)
	case store.DeadLetter:
		return struct {
			Resolution string `json:"resolution"`
			ResolvedBy string `json:"resolved_by"`
		}{string(row.Resolution), row.ResolvedBy}
	}
	return nil
}
