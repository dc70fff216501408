package server

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/routing"
	"github.com/picloud/picloud/host/store"
)

const helloSource = `// Answers GET /hello, and GET /hello?name=you.
let name = ctx.request.query.name;
if name == () { name = "world"; }
print("greeting " + name);
#{ statusCode: 200, body: #{ message: "Hello, " + name + "!" } }
`

// generatedAdmin is an admin whose password nobody knows yet.
type generatedAdmin struct{ username, password string }

// firstStart makes, in a database without users, the first admin and the default app with a hello
// script on GET /hello. The admin's password is the one of the settings, else a generated one. As
// long as nobody has logged in with a generated password, each start is a first one in that it makes
// another: of the one before only the hash is kept, and it may never have been read.
func (s *Server) firstStart(ctx context.Context) error {
	before, unused, err := unusedAdmin(ctx, s.store)
	if err != nil || !unused {
		return err
	}
	admin := store.User{Username: s.settings.AdminUsername, Role: store.RoleOwner}
	password := s.settings.AdminPassword
	if password == "" {
		password = rand.Text() // 128 bits, base32
		admin.PasswordGenerated, admin.PasswordGiven = true, true
	}
	if err := authz.CheckPassword(password); err != nil {
		return fmt.Errorf("admin_password: %w", err)
	}
	if admin.PasswordHash, err = authz.HashPassword(password); err != nil {
		return err
	}
	if before.ID == "" && s.tests.bench == nil { // before there is anybody who could change or delete it
		if err := s.makeHello(ctx); err != nil {
			return err
		}
	}
	return s.store.InTx(s.audit.System(ctx, "first-start"), func(tx store.Store) error {
		now, unused, err := unusedAdmin(ctx, tx)
		if err != nil || !unused || now.PasswordHash != before.PasswordHash {
			return err // another node was faster: it tells its password
		}
		if now.ID == "" {
			_, err = tx.Users().Create(ctx, admin)
		} else {
			admin.Username = now.Username
			_, err = tx.Users().Update(ctx, now.ID, store.UserChange{
				PasswordHash: &admin.PasswordHash, PasswordGenerated: &admin.PasswordGenerated, PasswordGiven: &admin.PasswordGiven,
			})
		}
		if err == nil && admin.PasswordGenerated {
			s.admin = &generatedAdmin{admin.Username, password}
		}
		return err
	})
}

// unusedAdmin returns the only user, if there is one, and reports whether nobody can have logged in
// yet: there is no user, or that one's password is generated and unused.
func unusedAdmin(ctx context.Context, db store.Store) (admin store.User, unused bool, err error) {
	page, err := db.Users().List(ctx, store.PageRequest{Limit: 1})
	if err != nil || len(page.Items) == 0 {
		return store.User{}, err == nil, err
	}
	admin = page.Items[0]
	return admin, page.Next == "" && admin.PasswordGenerated, nil
}

// makeHello makes the default app with its hello script and route, by the catalog's rules. What is there
// already, of a first start that was cut short or of another node's, stays.
func (s *Server) makeHello(ctx context.Context) error {
	app, err := s.catalog.CreateApp(s.audit.System(ctx, "create-app"), "default", "Default")
	if fault.Of(err) == fault.Conflict {
		app, err = s.store.Apps().GetBySlug(ctx, "default")
	}
	if err != nil {
		return err
	}
	script, err := s.catalog.CreateScript(s.audit.System(ctx, "create-script"), store.Script{AppID: app.ID, Name: "hello", Kind: abi.KindEndpoint, Source: helloSource})
	if fault.Of(err) == fault.Conflict {
		script, err = s.store.Scripts().GetByName(ctx, app.ID, "hello")
	}
	if err != nil {
		return err
	}
	route, err := routing.Parse("GET", "", "", "/hello", "")
	if err != nil {
		return err
	}
	route.Dispatch = store.DispatchSync
	if _, _, err = s.catalog.CreateRoute(s.audit.System(ctx, "create-route"), script, route); fault.Of(err) == fault.Conflict {
		err = nil
	}
	return err
}
