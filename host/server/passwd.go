package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/picloud/picloud/host/api"
	"github.com/picloud/picloud/host/audit"
	"github.com/picloud/picloud/host/authz"
	"github.com/picloud/picloud/host/config"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// SetPassword gives a user a new password and ends the user's sessions, on the machine of a server
// that does not run: whoever may write its data directory may do so without knowing the old one. It
// also takes away the user's second factor if told to.
func SetPassword(ctx context.Context, at *config.Location, username, password string, resetTOTP bool) (err error) {
	if at.DatabaseURL == "" {
		if _, err := os.Stat(databaseFile(at)); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("data: %s has no database: name the data directory of the server with --data", at.Data)
		}
	}
	if err := prepare(at.Data); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	lock, err := lock(at.Data)
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	db, err := OpenStore(ctx, at, nil)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()

	user, err := db.Users().GetByUsername(ctx, username)
	if fault.Of(err) == fault.NotFound {
		return unknownUser(ctx, db, username)
	}
	if err != nil {
		return err
	}
	ctx = audit.New(audit.Config{Store: db, Show: api.Shown}).System(ctx, "passwd")
	if err := authz.SetPassword(ctx, db, user.ID, password); err != nil || !resetTOTP {
		return err
	}
	if err = db.SecondFactors().Delete(ctx, user.ID); fault.Of(err) == fault.NotFound {
		return nil
	}
	return err
}

// unknownUser says which users there are, at least the first.
func unknownUser(ctx context.Context, db store.Store, username string) error {
	page, err := db.Users().List(ctx, store.PageRequest{Limit: 10})
	if err != nil {
		return err
	}
	var names []string
	for _, user := range page.Items {
		names = append(names, user.Username)
	}
	if page.Next != "" {
		names = append(names, "...")
	}
	if len(names) == 0 {
		return fmt.Errorf("user: there is no %q, nor any other: the first start makes the first", username)
	}
	return fmt.Errorf("user: there is no %q; there are: %s", username, strings.Join(names, ", "))
}
