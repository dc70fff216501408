// Package config reads the server's settings from flags, PICLOUD_* variables and an optional YAML
// file, in that order of precedence, and checks them.
package config

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
)

// Location is where a server's data are: what a command on the server's machine has to know of its
// settings.
type Location struct {
	File kong.ConfigFlag `name:"config" placeholder:"FILE" complete:"files" help:"YAML file with settings; flags and variables win." env:"PICLOUD_CONFIG"`

	Data        string `default:"./data" complete:"files" help:"Directory for the database, files and caches." env:"PICLOUD_DATA"`
	DatabaseURL string `name:"database-url" secret:"" placeholder:"URL" help:"PostgreSQL to use instead of SQLite in the data directory." env:"PICLOUD_DATABASE_URL"`
}

// Config is everything an operator can set. Every field is a flag (--name), a variable
// (PICLOUD_NAME) and a key of the YAML file (name); its tags are all that is said of it, see
// [setting].
type Config struct {
	Location

	Addr string `default:"127.0.0.1:8080" help:"Address to listen on, host:port." env:"PICLOUD_ADDR"`

	DashboardAddr  string   `placeholder:"HOST:PORT" help:"Address of the dashboard, host:port, or off. 127.0.0.1 with the port after addr's when not set, or with any if that one is taken." env:"PICLOUD_DASHBOARD_ADDR"`
	DashboardURL   string   `placeholder:"URL" help:"Address by which people open the dashboard, as in https://dashboard.example.com: invites lead there." env:"PICLOUD_DASHBOARD_URL"`
	DashboardHosts []string `placeholder:"HOST" help:"Names by which browsers call the dashboard, as that of a proxy before it, and that serve nothing else; localhost and the address that it listens on need not be named." env:"PICLOUD_DASHBOARD_HOSTS"`

	Role string `default:"all" help:"What this node does: all, or api, which serves requests and the API and has the scripts run by the other nodes on its PostgreSQL." env:"PICLOUD_ROLE"`

	AdminUsername string `default:"admin" min:"1" max:"128" help:"Name of the first admin, made at the first start." env:"PICLOUD_ADMIN_USERNAME"`
	AdminPassword string `secret:"" min:"8" max:"1024" placeholder:"SECRET" help:"Password of the first admin; when not set one is generated, and printed by each start until it was used." env:"PICLOUD_ADMIN_PASSWORD"`

	ScriptCacheSize         int   `default:"256" min:"1" max:"1000000" help:"Scripts kept ready to run." env:"PICLOUD_SCRIPT_CACHE_SIZE"`
	MaxConcurrentExecutions int   `default:"32" min:"1" max:"10000" help:"Executions at once; more are refused with 503. A quarter is kept for apps that run nothing." env:"PICLOUD_MAX_CONCURRENT_EXECUTIONS"`
	MaxBodyBytes            int64 `default:"10485760" min:"1024" max:"1073741824" help:"Largest request body, bytes." env:"PICLOUD_MAX_BODY_BYTES"`
	MaxPluginBytes          int64 `default:"16777216" min:"1024" max:"268435456" help:"Largest WebAssembly module of a plugin, bytes." env:"PICLOUD_MAX_PLUGIN_BYTES"`

	CacheBytes               int64         `default:"1073741824" min:"0" max:"1125899906842624" help:"Most bytes of machine code kept in the data directory, so that it is not compiled again; 0 is no bound." env:"PICLOUD_CACHE_BYTES"`
	CompileTime              time.Duration `default:"30s" min:"100ms" max:"1h" help:"Most processor time that compiling a plugin may take." env:"PICLOUD_COMPILE_TIME"`
	CompileMemoryMB          int64         `name:"compile-memory-mb" default:"1024" min:"64" max:"65536" help:"Most memory that compiling a plugin may take, MiB." env:"PICLOUD_COMPILE_MEMORY_MB"`
	MaxConnections           int           `default:"0" min:"0" max:"1000000" help:"Connections at once; 0 is up to 10,000 by the limit of descriptors." env:"PICLOUD_MAX_CONNECTIONS"`
	MaxConnectionsPerAddress int           `default:"0" min:"0" max:"1000000" help:"Connections of one address at once, and requests of one behind a trusted proxy; 0 is a fourth of all." env:"PICLOUD_MAX_CONNECTIONS_PER_ADDRESS"`
	MaxBufferedBytes         int64         `default:"0" min:"0" max:"1099511627776" help:"Bytes of requests and answers held in memory at once; when there are more, requests wait briefly and are refused with 503. 0 is an eighth of the memory." env:"PICLOUD_MAX_BUFFERED_BYTES"`
	TrustedProxies           []string      `placeholder:"CIDR" help:"Networks of reverse proxies whose X-Forwarded-For or Forwarded header is believed, as in 10.0.0.0/8." env:"PICLOUD_TRUSTED_PROXIES"`

	MaxOperations int64         `default:"100000000" min:"1000" max:"1125899906842624" help:"Most operations a script may be allowed." env:"PICLOUD_MAX_OPERATIONS"`
	MaxMemoryMB   int64         `name:"max-memory-mb" default:"512" min:"1" max:"4096" help:"Most memory a script may be allowed, MiB." env:"PICLOUD_MAX_MEMORY_MB"`
	MaxTimeout    time.Duration `default:"300s" min:"1ms" max:"24h" help:"Longest time limit a script may be allowed." env:"PICLOUD_MAX_TIMEOUT"`

	KVQuota   int64 `name:"kv-quota" default:"1073741824" min:"0" max:"1125899906842624" help:"Most bytes that the kv entries of one app may have in all; 0 is no bound." env:"PICLOUD_KV_QUOTA"`
	DocsQuota int64 `default:"4294967296" min:"0" max:"1125899906842624" help:"Most bytes that the documents of one app may have in all; 0 is no bound." env:"PICLOUD_DOCS_QUOTA"`
	LogQuota  int64 `default:"268435456" min:"0" max:"1125899906842624" help:"Most bytes that one app may write to its log on a day (UTC), with traces and long paths; 0 is no bound." env:"PICLOUD_LOG_QUOTA"`

	RequestRate   int64         `default:"0" min:"0" max:"1000000" help:"Most requests a second to one app, on this node, by its routes and the execute endpoint; more are refused with 429. 0 is no bound." env:"PICLOUD_REQUEST_RATE"`
	RequestBurst  int64         `default:"0" min:"0" max:"1000000" help:"Most requests to one app that may come at once where there is a rate; 0 is as many as in a second." env:"PICLOUD_REQUEST_BURST"`
	AppExecutions int           `default:"0" min:"0" max:"10000" help:"Most executions of one app at once, on this node; 0 is half of all." env:"PICLOUD_APP_EXECUTIONS"`
	CPUQuota      time.Duration `name:"cpu-quota" default:"0s" min:"0s" max:"277h" help:"Most time for which executions of one app may have a processor on a day (UTC), on all nodes; 0 is no bound." env:"PICLOUD_CPU_QUOTA"`

	EventConcurrency    int           `default:"0" min:"0" max:"10000" help:"Events handled at once; 0 is half of the executions at once, so that requests have the other half. An app has a quarter of the executions at most." env:"PICLOUD_EVENT_CONCURRENCY"`
	MaxPendingEvents    int           `default:"100000" min:"0" max:"100000000" help:"Most events of one app that wait; a change that would make more is refused. 0 is no bound." env:"PICLOUD_MAX_PENDING_EVENTS"`
	MaxTriggerDepth     int           `default:"8" min:"1" max:"1000" help:"How deep triggers may cause one another; what goes deeper is left out." env:"PICLOUD_MAX_TRIGGER_DEPTH"`
	MaxSubscribers      int           `default:"10000" min:"1" max:"1000000" help:"Most subscribers that the topics of one app may have at once, on one node." env:"PICLOUD_MAX_SUBSCRIBERS"`
	TriggerMaxAttempts  int           `default:"5" min:"1" max:"100" help:"Attempts to handle an event, of triggers that say nothing else." env:"PICLOUD_TRIGGER_MAX_ATTEMPTS"`
	TriggerBackoff      string        `default:"exponential" help:"How the pause between attempts grows: exponential, linear or constant." env:"PICLOUD_TRIGGER_BACKOFF"`
	TriggerBase         time.Duration `default:"1s" min:"1ms" max:"720h" help:"The first pause between attempts." env:"PICLOUD_TRIGGER_BASE"`
	TriggerMaxPause     time.Duration `default:"1h" min:"1ms" max:"720h" help:"The longest pause between attempts." env:"PICLOUD_TRIGGER_MAX_PAUSE"`
	TriggerJitter       float64       `default:"0.2" help:"The part of a pause between attempts that is left to chance, 0 to 1." env:"PICLOUD_TRIGGER_JITTER"`
	TriggerConcurrency  int           `default:"4" min:"1" max:"1000" help:"Events of a trigger handled at once, of triggers that say nothing else." env:"PICLOUD_TRIGGER_CONCURRENCY"`
	DeadLetterRetention time.Duration `default:"720h" min:"0s" max:"876000h" help:"How long dead letters are kept; 0 keeps them for ever." env:"PICLOUD_DEAD_LETTER_RETENTION"`

	FilesRoot       string `placeholder:"DIR" complete:"files" help:"Directory for the contents of apps' files; files in the data directory when not set. It must not be shared with another database." env:"PICLOUD_FILES_ROOT"`
	FilesQuota      int64  `default:"1073741824" min:"0" max:"1125899906842624" help:"Most bytes that the files of one app may have in all; 0 is no bound." env:"PICLOUD_FILES_QUOTA"`
	MaxArchiveBytes int64  `default:"17179869184" min:"1048576" max:"1125899906842624" help:"Largest archive of an app that can be imported, bytes when it is unpacked." env:"PICLOUD_MAX_ARCHIVE_BYTES"`
	MaxFileBytes    int64  `default:"104857600" min:"1" max:"1099511627776" help:"Largest file, bytes." env:"PICLOUD_MAX_FILE_BYTES"`

	HTTPAllowPrivate     bool          `name:"http-allow-private" help:"Let scripts reach private addresses, this machine's too. For development." env:"PICLOUD_HTTP_ALLOW_PRIVATE"`
	HTTPTimeout          time.Duration `name:"http-timeout" default:"30s" min:"1ms" max:"1h" help:"Longest that an HTTP request of a script may take." env:"PICLOUD_HTTP_TIMEOUT"`
	HTTPMaxRequestBytes  int64         `name:"http-max-request-bytes" default:"10485760" min:"1" max:"1073741824" help:"Largest body that a script may send, bytes." env:"PICLOUD_HTTP_MAX_REQUEST_BYTES"`
	HTTPMaxResponseBytes int64         `name:"http-max-response-bytes" default:"10485760" min:"1" max:"1073741824" help:"Largest body that a script may be answered, bytes." env:"PICLOUD_HTTP_MAX_RESPONSE_BYTES"`

	SessionTTL     time.Duration `name:"session-ttl" default:"720h" min:"1m" max:"87600h" help:"How long a login lasts at most." env:"PICLOUD_SESSION_TTL"`
	SessionIdle    time.Duration `default:"168h" min:"1m" max:"87600h" help:"How long a login lasts that is not used." env:"PICLOUD_SESSION_IDLE"`
	InviteTTL      time.Duration `name:"invite-ttl" default:"72h" min:"1m" max:"8760h" help:"How long an invite lets set a password." env:"PICLOUD_INVITE_TTL"`
	AuditRetention time.Duration `default:"8760h" min:"0s" max:"876000h" help:"How long the record of what was changed and by whom is kept; 0 keeps it for ever." env:"PICLOUD_AUDIT_RETENTION"`
	LogRetention   time.Duration `default:"720h" min:"0s" max:"876000h" help:"How long executions and their logs are kept; 0 keeps them for ever." env:"PICLOUD_LOG_RETENTION"`
	TraceSlow      time.Duration `default:"1s" min:"0s" max:"24h" help:"How long an execution takes of which it is kept what it asked the host for, though it did not fail; 0 is none." env:"PICLOUD_TRACE_SLOW"`
	ShutdownGrace  time.Duration `default:"10s" min:"0s" max:"1h" help:"How long running executions may take to finish at shutdown." env:"PICLOUD_SHUTDOWN_GRACE"`

	ReservedHosts  []string `placeholder:"HOST" help:"Hosts that only owners and admins may claim for an app, as the server's own: names, or *.example.com." env:"PICLOUD_RESERVED_HOSTS"`
	UnclaimedHosts string   `default:"all" help:"Whose routes answer on hosts that no app has claimed: all apps', or those of the app default." env:"PICLOUD_UNCLAIMED_HOSTS"`

	SecretKey string `secret:"" min:"43" max:"4096" placeholder:"KEYS" help:"Keys of apps' secrets, 32 bytes each as base64: the first seals, others after commas only open. When not set, and with SQLite, one is generated into the data directory." env:"PICLOUD_SECRET_KEY"`

	MetricsToken string `secret:"" min:"16" max:"1024" placeholder:"SECRET" help:"Token that GET /metrics asks for, as Authorization: Bearer; anybody may read the metrics when not set." env:"PICLOUD_METRICS_TOKEN"`

	BackupSchedule    string   `placeholder:"CRON" help:"When backups are made, as a cron schedule in UTC: 0 3 * * * is at three each night. None are made when not set." env:"PICLOUD_BACKUP_SCHEDULE"`
	BackupTo          string   `placeholder:"PLACE" help:"Where scheduled backups are kept: a directory, or s3://BUCKET/PREFIX." env:"PICLOUD_BACKUP_TO"`
	BackupKeep        int      `default:"7" min:"0" max:"100000" help:"How many scheduled backups are kept, the newest; 0 keeps all." env:"PICLOUD_BACKUP_KEEP"`
	BackupRecipient   []string `placeholder:"KEY" help:"Public keys of age, age1..., for whose private keys scheduled backups are encrypted. Encrypted ones have the key of secrets." env:"PICLOUD_BACKUP_RECIPIENT"`
	BackupS3Endpoint  string   `name:"backup-s3-endpoint" placeholder:"URL" help:"Server of the bucket, as https://HOST." env:"PICLOUD_BACKUP_S3_ENDPOINT"`
	BackupS3Region    string   `name:"backup-s3-region" placeholder:"NAME" help:"Region of the bucket; the server is asked when not set." env:"PICLOUD_BACKUP_S3_REGION"`
	BackupS3AccessKey string   `name:"backup-s3-access-key" placeholder:"ID" help:"Who the server of the bucket knows this one as." env:"PICLOUD_BACKUP_S3_ACCESS_KEY"`
	BackupS3SecretKey string   `name:"backup-s3-secret-key" secret:"" placeholder:"SECRET" help:"The secret that belongs to it." env:"PICLOUD_BACKUP_S3_SECRET_KEY"`

	LogFormat string `default:"text" help:"text or json." env:"PICLOUD_LOG_FORMAT"`
	LogLevel  string `default:"info" help:"debug, info, warn or error." env:"PICLOUD_LOG_LEVEL"`
}

