package api

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/archive"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/front"
	"github.com/picloud/picloud/host/store"
)

func (a *API) mountArchive(admin huma.API) {
	operation(a, admin, http.MethodPost, "/apps/{app}:export", "export-app", "Send an app with all that it has, but for values of secrets, as one archive", http.StatusOK, a.exportApp, sendsArchive)
	operation(a, admin, http.MethodPost, "/apps/{app}:import", "import-app", "Make an app of an archive, or fill an empty one", http.StatusOK, a.importApp, takesArchive)
}

var archiveContent = map[string]*huma.MediaType{archive.MediaType: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}

func sendsArchive(op *huma.Operation) {
	op.Responses = map[string]*huma.Response{"200": {
		Description: "The archive, a tar in zstd. It is sent while it is made: an answer that breaks off, and an archive without end.json, is not whole.",
		Content:     archiveContent,
	}}
}

func takesArchive(op *huma.Operation) {
	op.Description = "{app} is the slug of the app to be made, or an app that has no scripts, topics and data. Nobody finds it until the import has ended; one that fails leaves nothing."
	op.RequestBody = &huma.RequestBody{Description: "An archive as an export sends it", Required: true, Content: archiveContent}
}

// exported are the capabilities that an export needs: to read all that there is, as who changes all of it may.
var exported = []authz.Capability{
	authz.AppUpdate, authz.ScriptRead, authz.RouteRead, authz.TriggerRead, authz.DataRead, authz.MembersRead, authz.SecretRead,
}

// imported are those that an import into an app that is there needs.
var imported = []authz.Capability{
	authz.AppUpdate, authz.ScriptWrite, authz.RouteWrite, authz.TriggerWrite, authz.DataWrite, authz.MembersManage, authz.DomainsManage, authz.SecretRead,
}

func (a *API) needAll(ctx context.Context, appID string, all []authz.Capability) error {
	for _, c := range all {
		if err := a.need(ctx, appID, "app", c); err != nil {
			return err
		}
	}
	return nil
}

func (a *API) exportApp(ctx context.Context, in *AppPath) (*huma.StreamResponse, error) {
	app, err := a.findApp(ctx, in.App, authz.AppRead)
	if err != nil {
		return nil, err
	}
	if err := a.needAll(ctx, app.ID, exported); err != nil {
		return nil, err
	}
	// It is made while it is sent, when the request's own context counts no longer.
	making, stop := context.WithCancel(context.WithoutCancel(ctx))
	from, to := io.Pipe()
	sent := &sentArchive{
		buffer: bufio.NewReaderSize(from, 64<<10), pipe: from, stop: stop,
		log: a.log.With("request_id", front.RequestIDOf(ctx), "app_id", app.ID),
	}
	go func() {
		to.CloseWithError(background.Protect(func() error { return a.archive.Export(making, app.ID, to) }))
	}()
	if _, err := sent.buffer.Peek(1); err != nil { // while it can be told
		sent.Close()
		return nil, err
	}
	if err := a.audit.Did(ctx); err != nil {
		sent.Close()
		return nil, err
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		fiber := humafiber.Unwrap(c)
		fiber.Set("Content-Type", archive.MediaType)
		fiber.Set("Cache-Control", "no-store")
		fiber.Set("X-Content-Type-Options", "nosniff")
		fiber.Set("Content-Disposition", front.Attachment(app.Slug+archive.Extension))
		fiber.Context().SetBodyStream(sent, -1)
	}}, nil
}

// sentArchive is read while an archive is made. An error ends the connection without the end of the body, so
// that the client sees that it is not whole.
type sentArchive struct {
	buffer *bufio.Reader
	pipe   *io.PipeReader
	stop   func()
	log    *slog.Logger
}

func (s *sentArchive) Read(p []byte) (int, error) {
	n, err := s.buffer.Read(p)
	if err != nil && err != io.EOF {
		s.log.Error("an export broke off", "error", err)
	}
	return n, err
}

// Close is called by fasthttp when all is sent or the client has gone. The export ends with it.
func (s *sentArchive) Close() error {
	s.stop()
	return s.pipe.Close()
}

func (a *API) importApp(ctx context.Context, in *AppPath) (*body[wire.ImportReport], error) {
	into := archive.Into{
		Slug: in.App, Registrant: caller(ctx).User.ID,
		Rights: func(ctx context.Context, tx store.Store, appID string) (authz.Rights, error) {
			rights, err := a.authority.RightsAgain(ctx, tx, caller(ctx), appID)
			if err != nil {
				return authz.Rights{}, err
			}
			for _, c := range imported {
				if !rights.Hold(c) {
					return authz.Rights{}, authz.Denied(c)
				}
			}
			return rights, nil
		},
		MayClaim: func(rights authz.Rights, host string) error {
			if a.reservedPart(host) && !rights.Hold(authz.QuotaManage) {
				return reservedHost(host)
			}
			return nil
		},
	}
	app, err := a.findApp(ctx, in.App, authz.AppRead)
	switch {
	case err == nil:
		if err := a.needAll(ctx, app.ID, imported); err != nil {
			return nil, err
		}
		into.AppID = app.ID
	case fault.Of(err) != fault.NotFound || !caller(ctx).May(authz.AppCreate):
		return nil, err // who may not make apps learns nothing of those that there are
	default:
		for _, c := range imported {
			if !caller(ctx).May(c) {
				return nil, caller(ctx).Denied(c)
			}
		}
	}
	report, err := a.archive.Import(ctx, into, uploaded(ctx))
	if err != nil {
		return nil, located(a.slugTaken(ctx, err), "archive", "body", "slug", "path.app")
	}
	out := wire.ImportReport{Rows: report.Rows, MissingSecrets: report.MissingSecrets, Members: make([]wire.Member, len(report.Members)), LeftOut: make([]wire.LeftOut, len(report.Left))}
	for i, member := range report.Members {
		out.Members[i] = wireMember(member)
	}
	for i, left := range report.Left {
		out.LeftOut[i] = wire.LeftOut{Kind: left.Kind, Name: left.Name, Reason: left.Reason}
	}
	out.App, err = a.wireApp(ctx, report.App)
	return &body[wire.ImportReport]{out}, err
}
