package manifest

import (
	"context"
	"fmt"
	"slices"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/routing"
)

// domainStep claims a host or leaves it.
type domainStep struct {
	host string
	id   string // "" when it is to be claimed
}

// domainDeletion gives a host back.
type domainDeletion struct{ domain wire.Domain }

// readDomains checks the hosts of a manifest as the server will, and returns them as it keeps them.
func readDomains(hosts []string) ([]string, error) {
	var read []string
	for i, text := range hosts {
		host, err := hostName(text)
		if err == nil && slices.Contains(read, host) {
			err = fmt.Errorf("%q is there twice", host)
		}
		if err != nil {
			return nil, fmt.Errorf("domains[%d]: %w", i, err)
		}
		read = append(read, host)
	}
	return read, nil
}

// hostName returns a host as the server keeps it.
func hostName(text string) (string, error) {
	if text == "" || text == "*" {
		return "", fmt.Errorf("must be a host, as in api.example.com or *.example.com, got %q", text)
	}
	route, err := routing.Parse("", text, "", "/", "")
	return route.Host, err
}

// SameHost reports whether a text is another way to write a host.
func SameHost(host, text string) bool {
	name, err := hostName(text)
	return err == nil && name == host
}

// planDomains returns the steps that give the app the hosts that are wanted, which go before its routes,
// and those that give the others back, which go after them. Without a list of them none is touched.
func planDomains(want App, present []wire.Domain) (wanted, unwanted []step) {
	if want.Domains == nil {
		return nil, nil
	}
	there := map[string]string{}
	for _, domain := range present {
		if there[domain.Host] = domain.ID; !slices.Contains(want.Domains, domain.Host) {
			unwanted = append(unwanted, &domainDeletion{domain})
		}
	}
	for _, host := range want.Domains {
		wanted = append(wanted, &domainStep{host, there[host]})
	}
	return wanted, unwanted
}

func (s *domainStep) planned() Change {
	change := Change{What: "domain", Name: s.host, Result: Unchanged, ID: s.id}
	if s.id == "" {
		change.Result = Created
	}
	return change
}

func (s *domainStep) change(context.Context, *application) (*wire.DeployChange, error) {
	if s.id != "" {
		return nil, nil
	}
	return request("create-domain", "", wire.DomainCreate{Host: s.host}), nil
}

func (s *domainStep) explain(err error) error { return fmt.Errorf("domain %s: %w", s.host, err) }

func (s *domainDeletion) planned() Change {
	return Change{What: "domain", Name: s.domain.Host, Result: Deleted, ID: s.domain.ID}
}

func (s *domainDeletion) change(context.Context, *application) (*wire.DeployChange, error) {
	return request("delete-domain", s.domain.ID, nil), nil
}

func (s *domainDeletion) explain(err error) error {
	return fmt.Errorf("delete domain %s: %w", s.domain.Host, err)
}
