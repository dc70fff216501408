package client

import (
	"context"
	"net/http"

	"github.com/picloud/picloud/host/api/wire"
)

// Login exchanges a user's name and password for a session, and uses its token from now on. It must
// not run beside other calls.
func (c *Client) Login(ctx context.Context, username, password, device string) (wire.Token, error) {
	session, err := call[wire.Token](ctx, c, http.MethodPost, []string{"auth", "login"}, nil,
		wire.Login{Username: username, Password: password, Device: device})
	if err == nil {
		c.token = session.Token
	}
	return session, err
}

// Logout ends the session of the client's token.
func (c *Client) Logout(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, []string{"auth", "logout"}, nil, nil, nil)
}

// Me returns whose token the client uses.
func (c *Client) Me(ctx context.Context) (wire.Me, error) {
	return call[wire.Me](ctx, c, http.MethodGet, []string{"me"}, nil, nil)
}
