package secrets

import (
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
)

// maxCachedBytes is how much memory the values have that are kept open, about.
const maxCachedBytes = 64 << 20

// maxCachedApps is of how many apps what is known is kept, that it has none too.
const maxCachedApps = 10_000

// app is what is known of an app's secrets. It does not change, but that what hides them is added.
type app struct {
	names  []string // in their order
	values map[string]value

	once   sync.Once
	masked *Mask

	counted int // bytes of it in the cache's; its lock guards it
}

// value is one that was opened, or why it could not be.
type value struct {
	text string
	err  error
}

// bytes is about how much memory it has without what hides it.
func (a *app) bytes() (n int) {
	for name, v := range a.values {
		n += len(name) + len(v.text)
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
	apps, err := lru.NewWithEvict(maxCachedApps, func(_ string, gone *app) { c.bytes -= gone.counted }) // under c.mu
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
		c.count(found, found.bytes())
	}
	return found, nil
}

// count adds to the bytes of an app that is kept, and drops others when they are too many. c.mu is held.
func (c *cache) count(a *app, bytes int) {
	a.counted += bytes
	for c.bytes += bytes; c.bytes > maxCachedBytes && c.apps.Len() > 1; {
		c.apps.RemoveOldest()
	}
}

// mask returns what hides an app's values, made when it is first asked for.
func (c *cache) mask(appID string, a *app) *Mask {
	a.once.Do(func() {
		values := make([]string, 0, len(a.values))
		for _, v := range a.values {
			values = append(values, v.text)
		}
		a.masked = NewMask(values)
		c.mu.Lock()
		defer c.mu.Unlock()
		if kept, _ := c.apps.Get(appID); kept == a {
			c.count(a, a.masked.bytes())
		}
	})
	return a.masked
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
