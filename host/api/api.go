// Package api is the admin API under /api/v1/admin, described by the OpenAPI document at
// /api/v1/openapi.json: a file for each resource, which translates between HTTP and the services. Beside it
// the reference is served, at /api/v1/reference and, for programs, /api/v1/sdk.
package api

import (
	"cmp"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/picloud/picloud/host/api/contract"
	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/archive"
	"github.com/picloud/picloud/host/audit"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/background/turns"
	"github.com/picloud/picloud/host/backup"
	"github.com/picloud/picloud/host/catalog"
	"github.com/picloud/picloud/host/docs"
	"github.com/picloud/picloud/host/events"
	"github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/files"
	"github.com/picloud/picloud/host/front"
	"github.com/picloud/picloud/host/identity"
	"github.com/picloud/picloud/host/kv"
	"github.com/picloud/picloud/host/quota"
	"github.com/picloud/picloud/host/secrets"
	"github.com/picloud/picloud/host/store"
)

// Config is what an [API] is made of.
type Config struct {
	Store          store.Store
	Authority      *authz.Authority
	Identity       *identity.Service
	Executions     *executions.Service
	KV             *kv.Service
	Docs           *docs.Service
	Files          *files.Service
	Secrets        *secrets.Service
	Archive        *archive.Service
	Catalog        *catalog.Catalog
	Events         *events.Emitter
	Requests       *front.Recent // to apps, lately; nil: nobody is told
	Backup         *backup.Service
	Audit          *audit.Service            // nil: one that keeps what it records for ever
	QueueRate      func(lane string) float64 // messages done a second; see [dispatch.Dispatcher.QueueRate]
	MaxBodyBytes   int64                     // of a request, uploads of files and plugins excepted
	MaxPluginBytes int64                     // of a plugin's module; 0: 16 MiB
	Quotas         *quota.Apps               // what apps may have; nil: any
	ReservedHosts  []string                  // as [domains.ParseClaim] returns them
	DashboardURL   string                    // where people open the dashboard; "": invites lead to the API
	Metrics        prometheus.Gatherer       // of the node; nil: those of its health are 0
	Version        string
	Logger         *slog.Logger

	// Of triggers that say nothing else.
	TriggerRetry       store.Retry
	TriggerConcurrency int
}

// API is the admin API.
type API struct {
	store      store.Store
	authority  *authz.Authority
	identity   *identity.Service
	executions *executions.Service
	kv         *kv.Service
	docs       *docs.Service
	files      *files.Service
	secrets    *secrets.Service
	archive    *archive.Service
	catalog    *catalog.Catalog
	audit      *audit.Service
	requests   *front.Recent
	backup     *backup.Service
	maxBody    int64
	maxPlugin  int64
	quotas     *quota.Apps
	reserved   []string // hosts
	dashboard  string   // its address for people; "": there is none
	metrics    prometheus.Gatherer
	started    time.Time
	version    string
	log        *slog.Logger

	deploysOfData *turns.Queue // which take long, and keep those waiting who change any app's configuration

	events             *events.Emitter
	queueRate          func(lane string) float64
	triggerRetry       store.Retry
	triggerConcurrency int

	mounted  sync.Once
	contract func() *contract.Document // what requests are checked against
}

// New makes the API, to be mounted.
func New(c Config) *API {
	if c.Audit == nil {
		c.Audit = audit.New(audit.Config{Store: c.Store, Show: Shown, Log: c.Logger})
	}
	return &API{
		deploysOfData: turns.New(1, 1),
		store:         c.Store, authority: c.Authority, identity: c.Identity, executions: c.Executions, catalog: c.Catalog,
		kv: c.KV, docs: c.Docs, files: c.Files, secrets: c.Secrets, archive: c.Archive, audit: c.Audit, backup: c.Backup, requests: c.Requests,
		maxBody: c.MaxBodyBytes, maxPlugin: cmp.Or(c.MaxPluginBytes, 16<<20), quotas: c.Quotas, reserved: c.ReservedHosts, dashboard: c.DashboardURL, metrics: c.Metrics, started: time.Now(), version: c.Version, log: c.Logger,
		events: c.Events, queueRate: c.QueueRate, triggerRetry: c.TriggerRetry, triggerConcurrency: c.TriggerConcurrency,
	}
}

