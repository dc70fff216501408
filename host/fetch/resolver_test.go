package fetch

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

// zone is what a DNS server knows: the addresses of a name, or the name it is an alias of. What
// follows "then" is the answer from the second time on. A name "*.x" is any name under x. "!"
// fails.
type zone map[string][]string

// serve starts a DNS server and returns a resolver that asks it.
func (z zone) serve(t *testing.T) *net.Resolver {
	t.Helper()
	socket, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	var running sync.WaitGroup
	running.Add(1)
	go func() {
		defer running.Done()
		asked := map[dnsmessage.Question]int{}
		buffer := make([]byte, 1500)
		for {
			n, from, err := socket.ReadFrom(buffer)
			if err != nil {
				return
			}
			var query dnsmessage.Message
			if query.Unpack(buffer[:n]) != nil || len(query.Questions) != 1 {
				continue
			}
			answer, err := z.answer(query, asked)
			if err == nil {
				_, _ = socket.WriteTo(answer, from)
			}
		}
	}()
	t.Cleanup(func() { _ = socket.Close(); running.Wait() })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp4", socket.LocalAddr().String())
	}}
}

func (z zone) lookup(name string) ([]string, bool) {
	if addresses, ok := z[name]; ok {
		return addresses, true
	}
	for pattern, addresses := range z {
		if suffix, ok := strings.CutPrefix(pattern, "*"); ok && strings.HasSuffix(name, suffix) {
			return addresses, true
		}
	}
	return nil, false
}

func (z zone) answer(query dnsmessage.Message, asked map[dnsmessage.Question]int) ([]byte, error) {
	question := query.Questions[0]
	reply := dnsmessage.Message{Questions: query.Questions}
	reply.Header = dnsmessage.Header{ID: query.ID, Response: true, RecursionAvailable: true}
	owner := question.Name
	values, known := z.lookup(strings.ToLower(strings.TrimSuffix(owner.String(), ".")))
	if !known {
		reply.RCode = dnsmessage.RCodeNameError
	}
	for i, value := range values {
		if value == "then" {
			if asked[question] > 0 {
				values = values[i+1:]
			} else {
				values = values[:i]
			}
			break
		}
	}
	asked[question]++
	for len(values) == 1 && values[0] != "!" {
		if _, err := netip.ParseAddr(values[0]); err == nil {
			break
		}
		target := dnsmessage.MustNewName(values[0] + ".")
		reply.Answers = append(reply.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: owner, Type: dnsmessage.TypeCNAME, Class: dnsmessage.ClassINET},
			Body:   &dnsmessage.CNAMEResource{CNAME: target},
		})
		owner = target
		values, _ = z.lookup(values[0])
	}
	for _, value := range values {
		if value == "!" {
			reply.RCode = dnsmessage.RCodeServerFailure
			break
		}
		address := netip.MustParseAddr(value)
		header := dnsmessage.ResourceHeader{Name: owner, Class: dnsmessage.ClassINET}
		switch {
		case address.Is4() && question.Type == dnsmessage.TypeA:
			header.Type = dnsmessage.TypeA
			reply.Answers = append(reply.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: address.As4()}})
		case address.Is6() && question.Type == dnsmessage.TypeAAAA:
			header.Type = dnsmessage.TypeAAAA
			reply.Answers = append(reply.Answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AAAAResource{AAAA: address.As16()}})
		}
	}
	return reply.Pack()
}
