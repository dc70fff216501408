package secrets

import (
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
)

// maxCachedBytes is how much memory the values have that are kept open, about.
const maxCachedBytes = 64 << 20

// maxCachedApps is of how many apps what is known is kept, that it has none too.
const maxCachedApps = 10_000

// app is what is known of an app's secrets. It does not change.
type app struct {
	names  []string // in their order
	values map[string]value

	once   sync.Once
	masked *Mask
}

// value is one that was opened, or why it could not be.
type value struct {
	text string
	err  error
}

// mask returns what hides the values, made when it is first asked for.
func (a *app) mask() *Mask {
	a.once.Do(func() {
		values := make([]string, 0, len(a.values))
		for _, v := range a.values {
			values = append(values, v.text)
		}
		a.masked = NewMask(values)
	})
	return a.masked
}

// bytes is about how much memory it has.
func (a *app) bytes() (n int) {
	for name, v := range a.values {
		perByte := textsOfLong
		if len(v.text) <= maxEncoded {
			perByte = textsOfShort
		}
		n += len(name) + perByte*len(v.text)
	}
	return n
}

// cache keeps what is known of the apps asked for last, so that neither reading a secret nor masking a
// line needs the database.
type cache struct {
	mu      sync.Mutex
	apps    *lru.Cache[string, *app]
	bytes   int
	changes uint64 // raised by forget, so that a read begun before is not kept
}

func newCache() *cache {
	c := &cache{}
	apps, err := lru.NewWithEvict(maxCachedApps, func(_ string, gone *app) { c.bytes -= gone.bytes() }) // under c.mu
	if err != nil {
		panic(err) // only for a size below 1
	}
	c.apps = apps
	return c
}

// get returns what is known of an app, which read finds out.
func (c *cache) get(appID string, read func() (*app, error)) (*app, error) {
	if known, ok := c.apps.Get(appID); ok {
		return known, nil
	}
	c.mu.Lock()
	before := c.changes
	c.mu.Unlock()
	found, err := read()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes == before && !c.apps.Contains(appID) {
		c.apps.Add(appID, found)
		for c.bytes += found.bytes(); c.bytes > maxCachedBytes && c.apps.Len() > 1; {
			c.apps.RemoveOldest()
		}
	}
	return found, nil
}

// forget drops an app; "" drops all.
func (c *cache) forget(appID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	if appID == "" {
		c.apps.Purge()
		return
	}
	c.apps.Remove(appID)
}
