package main

import (
	"fmt"
	"testing"

	"github.com/picloud/picloud/host/store/pgtest"
)

// A cluster takes the place of a test for package pgtest, which is made for tests.
type cluster struct {
	testing.TB // nil: only the methods below are there
	cleanups   []func()
}

// noCluster is why there is no PostgreSQL to measure.
type noCluster string

func (c *cluster) Helper()                           {}
func (c *cluster) Cleanup(f func())                  { c.cleanups = append(c.cleanups, f) }
func (c *cluster) Skip(args ...any)                  { panic(noCluster(fmt.Sprint(args...))) }
func (c *cluster) Fatalf(format string, args ...any) { panic(noCluster(fmt.Sprintf(format, args...))) }

// url makes a database and returns its URL, or why there is none. close drops it.
func (c *cluster) url() (url, missing string) {
	defer func() {
		if why, ok := recover().(noCluster); ok {
			missing = string(why)
		}
	}()
	return pgtest.URL(c), ""
}

func (c *cluster) close() {
	for _, cleanup := range c.cleanups {
		cleanup()
	}
}
