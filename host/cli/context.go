package cli

import (
	"time"

	"github.com/picloud/picloud/host/client"
)

// ContextCmd groups the commands on contexts.
type ContextCmd struct {
	Remote
	List ContextListCmd `cmd:"" help:"List the servers that you are logged in to."`
	Use  ContextUseCmd  `cmd:"" help:"Make a context the one that commands use."`
}

// Help is shown by --help.
func (ContextCmd) Help() string {
	return `A context is a login under a name. Each login makes one, named after the server
or as --context says, and makes it the current one, which commands use when
neither --context nor --url says otherwise.`
}

// A savedContext is what is shown of a login: not its token.
type savedContext struct {
	Name      string    `json:"name"`
	Current   bool      `json:"current"`
	URL       string    `json:"url"`
	Username  string    `json:"username"`
	ExpiresAt time.Time `json:"expires_at"`
}

var contextColumns = []column[savedContext]{
	{"CURRENT", func(c savedContext) string {
		if c.Current {
			return "*"
		}
		return ""
	}},
	{"NAME", func(c savedContext) string { return c.Name }},
	{"SERVER", func(c savedContext) string { return c.URL }},
	{"USER", func(c savedContext) string { return c.Username }},
	{"EXPIRES", func(c savedContext) string { return localTime(c.ExpiresAt) }},
}

// ContextListCmd is `picloud context list`.
type ContextListCmd struct{}

// Run lists the contexts in the order of their names.
func (ContextListCmd) Run(r *Remote) error {
	saved, err := loadCredentials()
	if err != nil {
		return err
	}
	var contexts []savedContext
	for _, name := range saved.names() {
		l, err := saved.inContext(name)
		if err != nil {
			return err
		}
		contexts = append(contexts, savedContext{
			Name: name, Current: saved.URL != "" && saved.context() == name,
			URL: l.URL, Username: l.Username, ExpiresAt: l.ExpiresAt,
		})
	}
	return printAll(r, contexts, contextColumns)
}

// ContextUseCmd is `picloud context use`.
type ContextUseCmd struct {
	Name string `arg:"" help:"Name of the context." complete:"contexts"`
}

// Run makes the context the current one.
func (cmd *ContextUseCmd) Run(r *Remote) error {
	saved, err := loadCredentials()
	if err != nil {
		return err
	}
	l, err := saved.inContext(cmd.Name)
	if err != nil {
		return err
	}
	saved.use(l)
	if _, err := saved.save(); err != nil {
		return err
	}
	return r.printDone(savedContext{cmd.Name, true, l.URL, l.Username, l.ExpiresAt},
		"Commands use %s as %s.", l.URL, client.Printable(l.Username))
}
