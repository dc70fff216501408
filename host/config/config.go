// Package config reads the server's settings from flags, PICLOUD_* variables
// and an optional YAML file, in that order of precedence, and checks them.
package config

import (
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/picloud/picloud/abi"
)

// Config is everything an operator can set. Every field is a flag (--name), a
// variable (PICLOUD_NAME) and a key of the YAML file (name).
type Config struct {
	File kong.ConfigFlag `name:"config" placeholder:"FILE" help:"YAML file with settings; flags and variables win." env:"PICLOUD_CONFIG"`

	Addr        string `default:"127.0.0.1:8080" help:"Address to listen on, host:port." env:"PICLOUD_ADDR"`
	Data        string `default:"./data" help:"Directory for the database, files and caches." env:"PICLOUD_DATA"`
	DatabaseURL string `name:"database-url" placeholder:"URL" help:"PostgreSQL to use instead of SQLite in the data directory." env:"PICLOUD_DATABASE_URL"`

	AdminUsername string `default:"admin" help:"Name of the first admin, made at the first start." env:"PICLOUD_ADMIN_USERNAME"`
	AdminPassword string `placeholder:"SECRET" help:"Password of the first admin; generated and printed once when not set." env:"PICLOUD_ADMIN_PASSWORD"`

	ScriptCacheSize         int   `default:"256" help:"Scripts kept ready to run." env:"PICLOUD_SCRIPT_CACHE_SIZE"`
	MaxConcurrentExecutions int   `default:"32" help:"Executions at once; more are refused with 503." env:"PICLOUD_MAX_CONCURRENT_EXECUTIONS"`
	MaxBodyBytes            int64 `default:"10485760" help:"Largest request body, bytes." env:"PICLOUD_MAX_BODY_BYTES"`
	MaxPluginBytes          int64 `default:"16777216" help:"Largest WebAssembly module of a plugin, bytes." env:"PICLOUD_MAX_PLUGIN_BYTES"`

	MaxOperations int64         `default:"100000000" help:"Most operations a script may be allowed." env:"PICLOUD_MAX_OPERATIONS"`
	MaxMemoryMB   int64         `name:"max-memory-mb" default:"512" help:"Most memory a script may be allowed, MiB." env:"PICLOUD_MAX_MEMORY_MB"`
	MaxTimeout    time.Duration `default:"300s" help:"Longest time limit a script may be allowed." env:"PICLOUD_MAX_TIMEOUT"`

	FilesRoot    string `placeholder:"DIR" help:"Directory for the contents of apps' files; files in the data directory when not set. It must not be shared with another database." env:"PICLOUD_FILES_ROOT"`
	FilesQuota   int64  `default:"1073741824" help:"Most bytes that the files of one app may have in all; 0 is no bound." env:"PICLOUD_FILES_QUOTA"`
	MaxFileBytes int64  `default:"104857600" help:"Largest file, bytes." env:"PICLOUD_MAX_FILE_BYTES"`

	HTTPAllowPrivate     bool          `name:"http-allow-private" help:"Let scripts reach private addresses, this machine's too. For development." env:"PICLOUD_HTTP_ALLOW_PRIVATE"`
	HTTPTimeout          time.Duration `name:"http-timeout" default:"30s" help:"Longest that an HTTP request of a script may take." env:"PICLOUD_HTTP_TIMEOUT"`
	HTTPMaxRequestBytes  int64         `name:"http-max-request-bytes" default:"10485760" help:"Largest body that a script may send, bytes." env:"PICLOUD_HTTP_MAX_REQUEST_BYTES"`
	HTTPMaxResponseBytes int64         `name:"http-max-response-bytes" default:"10485760" help:"Largest body that a script may be answered, bytes." env:"PICLOUD_HTTP_MAX_RESPONSE_BYTES"`

	SessionTTL    time.Duration `name:"session-ttl" default:"720h" help:"How long a login lasts." env:"PICLOUD_SESSION_TTL"`
	LogRetention  time.Duration `default:"720h" help:"How long executions and their logs are kept; 0 keeps them for ever." env:"PICLOUD_LOG_RETENTION"`
	ShutdownGrace time.Duration `default:"10s" help:"How long running executions may take to finish at shutdown." env:"PICLOUD_SHUTDOWN_GRACE"`

	LogFormat string `default:"text" help:"text or json." env:"PICLOUD_LOG_FORMAT"`
	LogLevel  string `default:"info" help:"debug, info, warn or error." env:"PICLOUD_LOG_LEVEL"`
}

// KongOptions are what a kong parser needs to read a [Config].
func KongOptions() []kong.Option {
	return []kong.Option{kong.Configuration(load)}
}

// FieldError says which setting is wrong.
type FieldError struct {
	Field  string // as in the file: "max_body_bytes"
	Value  string
	Reason string
}

func (e *FieldError) Error() string { return fmt.Sprintf("%s: %s, got %q", e.Field, e.Reason, e.Value) }

