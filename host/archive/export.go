package archive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/sites"
	"github.com/picloud/picloud/host/store"
)

// Export writes an app as it is at one moment: what is changed meanwhile goes on, and is not in the
// archive. Files that are damaged are left out, and told of in it. Only what has been written when Export
// returns nil is whole. An error of to itself is returned as it is.
func (s *Service) Export(ctx context.Context, appID string, to io.Writer) (err error) {
	if !s.exports.TryAcquire(1) {
		return tooMany("exported")
	}
	defer s.exports.Release(1)
	hold, err := s.config.Files.Hold() // before the moment: what its rows refer to stays
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, hold.Release()) }()
	ctx, cancel := context.WithTimeout(ctx, longestExport) // which ends the moment also while to takes nothing
	defer cancel()
	return s.config.Store.Snapshot(ctx, func(then store.Store) error {
		app, err := then.Apps().Get(ctx, appID)
		if err != nil {
			return err
		}
		quota, err := then.Quotas().Get(ctx, appID)
		if err != nil {
			return err
		}
		w, err := newWriter(to, Manifest{
			Format: Format, Server: s.config.Version, ExportedAt: time.Now().UTC(),
			App: App{Slug: app.Slug, Name: app.Name, CORS: app.CORS, EventsPaused: app.EventsPaused, Quota: quota},
		})
		if err != nil {
			return err
		}
		e := &export{Service: s, ctx: ctx, then: then, appID: appID, w: w, damaged: map[string]bool{}}
		for _, part := range []func() error{
			e.secrets, e.scripts, e.kv, e.docs, e.files, e.sites, e.domains, e.topics, e.indexes, e.members, e.routes, e.triggers, w.close,
		} {
			if err := part(); err != nil {
				w.pack.Abandon()
				return err
			}
		}
		return nil
	})
}

// export is one under way.
type export struct {
	*Service
	ctx   context.Context
	then  store.Store
	appID string
	w     *writer

	static  []string          // ids of static sites
	names   map[string]string // of scripts, by id
	damaged map[string]bool   // ids of files of sites
}

// pages calls each with the items of a listing.
func pages[T any](list func(store.PageRequest) (store.Page[T], error), each func(T) error) error {
	for page := (store.PageRequest{Limit: store.MaxPageSize}); ; {
		listed, err := list(page)
		if err != nil {
			return err
		}
		for _, item := range listed.Items {
			if err := each(item); err != nil {
				return err
			}
		}
		if page.Cursor = listed.Next; page.Cursor == "" {
			return nil
		}
	}
}

func (e *export) secrets() error {
	secrets, err := e.then.Secrets().List(e.ctx, e.appID)
	if err != nil {
		return err
	}
	for _, secret := range secrets {
		if err := e.w.row(kindSecret, secretRow{secret.Name}); err != nil {
			return err
		}
	}
	return nil
}

// scripts writes all scripts but the static sites, each after those that it imports.
func (e *export) scripts() error {
	e.names = map[string]string{}
	ids := map[string]string{} // by name
	var order []string         // names
	err := pages(func(page store.PageRequest) (store.Page[store.Script], error) {
		return e.then.Scripts().List(e.ctx, e.appID, page)
	}, func(script store.Script) error {
		e.names[script.ID] = script.Name
		if script.Kind == abi.KindStatic {
			e.static = append(e.static, script.ID)
			return nil
		}
		ids[script.Name] = script.ID
		order = append(order, script.Name)
		return nil
	})
	if err != nil {
		return err
	}
	begun := map[string]bool{}
	var write func(name string) error
	write = func(name string) error {
		id, known := ids[name]
		if !known || begun[name] {
			return nil
		}
		begun[name] = true
		imports, err := e.then.Scripts().Imports(e.ctx, id)
		if err != nil {
			return err
		}
		for _, imported := range imports {
			if err := write(imported); err != nil {
				return err
			}
		}
		return e.script(kindScript, id)
	}
	for _, name := range order {
		if err := write(name); err != nil {
			return err
		}
	}
	return nil
}

