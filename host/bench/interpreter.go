package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/sandbox"
)

// newSandbox returns a sandbox in this process, with the compiled guest from the user's cache.
func newSandbox(ctx context.Context, metrics prometheus.Registerer) (*sandbox.Sandbox, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	return sandbox.New(ctx, sandbox.Config{
		CacheDir: filepath.Join(cache, "picloud", "wasm"), ScriptCacheSize: cachedScripts, Registerer: metrics,
	})
}

// endpoint returns a script as the server would hand it to the sandbox.
func endpoint(id, source string, limits abi.Limits) sandbox.Script {
	return sandbox.Script{
		ID: id, AppID: "bench", Name: "bench", Kind: abi.KindEndpoint,
		Source: source, UpdatedAt: time.Unix(1, 0), Limits: limits,
	}
}

// request returns an invocation as a browser would cause it.
func request(id string) abi.Invocation {
	return abi.Invocation{
		SDKVersion: abi.SDKVersion, ExecutionID: "01890000-0000-7000-8000-000000000001", RequestID: "bench",
		ScriptID: id, ScriptName: "bench", AppID: "bench", InvocationType: abi.InvocationHTTP,
		Request: &abi.Request{Method: "GET", Path: helloPath, Headers: abi.Lists{
			"host": {"127.0.0.1:8080"}, "accept": {"application/json"}, "user-agent": {"bench"},
		}},
	}
}

// silence is a host for scripts that ask nothing of it but the time of day.
type silence struct{}

func (silence) Perform(_ context.Context, op abi.Op, _ []byte) ([]byte, error) {
	if op == abi.OpClockMonotonic {
		return (&abi.Clock{}).MarshalMsg(nil)
	}
	return nil, nil
}
