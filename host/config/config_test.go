package config

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
)

func parse(t *testing.T, args ...string) (*Config, error) {
	t.Helper()
	var cli struct {
		Serve struct{ Config } `cmd:""`
	}
	parser, err := kong.New(&cli, append(KongOptions(), kong.Exit(func(int) { t.Fatal("kong exits") }))...)
	require.NoError(t, err)
	_, err = parser.Parse(append([]string{"serve"}, args...))
	return &cli.Serve.Config, err
}

func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "picloud.yaml")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestDefaults(t *testing.T) {
	c, err := parse(t)
	require.NoError(t, err)
	assert.Equal(t, "127.0.0.1:8080", c.Addr)
	assert.Equal(t, "./data", c.Data)
	assert.Equal(t, 256, c.ScriptCacheSize)
	assert.Equal(t, 32, c.MaxConcurrentExecutions)
	assert.EqualValues(t, 10<<20, c.MaxBodyBytes)
	assert.EqualValues(t, 16<<20, c.MaxPluginBytes)
	assert.Equal(t, abi.DefaultCeiling, c.Ceiling())
	assert.Equal(t, filepath.Join("data", "files"), c.FilesDir())
	assert.EqualValues(t, 100<<20, c.MaxFileBytes)
	assert.EqualValues(t, 1<<30, c.FilesQuota)
	assert.False(t, c.HTTPAllowPrivate)
	assert.Equal(t, 30*time.Second, c.HTTPTimeout)
	assert.EqualValues(t, 10<<20, c.HTTPMaxResponseBytes)
}

func TestWithoutVariables(t *testing.T) {
	t.Setenv("PICLOUD_MAX_CONCURRENT_EXECUTIONS", "1")
	t.Setenv("PICLOUD_FILES_ROOT", "/mnt/files")
	t.Setenv("PICLOUD_ROLE", "no such role")
	t.Setenv("PICLOUD_CONFIG", filepath.Join(t.TempDir(), "none.yaml"))
	var c Config
	parser, err := kong.New(&c, append(KongOptions(), WithoutVariables())...)
	require.NoError(t, err)
	_, err = parser.Parse([]string{"--data", "d"})
	require.NoError(t, err)
	assert.Equal(t, 32, c.MaxConcurrentExecutions)
	assert.Equal(t, filepath.Join("d", "files"), c.FilesDir())
}

func TestServicesSettings(t *testing.T) {
	t.Setenv("PICLOUD_FILES_ROOT", "/mnt/files")
	t.Setenv("PICLOUD_HTTP_ALLOW_PRIVATE", "true")
	t.Setenv("PICLOUD_FILES_QUOTA", "0")
	t.Setenv("PICLOUD_MAX_PLUGIN_BYTES", "1048576")
	c, err := parse(t, "--config", file(t, "max_file_bytes: 5\nhttp_timeout: 2s\n"), "--http-max-request-bytes=7", "--http-max-response-bytes=9")
	require.NoError(t, err)
	assert.Equal(t, "/mnt/files", c.FilesDir())
	assert.True(t, c.HTTPAllowPrivate)
	assert.Zero(t, c.FilesQuota)
	assert.EqualValues(t, 1<<20, c.MaxPluginBytes)
	assert.EqualValues(t, 5, c.MaxFileBytes)
	assert.Equal(t, 2*time.Second, c.HTTPTimeout)
	assert.EqualValues(t, 7, c.HTTPMaxRequestBytes)
	assert.EqualValues(t, 9, c.HTTPMaxResponseBytes)
}

func TestPrecedence(t *testing.T) {
	t.Setenv("PICLOUD_DATA", "/env")
	t.Setenv("PICLOUD_ADDR", "127.0.0.1:1")
	path := file(t, "data: /file\naddr: 127.0.0.1:2\nscript_cache_size: 7\nmax-timeout: 1m\nlog_level: debug\n")
	c, err := parse(t, "--config", path, "--addr", "127.0.0.1:3")
	require.NoError(t, err)
	assert.Equal(t, "127.0.0.1:3", c.Addr, "flags win")
	assert.Equal(t, "/env", c.Data, "then variables")
	assert.Equal(t, 7, c.ScriptCacheSize, "then the file")
	assert.Equal(t, time.Minute, c.MaxTimeout)
	assert.EqualValues(t, 60_000, c.Ceiling().TimeoutMS)
	assert.True(t, c.Logger().Enabled(t.Context(), slog.LevelDebug))
}