// The roles of a node.
const (
	RoleAll = "all"
	RoleAPI = "api" // it runs no scripts
)

// KongOptions returns what a kong parser needs to read a [Config] and to show its bounds.
func KongOptions() []kong.Option {
	return []kong.Option{kong.Configuration(load), kong.ValueFormatter(help)}
}

// WithoutVariables has a kong parser of a [Config] read no variables.
func WithoutVariables() kong.Option {
	return kong.PostBuild(func(k *kong.Kong) error {
		for _, flag := range k.Model.Flags {
			flag.Envs, flag.Tag.Envs = nil, nil
		}
		return nil
	})
}

// FieldError says which setting is wrong.
type FieldError struct {
	Field  string // as in the file: "max_body_bytes"
	Value  string
	Reason string
}

func (e *FieldError) Error() string { return fmt.Sprintf("%s: %s, got %q", e.Field, e.Reason, e.Value) }

// Validate checks what parsing cannot. Kong calls it. The error is a [*FieldError] for the first
// wrong setting.
func (l *Location) Validate() error {
	if l.Data == "" {
		return &FieldError{"data", l.Data, "must name a directory"}
	}
	if l.DatabaseURL != "" {
		u, err := url.Parse(l.DatabaseURL)
		if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
			return &FieldError{"database_url", mask(l.DatabaseURL), "must be a postgres:// URL"}
		}
	}
	return nil
}

