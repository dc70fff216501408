package server

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/config"
	"github.com/picloud/picloud/host/routing"
	"github.com/picloud/picloud/host/store"
)

const helloSource = `// Answers GET /hello, and GET /hello?name=you.
let name = ctx.request.query.name;
if name == () { name = "world"; }
print("greeting " + name);
#{ statusCode: 200, body: #{ message: "Hello, " + name + "!" } }
`

// firstStart makes, in a database without users, the first admin and the
// default app with a hello script on GET /hello. It answers the admin's
// password if it was generated.
func firstStart(ctx context.Context, db store.Store, c *config.Config) (generated string, err error) {
	if n, err := db.Users().Count(ctx); err != nil || n > 0 {
		return "", err
	}
	password := c.AdminPassword
	if password == "" {
		password = rand.Text() // 128 bits, base32
		generated = password
	}
	if err := authz.CheckPassword(password); err != nil {
		return "", fmt.Errorf("admin_password: %w", err)
	}
	hash, err := authz.HashPassword(password)
	if err != nil {
		return "", err
	}
	err = db.InTx(ctx, func(tx store.Store) error {
		if n, err := tx.Users().Count(ctx); err != nil || n > 0 {
			generated = "" // another node was faster
			return err
		}
		if _, err := tx.Users().Create(ctx, store.User{Username: c.AdminUsername, PasswordHash: hash, Role: store.RoleOwner}); err != nil {
			return err
		}
		return createHello(ctx, tx)
	})
	return generated, err
}

func createHello(ctx context.Context, tx store.Store) error {
	app, err := tx.Apps().Create(ctx, store.App{Slug: "default", Name: "Default"})
	if err != nil {
		return err
	}
	script, err := tx.Scripts().Create(ctx, store.Script{AppID: app.ID, Name: "hello", Kind: abi.KindEndpoint, Source: helloSource})
	if err != nil {
		return err
	}
	route, err := routing.Parse("GET", "", "", "/hello", "")
	if err != nil {
		return err
	}
	route.AppID, route.ScriptID, route.Dispatch = app.ID, script.ID, store.DispatchSync
	_, err = tx.Routes().Create(ctx, route)
	return err
}