const (
	apiPrefix   = "/api/v1"
	adminPrefix = apiPrefix + "/admin"
)

// Mount adds the API to a fiber app, and answers 404 for all else below /api: what else is to be
// there comes before. The app hands over requests as package front does, with [Streams]. Several
// apps may have the API mounted.
func (a *API) Mount(app *fiber.App) {
	app.Use(adminPrefix, checkHead)
	app.Use(apiPrefix+"/openapi", func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderCacheControl, "no-store") // it changes with the server, and nobody reads it often
		return c.Next()
	})
	config := huma.DefaultConfig("PiCloud admin API", a.version)
	config.OpenAPIPath = apiPrefix + "/openapi"
	config.DocsPath, config.SchemasPath = "", ""
	config.CreateHooks = nil // no $schema fields in answers
	config.NoFormatFallback = false
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", Description: "A token from auth/login (pcs_...) or an API key (pic_...)."},
	}
	admin := humafiber.NewWithGroup(app, verbRouter{app}, config)
	admin.UseMiddleware(a.authenticate)
	a.mountAuth(admin)
	a.mountMe(admin)
	a.mountUsers(admin)
	a.mountAPIKeys(admin)
	a.mountApps(admin)
	a.mountArchive(admin)
	a.mountMembers(admin)
	a.mountDeploy(admin)
	a.mountScripts(admin)
	a.mountRun(admin)
	a.mountLogs(admin)
	a.mountExecutions(admin)
	a.mountSeries(admin)
	a.mountHealth(admin)
	a.mountRequests(admin)
	a.mountAbandoned(admin)
	a.mountRoutes(admin)
	a.mountDomains(admin)
	a.mountQuota(admin)
	a.mountTriggers(admin)
	a.mountEvents(admin)
	a.mountTopics(admin)
	a.mountSecrets(admin)
	a.mountKV(admin)
	a.mountDocs(admin)
	a.mountIndexes(admin)
	a.mountFiles(admin)
	a.mountAudit(admin)
	a.mountBackup(admin)
	a.mountReference(admin)
	a.refine(admin.OpenAPI())
	a.mounted.Do(func() { // the document is the same for all apps, and not needed to start
		a.contract = sync.OnceValue(func() *contract.Document { return contractOf(admin.OpenAPI()) })
	})
	app.Get(problem.Types, problemTypes)
	servePages(app)
	paths := front.AnswerHead(app)
	app.Use("/api", func(c *fiber.Ctx) error {
		if path := c.Path(); path != "/api" && !strings.HasPrefix(path, "/api/") {
			return c.Next() // "/apiary", which fiber takes to begin with /api
		}
		if methods := paths.Methods(c.Path()); len(methods) > 0 {
			if front.TellMethods(c, c.Method(), methods) {
				return nil
			}
			return problem.New(http.StatusMethodNotAllowed, fault.MethodNotAllowed, "there is no "+problem.Shorten(c.Method()+" "+c.Path())).Send(c)
		}
		return problem.New(http.StatusNotFound, fault.NotFound, "there is nothing at "+problem.Shorten(c.Method()+" "+c.Path())).Send(c)
	})
}

// verb is the beginning of one: a colon that does not begin a part of a path.
var verb = regexp.MustCompile(`([^/]):`)

// verbRouter registers paths that end in a verb, as in routes:match, with the colon escaped: fiber
// would take it for a parameter. Parameters of huma's are in braces.
type verbRouter struct{ fiber.Router }

func (r verbRouter) Add(method, path string, handlers ...fiber.Handler) fiber.Router {
	path = verb.ReplaceAllString(path, `$1\:`)
	return r.Router.Add(method, path, handlers...)
}
