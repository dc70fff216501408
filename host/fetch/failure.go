package fetch

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"

	"github.com/picloud/picloud/host/fault"
)

func unreachable(format string, args ...any) error {
	return fault.New(fault.Unreachable, format, args...)
}

func timedOut(format string, args ...any) error {
	return fault.New(fault.Timeout, format, args...)
}

var errNotHTTP = unreachable("the connection broke or the answer is not valid HTTP")

// failure returns the error of a request that failed. It names a category, because the texts of
// package net name hosts and addresses. The first context is the execution's, the other has the
// request's own time limit too.
func (c *Client) failure(ctx, limited context.Context, bounds bounds, err error) error {
	var (
		network net.Error
		dns     *net.DNSError
		op      *net.OpError
	)
	errors.As(err, &op)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case fault.From(err) != nil:
		return fault.From(err)
	case limited.Err() != nil:
		return timedOut("not finished within %d ms", bounds.timeout.Milliseconds())
	case errors.As(err, &network) && network.Timeout():
		if op != nil && op.Op == "dial" {
			return timedOut("no connection within %d ms", c.config.ConnectTimeout.Milliseconds())
		}
		return timedOut("the server does not answer")
	case errors.As(err, &dns):
		if dns.IsNotFound {
			return unreachable("there is no such host")
		}
		return unreachable("the name of the host cannot be resolved")
	case errors.Is(err, http.ErrSchemeMismatch):
		return unreachable("TLS: the server answers in plain HTTP")
	case errors.Is(err, syscall.ECONNREFUSED):
		return unreachable("connection refused")
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return unreachable("connection reset by the server")
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL):
		return unreachable("there is no route to the host")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return unreachable("the server closed the connection before the response was complete")
	}
	if reason := certificateFault(err); reason != "" {
		return unreachable("TLS: %s", reason)
	}
	if op != nil && (op.Op == "remote error" || op.Op == "local error") { // crypto/tls names alerts so
		return unreachable("TLS: the handshake failed")
	}
	return errNotHTTP
}

// certificateFault returns what is wrong with a server's certificate, "" when the error is another
// one.
func certificateFault(err error) string {
	var (
		verification *tls.CertificateVerificationError
		record       tls.RecordHeaderError
		authority    x509.UnknownAuthorityError
		name         x509.HostnameError
		certificate  x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &record):
		return "the server does not speak it"
	case errors.As(err, &authority):
		return "the certificate is signed by an unknown authority"
	case errors.As(err, &name):
		return "the certificate is for another host"
	case errors.As(err, &certificate) && certificate.Reason == x509.Expired:
		return "the certificate has expired or is not valid yet"
	case errors.As(err, &verification):
		return "the certificate is not valid"
	}
	return ""
}