func TestRefuses(t *testing.T) {
	for _, c := range []struct{ flag, value, field, says string }{
		{"addr", "8080", "addr", "host:port"},
		{"addr", "127.0.0.1:99999", "addr", "65535"},
		{"data", "", "data", "directory"},
		{"database-url", "mysql://user:pw@db/x", "database_url", "postgres://"},
		{"admin-username", "", "admin_username", "128"},
		{"admin-password", "short", "admin_password", "between 8 and 1024"},
		{"script-cache-size", "0", "script_cache_size", "between 1"},
		{"max-concurrent-executions", "-1", "max_concurrent_executions", `"-1"`},
		{"max-body-bytes", "1", "max_body_bytes", "1024"},
		{"max-connections", "-1", "max_connections", `"-1"`},
		{"max-connections-per-address", "1000001", "max_connections_per_address", "1000000"},
		{"max-buffered-bytes", "1000", "max_buffered_bytes", "0 or at least 1048576"},
		{"trusted-proxies", "10.0.0.0/8,example.com", "trusted_proxies", `"example.com"`},
		{"trusted-proxies", "10.0.0.0/33", "trusted_proxies", "10.0.0.0/8"},
		{"max-plugin-bytes", "1023", "max_plugin_bytes", "between 1024 and 268435456"},
		{"max-plugin-bytes", "268435457", "max_plugin_bytes", `"268435457"`},
		{"max-memory-mb", "9999", "max_memory_mb", "4096"},
		{"max-operations", "0", "max_operations", "1000"},
		{"max-timeout", "0s", "max_timeout", "1ms"},
		{"session-ttl", "1s", "session_ttl", "1m0s"},
		{"files-quota", "-1", "files_quota", "between 0"},
		{"max-file-bytes", "0", "max_file_bytes", "between 1"},
		{"http-timeout", "0s", "http_timeout", "1ms"},
		{"http-max-request-bytes", "-1", "http_max_request_bytes", "between 1"},
		{"http-max-response-bytes", "0", "http_max_response_bytes", "between 1"},
		{"log-retention", "-1h", "log_retention", "between 0s"},
		{"shutdown-grace", "2h", "shutdown_grace", "1h0m0s"},
		{"role", "api", "role", "needs a database_url"},
		{"role", "worker", "role", "must be all or api"},
		{"backup-schedule", "@daily", "backup_to", "must say where backups are kept"},
		{"backup-keep", "-1", "backup_keep", "between 0"},
		{"log-format", "xml", "log_format", "text or json"},
		{"log-level", "loud", "log_level", "debug, info"},
	} {
		t.Run(c.flag+"="+c.value, func(t *testing.T) {
			_, err := parse(t, "--"+c.flag+"="+c.value)
			var wrong *FieldError
			require.True(t, errors.As(err, &wrong), "got %v", err)
			assert.Equal(t, c.field, wrong.Field)
			assert.Contains(t, err.Error(), c.says)
			assert.NotContains(t, err.Error(), "pw", "secrets stay out of errors")
			assert.NotContains(t, err.Error(), "short")
		})
	}
}

func TestFileRefuses(t *testing.T) {
	for _, c := range []struct{ name, content, says string }{
		{"unknown key", "addr: 127.0.0.1:1\nadress: x\n", "line 2: unknown setting adress"},
		{"nested", "addr:\n  host: x\n", "addr must be a single value"},
		{"no YAML", "addr: [", "configuration file"},
		{"not a map", "- x", "configuration file"},
		{"wrong type", "script_cache_size: many", "script-cache-size"},
		{"wrong value", "script_cache_size: 0", "script_cache_size: must be"},
		{"names another file", "config: other.yaml", "unknown setting config"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parse(t, "--config", file(t, c.content))
			assert.ErrorContains(t, err, c.says)
		})
	}
	_, err := parse(t, "--config", filepath.Join(t.TempDir(), "missing.yaml"))
	assert.Error(t, err)
}

func TestSecretsAreMasked(t *testing.T) {
	c, err := parse(t, "--admin-password", "hunter2hunter2", "--database-url", "postgres://me:topsecret@db.example.com/picloud?password=alsosecret")
	require.NoError(t, err)
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Info("starting", "config", c)
	for _, secret := range []string{"hunter2", "topsecret", "alsosecret"} {
		assert.NotContains(t, out.String(), secret)
	}
	assert.Contains(t, out.String(), "config.database_url=postgres://***@db.example.com/picloud")
	assert.Contains(t, out.String(), "config.admin_password=***")

	key := "//" + strings.Repeat("k", 41) + "=" // which could be taken for a URL with a host
	c, err = parse(t, "--secret-key", key)
	require.NoError(t, err)
	assert.Equal(t, key, c.SecretKey)
	out.Reset()
	slog.New(slog.NewTextHandler(&out, nil)).Info("starting", "config", c)
	assert.NotContains(t, out.String(), "kkk")
	_, err = parse(t, "--secret-key", "short")
	require.ErrorContains(t, err, "secret_key: must have between 43 and 4096 bytes")
}

func TestProxies(t *testing.T) {
	t.Setenv("PICLOUD_TRUSTED_PROXIES", "10.1.2.3/8, 192.0.2.1,2001:db8::/32")
	c, err := parse(t)
	require.NoError(t, err)
	networks, err := c.Proxies()
	require.NoError(t, err)
	assert.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("2001:db8::/32")}, networks)

	c, err = parse(t, "--config", file(t, "max_connections: 5\n"))
	require.NoError(t, err)
	assert.Equal(t, 5, c.MaxConnections)
}

// Events take half of the executions at once, so that requests have the other half, unless they are given a number.
func TestEventPlaces(t *testing.T) {
	for _, c := range []struct{ executions, given, want int }{
		{32, 0, 16}, {33, 0, 16}, {1, 0, 1}, {32, 5, 5}, {4, 10, 10},
	} {
		config := Config{MaxConcurrentExecutions: c.executions, EventConcurrency: c.given}
		assert.Equal(t, c.want, config.EventPlaces(), "%+v", c)
	}
}
