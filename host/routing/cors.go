package routing

import (
	"net/url"
	"slices"
	"strings"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Bounds of a CORS policy.
const (
	MaxCORSEntries = 100    // of each of its lists
	MaxCORSText    = 300    // bytes of one entry
	MaxCORSAge     = 86_400 // seconds, which is what browsers take
)

// CORS is [store.CORS], for those who know no store.
type CORS = store.CORS

// CheckCORS returns a policy in the form that requests are compared with, or what is wrong with it.
func CheckCORS(given store.CORS) (*store.CORS, error) {
	c := store.CORS{Credentials: given.Credentials, MaxAge: given.MaxAge}
	if c.MaxAge < 0 || c.MaxAge > MaxCORSAge {
		return nil, fault.Refuse("cors.max_age", "must be between 0 and %d seconds, got %d", MaxCORSAge, c.MaxAge)
	}
	for _, list := range []struct {
		name  string
		given []string
		to    *[]string
		fits  func(string) (string, bool)
		says  string
	}{
		{"origins", given.Origins, &c.Origins, corsOrigin, `must be an origin like "https://example.com", "https://*.example.com" or "*"`},
		{"methods", given.Methods, &c.Methods, func(s string) (string, bool) { return strings.ToUpper(s), isToken(s) }, "must be a method"},
		{"headers", given.Headers, &c.Headers, func(s string) (string, bool) { return strings.ToLower(s), isToken(s) }, "must be the name of a header"},
		{"expose", given.Expose, &c.Expose, func(s string) (string, bool) { return strings.ToLower(s), isToken(s) }, "must be the name of a header"},
	} {
		if len(list.given) > MaxCORSEntries {
			return nil, fault.Refuse("cors."+list.name, "must have at most %d entries, got %d", MaxCORSEntries, len(list.given))
		}
		for i, text := range list.given {
			entry, ok := list.fits(text)
			if !ok || len(text) > MaxCORSText {
				return nil, &fault.Error{Code: fault.Invalid, Field: "cors." + list.name, Reason: list.says, Value: list.given[i]}
			}
			*list.to = append(*list.to, entry)
		}
	}
	if c.Credentials && slices.Contains(c.Origins, "*") {
		return nil, fault.Refuse("cors.credentials", `cannot be given to every origin: name those that get them instead of "*"`)
	}
	return &c, nil
}

// corsOrigin returns an origin as browsers send it.
func corsOrigin(text string) (string, bool) {
	if text == "*" {
		return text, true
	}
	u, err := url.Parse(strings.TrimSuffix(text, "/"))
	if err != nil || u.Scheme == "" || u.Host == "" || u.Opaque != "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
		return "", false
	}
	host := strings.ToLower(u.Host)
	name := strings.TrimPrefix(host, "*.")
	if strings.ContainsAny(name, "* \t,") || name == "" {
		return "", false
	}
	if u.Scheme == "http" {
		host = strings.TrimSuffix(host, ":80")
	} else if u.Scheme == "https" {
		host = strings.TrimSuffix(host, ":443")
	}
	return strings.ToLower(u.Scheme) + "://" + host, true
}

func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
}

// Allows reports whether a policy lets the pages of an origin, as a browser sends it, use a response.
func Allows(c *store.CORS, origin string) bool {
	if c == nil || origin == "" {
		return false
	}
	scheme, host, _ := strings.Cut(strings.ToLower(origin), "://")
	for _, allowed := range c.Origins {
		if allowed == "*" {
			return true
		}
		s, h, _ := strings.Cut(allowed, "://")
		if s != scheme || host == "" {
			continue
		}
		if rest, wild := strings.CutPrefix(h, "*"); h == host || wild && strings.HasSuffix(host, rest) && len(host) > len(rest) {
			return true
		}
	}
	return false
}