// Validate checks what parsing cannot. Kong calls it. The error is a [*FieldError] for the first
// wrong setting.
func (c *Config) Validate() error {
	if err := checkAddress("addr", c.Addr); err != nil {
		return err
	}
	if c.DashboardAddr != "" && c.DashboardAddr != DashboardOff {
		if err := checkAddress("dashboard_addr", c.DashboardAddr); err != nil {
			return err
		}
	}
	for _, host := range c.DashboardHosts {
		if !isHostName(host) {
			return &FieldError{"dashboard_hosts", host, "must be names of hosts without a scheme and a port, as in dashboard.example.com"}
		}
	}
	if u, err := url.Parse(c.DashboardURL); c.DashboardURL != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.Scheme+"://"+u.Host != c.DashboardURL) {
		return &FieldError{"dashboard_url", c.DashboardURL, "must be a scheme and a host, with a port if it has one, as in https://dashboard.example.com"}
	}
	if err := c.Location.Validate(); err != nil {
		return err
	}
	if _, err := c.Proxies(); err != nil {
		return err
	}
	if c.MaxBufferedBytes != 0 && c.MaxBufferedBytes < minBufferedBytes {
		return &FieldError{"max_buffered_bytes", strconv.FormatInt(c.MaxBufferedBytes, 10), fmt.Sprintf("must be 0 or at least %d", minBufferedBytes)}
	}
	for _, s := range c.settings() {
		if err := s.check(); err != nil {
			return err
		}
	}
	if c.BackupSchedule != "" && c.BackupTo == "" {
		return &FieldError{"backup_to", c.BackupTo, "must say where backups are kept, as there is a backup_schedule"}
	}
	if c.LogFormat != "text" && c.LogFormat != "json" {
		return &FieldError{"log_format", c.LogFormat, "must be text or json"}
	}
	if c.UnclaimedHosts != "all" && c.UnclaimedHosts != "default" {
		return &FieldError{"unclaimed_hosts", c.UnclaimedHosts, "must be all or default"}
	}
	switch {
	case c.Role != RoleAll && c.Role != RoleAPI:
		return &FieldError{"role", c.Role, "must be all or api"}
	case c.Role == RoleAPI && c.DatabaseURL == "":
		return &FieldError{"role", c.Role, "needs a database_url, of the PostgreSQL that nodes of the role all have too"}
	}
	switch c.TriggerBackoff {
	case "exponential", "linear", "constant":
	default:
		return &FieldError{"trigger_backoff", c.TriggerBackoff, "must be exponential, linear or constant"}
	}
	if !(c.TriggerJitter >= 0 && c.TriggerJitter <= 1) {
		return &FieldError{"trigger_jitter", strconv.FormatFloat(c.TriggerJitter, 'g', -1, 64), "must be between 0 and 1"}
	}
	if c.TriggerMaxPause < c.TriggerBase {
		return &FieldError{"trigger_max_pause", c.TriggerMaxPause.String(), "must be at least trigger_base"}
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return &FieldError{"log_level", c.LogLevel, "must be debug, info, warn or error"}
	}
	return nil
}