// Validate checks what parsing cannot. Kong calls it. The error is a
// [*FieldError] for the first wrong setting.
func (c *Config) Validate() error {
	if _, port, err := net.SplitHostPort(c.Addr); err != nil {
		return &FieldError{"addr", c.Addr, "must be host:port, as in 127.0.0.1:8080"}
	} else if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return &FieldError{"addr", c.Addr, "must have a port between 0 and 65535"}
	}
	if c.Data == "" {
		return &FieldError{"data", c.Data, "must name a directory"}
	}
	if c.DatabaseURL != "" {
		u, err := url.Parse(c.DatabaseURL)
		if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
			return &FieldError{"database_url", mask(c.DatabaseURL), "must be a postgres:// URL"}
		}
	}
	if n := len(c.AdminUsername); n < 1 || n > 128 {
		return &FieldError{"admin_username", c.AdminUsername, "must have between 1 and 128 bytes"}
	}
	if n := len(c.AdminPassword); n != 0 && (n < 8 || n > 1024) {
		return &FieldError{"admin_password", mask(c.AdminPassword), "must have between 8 and 1024 bytes"}
	}
	for _, f := range []struct {
		name             string
		value, low, high int64
	}{
		{"script_cache_size", int64(c.ScriptCacheSize), 1, 1_000_000},
		{"max_concurrent_executions", int64(c.MaxConcurrentExecutions), 1, 10_000},
		{"max_body_bytes", c.MaxBodyBytes, 1024, 1 << 30},
		{"max_plugin_bytes", c.MaxPluginBytes, 1024, 256 << 20},
		{"max_operations", c.MaxOperations, 1000, 1 << 50},
		{"files_quota", c.FilesQuota, 0, 1 << 50},
		{"max_file_bytes", c.MaxFileBytes, 1, 1 << 40},
		{"http_max_request_bytes", c.HTTPMaxRequestBytes, 1, 1 << 30},
		{"http_max_response_bytes", c.HTTPMaxResponseBytes, 1, 1 << 30},
		{"max_memory_mb", c.MaxMemoryMB, 1, 4096},
	} {
		if f.value < f.low || f.value > f.high {
			return &FieldError{f.name, strconv.FormatInt(f.value, 10), fmt.Sprintf("must be between %d and %d", f.low, f.high)}
		}
	}
	for _, f := range []struct {
		name             string
		value, low, high time.Duration
	}{
		{"max_timeout", c.MaxTimeout, time.Millisecond, 24 * time.Hour},
		{"http_timeout", c.HTTPTimeout, time.Millisecond, time.Hour},
		{"session_ttl", c.SessionTTL, time.Minute, 10 * 365 * 24 * time.Hour},
		{"log_retention", c.LogRetention, 0, 100 * 365 * 24 * time.Hour},
		{"shutdown_grace", c.ShutdownGrace, 0, time.Hour},
	} {
		if f.value < f.low || f.value > f.high {
			return &FieldError{f.name, f.value.String(), fmt.Sprintf("must be between %s and %s", f.low, f.high)}
		}
	}
	if c.LogFormat != "text" && c.LogFormat != "json" {
		return &FieldError{"log_format", c.LogFormat, "must be text or json"}
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return &FieldError{"log_level", c.LogLevel, "must be debug, info, warn or error"}
	}
	return nil
}

// Ceiling is the most that a script's limits may be.
func (c *Config) Ceiling() abi.Limits {
	return abi.Limits{
		MaxOperations: c.MaxOperations,
		MemoryMB:      c.MaxMemoryMB,
		TimeoutMS:     c.MaxTimeout.Milliseconds(),
	}.Or(abi.DefaultCeiling)
}

// FilesDir is the directory of the contents of files.
func (c *Config) FilesDir() string {
	if c.FilesRoot != "" {
		return c.FilesRoot
	}
	return filepath.Join(c.Data, "files")
}

// Logger makes the logger that LogFormat and LogLevel ask for, on stderr.
func (c *Config) Logger() *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // checked by Validate
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}

// LogValue shows the settings with secrets masked.
func (c *Config) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("addr", c.Addr),
		slog.String("data", c.Data),
		slog.String("database_url", mask(c.DatabaseURL)),
		slog.String("admin_username", c.AdminUsername),
		slog.String("admin_password", mask(c.AdminPassword)),
		slog.Int("script_cache_size", c.ScriptCacheSize),
		slog.Int("max_concurrent_executions", c.MaxConcurrentExecutions),
		slog.Int64("max_body_bytes", c.MaxBodyBytes),
		slog.Int64("max_plugin_bytes", c.MaxPluginBytes),
		slog.Int64("max_operations", c.MaxOperations),
		slog.Int64("max_memory_mb", c.MaxMemoryMB),
		slog.Duration("max_timeout", c.MaxTimeout),
		slog.String("files_root", c.FilesDir()),
		slog.Int64("files_quota", c.FilesQuota),
		slog.Int64("max_file_bytes", c.MaxFileBytes),
		slog.Bool("http_allow_private", c.HTTPAllowPrivate),
		slog.Duration("http_timeout", c.HTTPTimeout),
		slog.Int64("http_max_request_bytes", c.HTTPMaxRequestBytes),
		slog.Int64("http_max_response_bytes", c.HTTPMaxResponseBytes),
		slog.Duration("session_ttl", c.SessionTTL),
		slog.Duration("log_retention", c.LogRetention),
		slog.Duration("shutdown_grace", c.ShutdownGrace),
		slog.String("log_format", c.LogFormat),
		slog.String("log_level", c.LogLevel),
	)
}

// mask hides a secret. Of a URL only the scheme, host and path are no secret.
func mask(secret string) string {
	if secret == "" {
		return ""
	}
	if u, err := url.Parse(secret); err == nil && u.Host != "" {
		shown := u.Scheme + "://"
		if u.User != nil {
			shown += "***@"
		}
		return shown + u.Host + strings.TrimSuffix(u.Path, "/")
	}
	return "***"
}
