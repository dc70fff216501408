package client

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/picloud/picloud/host/api/wire"
)

// Login exchanges a user's name and password, and a code where [NeedsCode] says so, for a session, and
// uses its token from now on. It must not run beside other calls.
func (c *Client) Login(ctx context.Context, as wire.Login) (wire.Token, error) {
	session, err := call[wire.Token](ctx, c, http.MethodPost, []string{"auth", "login"}, nil, as)
	if err == nil {
		c.token = session.Token
	}
	return session, err
}

// NeedsCode reports whether a login was refused because of the code of a second factor: it is missing,
// or is not right.
func NeedsCode(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == http.StatusUnauthorized &&
		slices.ContainsFunc(e.Errors, func(f wire.FieldError) bool { return f.Location == "body.code" })
}

// Logout ends the session of the client's token.
func (c *Client) Logout(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, []string{"auth", "logout"}, nil, nil, nil)
}
