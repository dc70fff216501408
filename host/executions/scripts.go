package executions

import (
	"context"
	"slices"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/sandbox"
	"github.com/picloud/picloud/host/sites"
	"github.com/picloud/picloud/host/store"
)

// script is a script with the modules it imports, directly or not.
type script struct {
	row     store.Script
	modules []abi.Module
	wasm    func(ctx context.Context) ([]byte, error) // reads the module of a plugin
	streams bool                                      // it may stream its response
	site    *sites.Site                               // of a static one; nil: it cannot be read
}

func (s *script) forSandbox(limits abi.Limits, share int) sandbox.Script {
	return sandbox.Script{
		ID: s.row.ID, AppID: s.row.AppID, Name: s.row.Name, Kind: s.row.Kind, Source: s.row.Source,
		UpdatedAt: s.row.UpdatedAt, Limits: limits, Modules: s.modules, Wasm: s.wasm, Share: share,
	}
}

// scripts reads scripts and keeps the most recent in memory, so that a request
// needs no query.
type scripts struct {
	store store.Store
	cache *lru.Cache[string, *script]

	mu      sync.Mutex
	changes uint64 // raised by forget, so that a read begun before is not kept
}

func newScripts(s store.Store, size int) *scripts {
	cache, err := lru.New[string, *script](max(size, 1))
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &scripts{store: s, cache: cache}
}

func (s *scripts) get(ctx context.Context, id string) (*script, error) {
	if found, ok := s.cache.Get(id); ok {
		return found, nil
	}
	s.mu.Lock()
	before := s.changes
	s.mu.Unlock()
	row, err := s.store.Scripts().Get(ctx, id)
	if err != nil {
		return nil, err
	}
	imports, err := s.store.Scripts().Imports(ctx, id)
	if err != nil {
		return nil, err
	}
	found := &script{row: row, wasm: s.wasm(row)}
	if found.modules, err = s.modules(ctx, row.AppID, imports, nil); err != nil {
		return nil, err
	}
	found.streams = mayStream(found)
	if row.Kind == abi.KindStatic {
		found.site, _ = sites.Parse(row.Source) // which was checked when it was stored
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changes == before {
		s.cache.Add(id, found)
	}
	return found, nil
}

// wasm reads the module of a plugin: the one it is about to be stored with, else
// the one in the store, which is not kept in memory here.
func (s *scripts) wasm(row store.Script) func(ctx context.Context) ([]byte, error) {
	if row.Kind != abi.KindPlugin {
		return nil
	}
	return func(ctx context.Context) ([]byte, error) {
		if row.Wasm != nil {
			return row.Wasm, nil
		}
		module, err := s.store.Scripts().Wasm(ctx, row.ID)
		return module.Data, err
	}
}

// forget drops all scripts of an app: each may import what was changed.
func (s *scripts) forget(appID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes++
	for _, id := range s.cache.Keys() {
		if found, ok := s.cache.Peek(id); ok && found.row.AppID == appID {
			s.cache.Remove(id)
		}
	}
}

// forgetAll drops all scripts.
func (s *scripts) forgetAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes++
	s.cache.Purge()
}

// modules collects the modules of an app that have these names and those they
// import in turn. A name that no module has is left out: what is missing is
// for the compiler to say. Unless nil, candidate is a module that is about to
// be stored: importing it finds what it will be.
func (s *scripts) modules(ctx context.Context, appID string, names []string, candidate *store.Script) ([]abi.Module, error) {
	var modules []abi.Module
	queue := slices.Clone(names)
	seen := map[string]bool{}
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		if seen[name] {
			continue
		}
		seen[name] = true
		if candidate != nil && candidate.Name == name { // a cycle; what it imports is in the queue already
			modules = append(modules, abi.Module{Name: name, Source: candidate.Source})
			continue
		}
		row, err := s.store.Scripts().GetByName(ctx, appID, name)
		if fault.Unknown(err) || err == nil && row.Kind != abi.KindModule {
			continue
		}
		if err != nil {
			return nil, err
		}
		modules = append(modules, abi.Module{Name: row.Name, Source: row.Source})
		imports, err := s.store.Scripts().Imports(ctx, row.ID)
		if err != nil {
			return nil, err
		}
		queue = append(queue, imports...)
	}
	return modules, nil
}

// validate compiles a script that need not be stored.
func (s *scripts) validate(ctx context.Context, row store.Script, box *sandbox.Sandbox, limits abi.Limits) ([]string, error) {
	candidate := (&script{row: row, wasm: s.wasm(row)}).forSandbox(limits, 0)
	var self *store.Script
	if row.Kind == abi.KindModule {
		self = &row
	}
	candidate.Resolve = func(ctx context.Context, imports []string) ([]abi.Module, error) {
		return s.modules(ctx, row.AppID, imports, self)
	}
	return box.Validate(ctx, candidate)
}
