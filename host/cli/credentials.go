package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A login is a session at a server, under the name of a context.
type login struct {
	Name      string    `json:"name,omitempty"` // "" of versions without contexts: that of the server
	URL       string    `json:"url"`
	Username  string    `json:"username"`
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
	Device    string    `json:"device,omitempty"` // shown at the next login: a device that is known
}

// context returns the name of the login's context.
func (l login) context() string {
	if l.Name == "" {
		return contextAt(l.URL)
	}
	return l.Name
}

// contextAt returns the name that a context of a server has unless it is given one.
func contextAt(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Host
	}
	return address
}

// credentials are what `picloud login` leaves for the other commands, in picloud/credentials.json
// under the user's configuration directory, readable by nobody else: the login that is used when
// nothing else is said (the zero login when there is none), and those of other contexts.
type credentials struct {
	login
	Others []login `json:"others,omitempty"`
}

// all lists the logins, the current one first.
func (c *credentials) all() []login {
	if c.URL == "" {
		return c.Others
	}
	return append([]login{c.login}, c.Others...)
}

// find returns the first login that is as wanted, the current one before others.
func (c *credentials) find(wanted func(login) bool) (login, bool) {
	all := c.all()
	if i := slices.IndexFunc(all, wanted); i >= 0 {
		return all[i], true
	}
	return login{}, false
}

// inContext returns the login of a context.
func (c *credentials) inContext(name string) (login, error) {
	found, ok := c.find(func(l login) bool { return l.context() == name })
	if !ok {
		return login{}, &noSuchContextError{Name: name, Names: c.names()}
	}
	return found, nil
}

func (c *credentials) names() []string {
	var names []string
	for _, l := range c.all() {
		names = append(names, l.context())
	}
	slices.Sort(names)
	return names
}

// at returns the login at a server, as [client.Client.Address] writes it.
func (c *credentials) at(address string) (login, bool) {
	return c.find(func(l login) bool { return l.URL == address })
}

// use makes a login the current one, in place of any other of its context.
func (c *credentials) use(current login) {
	others := slices.DeleteFunc(c.all(), func(l login) bool { return l.context() == current.context() })
	c.login, c.Others = current, others
}

// remove forgets the login of a context.
func (c *credentials) remove(name string) {
	c.Others = slices.DeleteFunc(c.Others, func(l login) bool { return l.context() == name })
	if c.context() == name {
		c.login = login{}
	}
}

// A noSuchContextError names a context that is not there, and those that are.
type noSuchContextError struct {
	Name  string // "" when none is current
	Names []string
}

func (e *noSuchContextError) Error() string {
	switch {
	case e.Name == "":
		return "no context is current: choose one with `picloud context use`: " + strings.Join(e.Names, ", ")
	case len(e.Names) == 0:
		return fmt.Sprintf("there is no context %q: log in to have one", e.Name)
	}
	return fmt.Sprintf("there is no context %q: there are %s", e.Name, strings.Join(e.Names, ", "))
}

func credentialsPath() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find the configuration directory: %w", err)
	}
	return filepath.Join(dir, "picloud", "credentials.json"), nil
}

// loadCredentials reads the saved logins; without any the result is empty.
func loadCredentials() (credentials, error) {
	path, err := credentialsPath()
	if err != nil {
		return credentials{}, nil // no home: PICLOUD_URL and PICLOUD_TOKEN still work
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return credentials{}, nil
	}
	if err != nil {
		return credentials{}, fmt.Errorf("read credentials: %w", err)
	}
	var saved credentials
	if err := json.Unmarshal(text, &saved); err != nil {
		return credentials{}, fmt.Errorf("%s is damaged (%w): remove it and log in again", path, err)
	}
	return saved, nil
}

// validToken returns the token, or "" if it has expired. (The server is still a good default then.)
func (l login) validToken() string {
	if time.Now().After(l.ExpiresAt) {
		return ""
	}
	return l.Token
}

// save replaces the saved logins. A token is never in a file that others can read, not even for a
// moment.
func (c credentials) save() (path string, err error) {
	path, err = credentialsPath()
	if err != nil {
		return "", err
	}
	if len(c.all()) == 0 {
		return path, forgetCredentials(path)
	}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("save credentials: %w", err)
	}
	file, err := os.CreateTemp(filepath.Dir(path), "credentials-*") // mode 0600
	if err != nil {
		return "", fmt.Errorf("save credentials: %w", err)
	}
	defer os.Remove(file.Name())
	_, err = file.Write(append(text, '\n'))
	if err := errors.Join(err, file.Close()); err != nil {
		return "", fmt.Errorf("save credentials: %w", err)
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return "", fmt.Errorf("save credentials: %w", err)
	}
	return path, nil
}

// forgetCredentials removes the saved logins, if there are any.
func forgetCredentials(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget credentials: %w", err)
	}
	return nil
}
