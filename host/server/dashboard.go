package server

import (
	"context"
	"errors"
	"net"
	"net/url"
	"slices"
	"syscall"

	"github.com/picloud/picloud/host/config"
	"github.com/picloud/picloud/host/dashboard"
	"github.com/picloud/picloud/host/front"
)

// maxDashboardConnections is how many connections the dashboard has at once: a page has six. An address has its part of
// them, as on the public listener.
const maxDashboardConnections = 512

// A dashboardListener is where the dashboard is served, with the admin API beside it: an origin of its own, which no
// page of an app has.
type dashboardListener struct {
	listener net.Listener
	front    *front.Server
	asked    bool // by the operator: the server does not go on without it
	passing  bool // its port is one that was free, and may be another's at the next start
}

// listenDashboard listens for the dashboard. Where the operator has chosen no address, another port than the usual
// one does as well, and so does none.
func (s *Server) listenDashboard(ctx context.Context) error {
	address, asked := s.settings.Dashboard()
	switch {
	case address == "":
		return nil
	case !dashboard.Built && asked:
		return errors.New("this program was built without the dashboard")
	case !dashboard.Built:
		return nil
	}
	var c net.ListenConfig
	listener, err := c.Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) && !asked {
		s.log.Warn("the usual address of the dashboard is taken, it gets another", "taken", address)
		listener, err = c.Listen(ctx, "tcp", "127.0.0.1:0")
	}
	if err != nil && !asked {
		s.log.Warn("there is no dashboard: its usual address cannot be listened on", "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	s.dashboard = &dashboardListener{listener: listener, asked: asked, passing: !hasPort(address, listener.Addr())}
	s.onStop(func(context.Context) error { return closed(listener.Close()) })
	return nil
}

// hasPort reports whether a listener has the port that was asked for.
func hasPort(address string, listens net.Addr) bool {
	_, asked, _ := net.SplitHostPort(address) // which is valid, as it is listened on
	_, has, _ := net.SplitHostPort(listens.String())
	return asked == has
}

// dashboardHosts are the names by which browsers call the dashboard, beside those that need not be named.
func dashboardHosts(c *config.Config) []string {
	hosts := slices.Clone(c.DashboardHosts)
	if u, err := url.Parse(c.DashboardURL); err == nil && u.Host != "" {
		hosts = append(hosts, u.Hostname())
	}
	return hosts
}

// serveDashboard answers until the listener fails or is closed. One that nobody has asked for may fail.
func (s *Server) serveDashboard() error {
	err := s.dashboard.front.Serve(s.dashboard.listener)
	if err == nil || s.dashboard.asked {
		return err
	}
	s.log.Error("the dashboard has failed, the server goes on without it", "error", err)
	return nil
}

// shutdown is [front.Server.Shutdown], and closes the listener at once. A nil one has nothing to do.
func (d *dashboardListener) shutdown(ctx context.Context) error {
	if d == nil {
		return nil
	}
	return errors.Join(closed(d.listener.Close()), closed(d.front.Shutdown(ctx)))
}