// checkAddress checks what is to be listened on.
func checkAddress(field, address string) error {
	if _, port, err := net.SplitHostPort(address); err != nil {
		return &FieldError{field, address, "must be host:port, as in 127.0.0.1:8080"}
	} else if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return &FieldError{field, address, "must have a port between 0 and 65535"}
	}
	return nil
}

// isHostName reports whether a text is what a URL has as its host, without a port.
func isHostName(text string) bool {
	u, err := url.Parse("http://" + text + "/")
	return err == nil && text != "" && u.Host == text && u.Hostname() == strings.Trim(text, "[]") && u.Path == "/"
}

// DashboardOff is the DashboardAddr of a server without a dashboard.
const DashboardOff = "off"

// Dashboard returns the address that the dashboard listens on, "" for no dashboard. asked reports whether the
// operator has set it; else another port does as well.
func (c *Config) Dashboard() (address string, asked bool) {
	switch c.DashboardAddr {
	case DashboardOff:
		return "", true
	case "":
	default:
		return c.DashboardAddr, true
	}
	port := 0
	if _, main, err := net.SplitHostPort(c.Addr); err == nil { // checked by Validate
		if n, _ := strconv.Atoi(main); n > 0 && n < 65535 {
			port = n + 1
		}
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), false
}

// AppPlaces returns how many executions an app has at once.
func (c *Config) AppPlaces() int {
	if c.AppExecutions > 0 {
		return c.AppExecutions
	}
	return (c.MaxConcurrentExecutions + 1) / 2
}

