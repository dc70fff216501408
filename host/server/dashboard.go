package server

import (
	"context"
	"errors"
	"net"
	"syscall"

	"github.com/picloud/picloud/host/dashboard"
	"github.com/picloud/picloud/host/front"
)

// maxDashboardConnections is how many connections the dashboard has at once: a page has six.
const maxDashboardConnections = 512

// A dashboardListener is where the dashboard is served, with the admin API beside it: an origin of its own, which no
// page of an app has.
type dashboardListener struct {
	listener net.Listener
	front    *front.Server
}

// listenDashboard listens for the dashboard. Where the operator has chosen no address, another port than the usual
// one does as well.
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
	if err != nil {
		return err
	}
	s.dashboard = &dashboardListener{listener: listener}
	s.onStop(func(context.Context) error { return closed(listener.Close()) })
	return nil
}

// shutdown is [front.Server.Shutdown], and closes the listener at once. A nil one has nothing to do.
func (d *dashboardListener) shutdown(ctx context.Context) error {
	if d == nil {
		return nil
	}
	return errors.Join(closed(d.listener.Close()), closed(d.front.Shutdown(ctx)))
}
