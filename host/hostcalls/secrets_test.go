package hostcalls

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/secrets"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlite"
)

// unread are secrets that cannot be read.
type unread struct{ store.Secrets }

func (unread) List(context.Context, string) ([]store.Secret, error) {
	return nil, store.Failed("list secrets", context.Canceled)
}

// withSecrets is a dispatcher over an empty database, and an app in it.
func withSecrets(t testing.TB, wrap func(store.Secrets) store.Secrets) (*Dispatcher, *Scope) {
	t.Helper()
	db, err := sqlite.Open(context.Background(), sqlite.Config{Path: filepath.Join(t.TempDir(), sqlite.FileName)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	app, err := db.Apps().Create(context.Background(), store.App{Slug: "a", Name: "a"})
	require.NoError(t, err)
	s, err := secrets.New(context.Background(), secrets.Config{Store: wrap(db.Secrets()), Factors: db.SecondFactors(), File: filepath.Join(t.TempDir(), secrets.FileName)})
	require.NoError(t, err)
	return New(Config{Services: Services{Secrets: s}}), &Scope{AppID: app.ID, Capabilities: []abi.Capability{abi.AppSecretRead}}
}

func asItIs(s store.Secrets) store.Secrets { return s }

// What cannot be masked is left out.
func TestHideFailsClosed(t *testing.T) {
	d, scope := withSecrets(t, func(s store.Secrets) store.Secrets { return unread{s} })
	message, data := d.Hide(t.Context(), scope, "the key is 123456", json.RawMessage(`"123456"`))
	assert.Equal(t, leftOut, message)
	assert.Nil(t, data)
	assert.Equal(t, "as it is", first(New(Config{}).Hide(t.Context(), scope, "as it is", nil)), "without secrets there is nothing to mask")
}

func first[A, B any](a A, _ B) A { return a }

// The end of an execution does not keep its error from being masked.
func TestHideAfterTheEnd(t *testing.T) {
	d, scope := withSecrets(t, asItIs)
	_, err := d.secrets.Set(t.Context(), scope.AppID, "pw", "value-1")
	require.NoError(t, err)
	ended, end := context.WithCancel(t.Context())
	end()
	message, data := d.Hide(ended, scope, "no value-1", json.RawMessage(`{"k":"value-1"}`))
	assert.Equal(t, "no ***", message)
	assert.Equal(t, `{"k":"***"}`, string(data))
}

// What an execution has read stays masked in its log when it is replaced or deleted meanwhile.
func TestHideWhatWasRead(t *testing.T) {
	d, scope := withSecrets(t, asItIs)
	read := func() {
		t.Helper()
		request, err := (&abi.SecretsGetRequest{Name: "pw"}).MarshalMsg(nil)
		require.NoError(t, err)
		_, err = d.Perform(t.Context(), scope, abi.OpSecretsGet, request)
		require.NoError(t, err)
	}
	for _, value := range []string{"value-1", "value-2"} {
		_, err := d.secrets.Set(t.Context(), scope.AppID, "pw", value)
		require.NoError(t, err)
		read()
		read()
	}
	assert.Len(t, scope.masks, 2)
	require.NoError(t, d.secrets.Delete(t.Context(), scope.AppID, "pw"))
	message, _ := d.Hide(t.Context(), scope, "value-1 value-2 value-3", nil)
	assert.Equal(t, "*** *** value-3", message)
	message, _ = d.Hide(t.Context(), &Scope{AppID: scope.AppID}, "value-1", nil)
	assert.Equal(t, "value-1", message, "it is no secret to others any more")
}

// A trace does not tell how long a secret is.
func TestTraceOfSecrets(t *testing.T) {
	d, scope := withSecrets(t, asItIs)
	_, err := d.secrets.Set(t.Context(), scope.AppID, "pw", "value-1")
	require.NoError(t, err)
	request, err := (&abi.SecretsGetRequest{Name: "pw"}).MarshalMsg(nil)
	require.NoError(t, err)
	for _, op := range []abi.Op{abi.OpSecretsGet, abi.OpSecretsHas} {
		response, err := d.Perform(t.Context(), scope, op, request)
		require.NoError(t, err)
		require.NotEmpty(t, response)
	}
	for i, call := range scope.Calls.Trace().Calls {
		assert.Equal(t, []string{"secrets.get", "secrets.has"}[i], call.Name)
		assert.Zero(t, call.RequestBytes)
		assert.Zero(t, call.ResponseBytes)
	}
}

func TestLogIsMaskedBeforeItIsCut(t *testing.T) {
	mask := secrets.NewMask([]string{"value-1"})
	log := Log{Hide: func(message string, data json.RawMessage) (string, json.RawMessage) {
		return mask.Hide(message), mask.HideJSON(data)
	}}
	log.Write(abi.LogInfo, strings.Repeat("x", MaxLogLine-cutNote-3)+"value-1"+strings.Repeat("x", 100), nil)
	log.Write(abi.LogInfo, "m", json.RawMessage(`["value-1"]`))
	log.WriteLast(abi.LogError, "no value-1")
	require.Len(t, log.Lines(), 3)
	assert.Contains(t, log.Lines()[0].Message, "x***...")
	assert.Equal(t, `["***"]`, string(log.Lines()[1].Data))
	assert.Equal(t, "no ***", log.Lines()[2].Message)
}

// Of a long message no more is masked than can be seen, and of a value that ends what is masked nothing shows.
func TestLogMasksWhatCanBeSeen(t *testing.T) {
	short, long := "value-of-forty-bytes-"+strings.Repeat("s", 19), "long-"+strings.Repeat("l", 20<<10)
	mask := secrets.NewMask([]string{short, long})
	rest := strings.Repeat("x", 8<<10)
	for _, hidden := range []string{"", short, strings.Repeat(short, 10), strings.Repeat(short+".", 300)} {
		for _, value := range []string{short, long} {
			for at := MaxLogLine - 100; at < MaxLogLine+secrets.Ahead+10; at++ {
				var masked int
				log := Log{Hide: func(message string, data json.RawMessage) (string, json.RawMessage) {
					masked += len(message)
					return mask.Hide(message), mask.HideJSON(data)
				}}
				message := hidden + strings.Repeat("x", at-len(hidden)) + value + rest
				log.Write(abi.LogInfo, message, nil)
				got := log.Lines()[0].Message
				require.LessOrEqual(t, masked, MaxLogLine+secrets.Ahead)
				require.LessOrEqual(t, len(got), MaxLogLine)
				require.NotContains(t, got, "xv", "%d", at)
				require.NotContains(t, got, "xl", "%d", at)
				require.Regexp(t, `\.\.\. \(\d+ bytes more\)$`, got)
				masked = 0
				require.Equal(t, got, log.Shown(message), "an execution's error is one, too")
				require.LessOrEqual(t, masked, MaxLogLine+secrets.Ahead)
			}
		}
	}

	data := 0
	rest = strings.Repeat("x", 1<<20)
	log := Log{Hide: func(message string, d json.RawMessage) (string, json.RawMessage) {
		data += len(d)
		return leftOut, d
	}}
	log.Write(abi.LogInfo, rest, json.RawMessage(`"`+rest+`"`))
	assert.Equal(t, leftOut, log.Lines()[0].Message)
	assert.Less(t, data, 100)
	assert.Contains(t, string(log.Lines()[0].Data), "(1048578 bytes of data")
}

// What masking adds to each line of a log.
func BenchmarkMaskedLine(b *testing.B) {
	line := strings.Repeat("GET /orders/8812 of customer 4711 took 12 ms; ", 5)[:200]
	for _, name := range []string{"an app without secrets", "an app with one"} {
		b.Run(name, func(b *testing.B) {
			d, scope := withSecrets(b, asItIs)
			if name != "an app without secrets" {
				_, err := d.secrets.Set(context.Background(), scope.AppID, "pw", "sk_live_4eC39HqLyjWDarjtT1zdp7dc")
				require.NoError(b, err)
			}
			b.ReportAllocs()
			for b.Loop() {
				d.Hide(b.Context(), scope, line, nil)
			}
		})
	}
}