func (e *export) script(kind, id string) error {
	script, err := e.then.Scripts().Get(e.ctx, id)
	if err != nil {
		return err
	}
	row := scriptRow{Name: script.Name, Kind: script.Kind, Source: script.Source, Limits: script.Limits, ReadOnly: script.ReadOnly}
	cases, err := e.then.Scripts().Cases(e.ctx, id)
	if err != nil {
		return err
	}
	if len(cases.List) > 0 {
		text, err := encode(cases.List)
		if err != nil {
			return err
		}
		row.Cases = string(text)
	}
	if script.Kind == abi.KindStatic && len(e.damaged) > 0 {
		if row.Source, err = e.withoutDamaged(row.Source); err != nil {
			return err
		}
	}
	if script.Kind != abi.KindPlugin {
		return e.w.row(kind, row)
	}
	module, err := e.then.Scripts().Wasm(e.ctx, id)
	if err != nil {
		return err
	}
	size := int64(len(module.Data))
	row.Wasm = &wasm{Size: size, SHA256: module.SHA256}
	if err := e.w.row(kind, row); err != nil {
		return err
	}
	return e.w.bytes(size, bytes.NewReader(module.Data))
}

// withoutDamaged is the source of a site that does not lead to files that are left out.
func (e *export) withoutDamaged(source string) (string, error) {
	site, err := sites.Parse(source)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(site.Without(e.damaged))
	return string(text), err
}

func (e *export) sites() error {
	for _, id := range e.static {
		if err := e.script(kindSite, id); err != nil {
			return err
		}
	}
	return nil
}

func (e *export) kv() error {
	kv := e.then.KV()
	return pages(func(page store.PageRequest) (store.Page[store.KVCollection], error) {
		return kv.Collections(e.ctx, e.appID, page)
	}, func(collection store.KVCollection) error {
		return pages(func(page store.PageRequest) (store.Page[store.KVEntry], error) {
			return kv.List(e.ctx, e.appID, collection.Name, "", page)
		}, func(entry store.KVEntry) error {
			row := kvRow{Collection: collection.Name, Key: entry.Key}
			if !entry.ExpiresAt.IsZero() {
				row.ExpiresAt = &entry.ExpiresAt
			}
			return e.w.rowWith(kindKV, row, entry.Value)
		})
	})
}

func (e *export) docs() error {
	docs := e.then.Docs()
	return pages(func(page store.PageRequest) (store.Page[store.DocumentCollection], error) {
		return docs.Collections(e.ctx, e.appID, page)
	}, func(collection store.DocumentCollection) error {
		query := store.DocumentQuery{AppID: e.appID, Collection: collection.Name, Limit: store.MaxPageSize}
		for {
			looked, err := docs.Scan(e.ctx, query, func(doc store.Document) error {
				row := docRow{Collection: collection.Name, ID: doc.ID, Version: doc.Version, CreatedAt: doc.CreatedAt, UpdatedAt: doc.UpdatedAt}
				return e.w.rowWith(kindDoc, row, doc.Data)
			})
			if err != nil || looked.Documents < query.Limit {
				return err
			}
			query.After = looked.Last
		}
	})
}

// files writes files with their bytes, which are checked before. Those that are damaged are left out, and their
// rows say so.
func (e *export) files() error {
	files := e.config.Files.In(e.then)
	return pages(func(page store.PageRequest) (store.Page[store.FileCollection], error) {
		return files.Collections(e.ctx, e.appID, page)
	}, func(collection store.FileCollection) error {
		return pages(func(page store.PageRequest) (store.Page[store.File], error) {
			return files.List(e.ctx, e.appID, collection.Name, page)
		}, func(file store.File) error {
			row := fileRow{
				Collection: collection.Name, ID: file.ID, Name: file.Name, ContentType: file.ContentType,
				Size: file.Size, SHA256: file.SHA256, CreatedAt: file.CreatedAt, UpdatedAt: file.UpdatedAt,
			}
			opened, err := files.OpenAnew(e.ctx, e.appID, collection.Name, file.ID)
			if fault.Of(err) == fault.Corrupted {
				row.Damaged = true
				e.w.end.DamagedFiles++
				if collection.Name == sites.Collection {
					e.damaged[file.ID] = true
				}
				return e.w.row(kindFile, row)
			}
			if err != nil {
				return err
			}
			defer opened.Close()
			if err := e.w.row(kindFile, row); err != nil {
				return err
			}
			return e.w.bytes(file.Size, opened)
		})
	})
}