// EventPlaces returns how many events are handled at once.
func (c *Config) EventPlaces() int {
	if c.EventConcurrency > 0 {
		return c.EventConcurrency
	}
	return max(c.MaxConcurrentExecutions/2, 1)
}

// minBufferedBytes lets a few requests of a usual size be served at once: 1 MiB.
const minBufferedBytes = 1 << 20

// Proxies returns TrustedProxies as networks; an address alone is a network of one. The error is a
// [*FieldError].
func (c *Config) Proxies() ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for _, text := range c.TrustedProxies {
		text = strings.TrimSpace(text)
		network, err := netip.ParsePrefix(text)
		if address, alone := netip.ParseAddr(text); alone == nil && address.Zone() == "" {
			network, err = netip.PrefixFrom(address, address.BitLen()), nil
		}
		if err != nil {
			return nil, &FieldError{"trusted_proxies", text, "must be networks or addresses, as in 10.0.0.0/8,::1"}
		}
		networks = append(networks, network.Masked())
	}
	return networks, nil
}

// Ceiling returns the most that a script's limits may be.
func (c *Config) Ceiling() abi.Limits {
	return abi.Limits{
		MaxOperations: c.MaxOperations,
		MemoryMB:      c.MaxMemoryMB,
		TimeoutMS:     c.MaxTimeout.Milliseconds(),
	}.Or(abi.DefaultCeiling)
}

// FilesDir returns the directory of the contents of files.
func (c *Config) FilesDir() string {
	if c.FilesRoot != "" {
		return c.FilesRoot
	}
	return filepath.Join(c.Data, "files")
}

// Logger returns the logger that LogFormat and LogLevel ask for, on stderr.
func (c *Config) Logger() *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // checked by Validate
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: fault.ReplaceAttr}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}

// LogValue returns the settings with secrets masked.
func (c *Config) LogValue() slog.Value {
	var attrs []slog.Attr
	for _, s := range c.settings() {
		attrs = append(attrs, slog.Attr{Key: s.key(), Value: s.shown()})
	}
	return slog.GroupValue(attrs...)
}
