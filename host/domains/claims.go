package domains

import (
	"maps"
	"strings"

	"github.com/picloud/picloud/host/store"
)

// Claims finds the app that a host belongs to, in memory. The zero value has none. It is for one
// goroutine at a time to change, and for any number to read meanwhile nothing changes.
type Claims struct {
	byName map[string]store.Domain // "api.example.com", "*.example.com"
	byID   map[string]string       // names
	wild   int                     // how many of them are wildcards
}

// Clone returns the same claims, to be changed on their own.
func (c *Claims) Clone() Claims {
	return Claims{maps.Clone(c.byName), maps.Clone(c.byID), c.wild}
}

// Add adds a claim. It replaces the one with the same name, and the one with the same id.
func (c *Claims) Add(claim store.Domain) {
	if c.byName == nil {
		c.byName, c.byID = map[string]store.Domain{}, map[string]string{}
	}
	c.Remove(claim.ID)
	if before, ok := c.byName[claim.Host]; ok {
		c.Remove(before.ID)
	}
	c.byName[claim.Host], c.byID[claim.ID] = claim, claim.Host
	if isWildcard(claim.Host) {
		c.wild++
	}
}

// Remove removes the claim with an id, if there is one.
func (c *Claims) Remove(id string) {
	name, ok := c.byID[id]
	if !ok {
		return
	}
	delete(c.byID, id)
	delete(c.byName, name)
	if isWildcard(name) {
		c.wild--
	}
}

// RemoveIf removes the claims for which gone holds.
func (c *Claims) RemoveIf(gone func(store.Domain) bool) {
	for _, claim := range c.byName {
		if gone(claim) {
			c.Remove(claim.ID)
		}
	}
}

// Len returns the number of claims.
func (c *Claims) Len() int { return len(c.byName) }

// Of returns the most specific claim on a name as [Parse] returns it: a host's, or that on all names
// that a wildcard stands for.
func (c *Claims) Of(name string) (store.Domain, bool) {
	if claim, ok := c.byName[name]; ok {
		return claim, true
	}
	return c.Around(name)
}

// Around returns the most specific wildcard claim that a name is below, other than that of the name
// itself.
func (c *Claims) Around(name string) (store.Domain, bool) {
	if c.wild == 0 || len(name) > maxName {
		return store.Domain{}, false
	}
	// From the left, so that the longest wildcard comes first. The bytes of a name bound the tries.
	name = strings.TrimPrefix(name, "*.")
	buffer := make([]byte, 0, maxName+1)
	for i := 1; i < len(name); i++ {
		if name[i] != '.' {
			continue
		}
		if claim, ok := c.byName[string(append(append(buffer, '*'), name[i:]...))]; ok {
			return claim, true
		}
	}
	return store.Domain{}, false
}

// maxName is how long a name can be: 253 bytes (RFC 1035) after "*.".
const maxName = 255

func isWildcard(name string) bool { return strings.HasPrefix(name, "*.") }

// Covers reports whether a claim on name is one on all that other stands for.
func Covers(name, other string) bool {
	return name == other || isWildcard(name) && strings.HasSuffix(strings.TrimPrefix(other, "*."), name[1:])
}
