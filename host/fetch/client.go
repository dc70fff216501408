// Package fetch performs the HTTP requests of scripts to other servers.
//
// A script is not trusted with the network the host is in: it could ask servers there that trust
// the host (server-side request forgery, SSRF). The guard refuses every address that is not of the
// public internet, at the moment a connection is made to it, so that no name, redirect or notation
// of an address leads around it. Two things it cannot know: a NAT64 prefix that the operator's
// network has chosen for itself, and what else listens on the host's own public addresses. Ports
// are not restricted.
//
// Each app has connections of its own. A server may tie something to a pooled connection (NTLM,
// client state), which no other app may find. There are no cookies and no proxy from the
// environment.
package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/picloud/picloud/abi"
)

// Config bounds what requests may do. A zero field has the default in its comment.
type Config struct {
	Version      string // of PiCloud, for the User-Agent
	AllowPrivate bool   // reach every address: for development

	ConnectTimeout   time.Duration // name, connection, and again for TLS; 10 s
	HeaderTimeout    time.Duration // from the request sent to the response's headers; 20 s
	Timeout          time.Duration // the whole request with its redirects; 30 s. A script may ask for less
	MaxRequestBytes  int64         // of a body as it is sent; 10 MiB
	MaxResponseBytes int64         // of a body, decompressed; 10 MiB. A script may ask for less
	MaxApps          int           // apps that keep idle connections, the least recent lose theirs; 64

	Resolver *net.Resolver  // nil: the system's
	RootCAs  *x509.CertPool // trusted in TLS; nil: the system's
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&c.ConnectTimeout, 10 * time.Second}, {&c.HeaderTimeout, 20 * time.Second}, {&c.Timeout, 30 * time.Second}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if c.MaxRequestBytes == 0 {
		c.MaxRequestBytes = 10 << 20
	}
	if c.MaxResponseBytes == 0 {
		c.MaxResponseBytes = 10 << 20
	}
	if c.MaxApps == 0 {
		c.MaxApps = 64
	}
	return c
}

// What one app keeps open, and for how long.
const (
	maxIdlePerApp  = 16
	maxIdlePerHost = 4
	idleTimeout    = 60 * time.Second
)

// maxResponseHeaderBytes bounds the headers of a response.
const maxResponseHeaderBytes = 256 << 10

// Client performs requests. It is safe for concurrent use.
type Client struct {
	config Config
	guard  *guard
	pools  *lru.Cache[string, *http.Transport] // by app
}

// New returns a client. It panics when config.MaxApps is negative.
func New(config Config) *Client {
	config = config.withDefaults()
	pools, err := lru.NewWithEvict(config.MaxApps, func(_ string, pool *http.Transport) { pool.CloseIdleConnections() })
	if err != nil {
		panic(err)
	}
	return &Client{config: config, guard: newGuard(config.AllowPrivate), pools: pools}
}

// Close closes the idle connections. Requests under way are not ended.
func (c *Client) Close() { c.pools.Purge() }

// Do performs a request for a script of an app. A response with any status is no error. The error
// is the context's when that has ended, else one of package fault: invalid for a request that is
// wrong, timeout, or unreachable when the other server cannot be had or breaks off. It never names
// an address.
func (c *Client) Do(ctx context.Context, appID, scriptID string, request *abi.HTTPRequest) (*abi.HTTPResponse, error) {
	bounds, err := c.bounds(request)
	if err != nil {
		return nil, err
	}
	outgoing, err := c.outgoing(scriptID, request)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, bounds.timeout)
	defer cancel()

	follow := request.FollowRedirects == nil || *request.FollowRedirects
	client := http.Client{Transport: c.pool(appID), CheckRedirect: c.redirects(follow)}
	incoming, err := client.Do(outgoing.WithContext(limited))
	if err != nil {
		return nil, c.failure(ctx, limited, bounds, err)
	}
	defer func() { _ = incoming.Body.Close() }() // the body has been read, or has failed already
	response, err := read(incoming, bounds.responseBytes)
	if err != nil {
		return nil, c.failure(ctx, limited, bounds, err)
	}
	return response, nil
}

// pool returns the transport of an app.
func (c *Client) pool(appID string) *http.Transport {
	if pool, ok := c.pools.Get(appID); ok {
		return pool
	}
	pool := c.newPool()
	if earlier, ok, _ := c.pools.PeekOrAdd(appID, pool); ok {
		return earlier
	}
	return pool
}

func (c *Client) newPool() *http.Transport {
	dialer := &net.Dialer{Timeout: c.config.ConnectTimeout, Resolver: c.config.Resolver, Control: c.guard.control}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: c.config.RootCAs, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    c.config.ConnectTimeout,
		ResponseHeaderTimeout:  c.config.HeaderTimeout,
		MaxResponseHeaderBytes: maxResponseHeaderBytes,
		MaxIdleConns:           maxIdlePerApp,
		MaxIdleConnsPerHost:    maxIdlePerHost,
		IdleConnTimeout:        idleTimeout,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // it would decode only what it has asked for itself, see read
		// A connection that has died silently must not take requests for ever.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 5 * time.Second},
	}
}