func (e *export) domains() error {
	return pages(func(page store.PageRequest) (store.Page[store.Domain], error) {
		return e.then.Domains().List(e.ctx, e.appID, page)
	}, func(d store.Domain) error { return e.w.row(kindDomain, domainRow{d.Host}) })
}

func (e *export) topics() error {
	return pages(func(page store.PageRequest) (store.Page[store.Topic], error) {
		return e.then.Topics().List(e.ctx, e.appID, page)
	}, func(t store.Topic) error { return e.w.row(kindTopic, topicRow{t.Name, t.Access}) })
}

func (e *export) indexes() error {
	indexes, err := e.then.Docs().Indexes(e.ctx, e.appID, "")
	if err != nil {
		return err
	}
	for _, i := range indexes {
		if err := e.w.row(kindIndex, indexRow{i.Collection, i.Path}); err != nil {
			return err
		}
	}
	return nil
}

func (e *export) members() error {
	members, err := e.then.Apps().Members(e.ctx, e.appID)
	if err != nil {
		return err
	}
	for _, m := range members {
		if err := e.w.row(kindMember, memberRow{m.Username, m.Role}); err != nil {
			return err
		}
	}
	return nil
}

func (e *export) routes() error {
	routes, err := e.then.Routes().ByApp(e.ctx, e.appID)
	if err != nil {
		return err
	}
	for _, r := range routes {
		err := e.w.row(kindRoute, routeRow{
			Script: e.names[r.ScriptID], Method: r.Method, Host: r.Host, Path: r.Path, Dispatch: r.Dispatch,
			CORS: r.CORS, Signature: r.Signature, RateLimit: r.RateLimit,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *export) triggers() error {
	triggers, err := e.then.Triggers().ByApp(e.ctx, e.appID)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, t := range triggers {
		names[t.ID] = t.Name
	}
	for _, t := range triggers {
		row := triggerRow{
			Name: t.Name, Kind: t.Kind, Script: e.names[t.ScriptID], Enabled: t.Enabled, Paused: t.Paused, Concurrency: t.Concurrency,
			Retry: retryRow{t.Retry.MaxAttempts, t.Retry.Backoff, t.Retry.Base.Milliseconds(), t.Retry.Max.Milliseconds(), t.Retry.Jitter},
		}
		switch {
		case t.Data != nil:
			row.Data = &dataRow{t.Data.Collection, t.Data.Operations, json.RawMessage(t.Data.Filter)}
		case t.Cron != nil:
			row.Cron = &cronRow{t.Cron.Schedule, t.Cron.Timezone, t.Cron.CatchUp}
		case t.Queue != nil:
			row.Queue = &queueRow{t.Queue.Topic, t.Queue.MaxBatch, t.Queue.MaxWait.Milliseconds(), t.Queue.Ordered}
		case t.PubSub != nil:
			row.PubSub = &pubsubRow{t.PubSub.Topic}
		case t.DeadLetter != nil:
			row.DeadLetter = &deadLetterRow{Source: t.DeadLetter.Source, Trigger: names[t.DeadLetter.Trigger], Script: e.names[t.DeadLetter.Script]}
			if row.DeadLetter.Trigger == "" {
				row.DeadLetter.TriggerID = t.DeadLetter.Trigger
			}
			if row.DeadLetter.Script == "" {
				row.DeadLetter.ScriptID = t.DeadLetter.Script
			}
		}
		if err := e.w.row(kindTrigger, row); err != nil {
			return err
		}
	}
	return nil
}
