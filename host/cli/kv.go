package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// KVCmd groups the commands on keys and values.
type KVCmd struct {
	Remote
	InApp
	Collections KVCollectionsCmd `cmd:"" help:"List the collections that have entries."`
	List        KVListCmd        `cmd:"" help:"List the entries of a collection in the order of their keys."`
	Get         KVGetCmd         `cmd:"" help:"Print a value as JSON."`
	Put         KVPutCmd         `cmd:"" help:"Write an entry."`
	Delete      KVDeleteCmd      `cmd:"" help:"Delete an entry."`
	Export      KVExportCmd      `cmd:"" help:"Write the entries of a collection as lines of JSON."`
	Import      KVImportCmd      `cmd:"" help:"Write the entries that an export has into a collection."`
}

var kvColumns = []column[wire.KVEntry]{
	{"KEY", func(e wire.KVEntry) string { return e.Key }},
	{"VALUE", func(e wire.KVEntry) string { return excerpt(string(e.Value)) }},
	{"EXPIRES", func(e wire.KVEntry) string {
		if e.ExpiresAt == nil {
			return "never"
		}
		return localTime(*e.ExpiresAt)
	}},
}

// A CollectionArg is the argument that names a collection.
type CollectionArg struct {
	Collection string `arg:"" help:"Name of the collection." complete:"collections"`
}

// Validate refuses what the path of a request cannot carry; the rest is up to the server.
func (arg *CollectionArg) Validate() error { return notEmpty("collection", arg.Collection) }

// A KeyArg is the argument that is a key.
type KeyArg struct {
	Key string `arg:"" help:"The key." complete:"entries"`
}

// Validate is as [CollectionArg.Validate].
func (arg *KeyArg) Validate() error { return notEmpty("key", arg.Key) }

func notEmpty(what, name string) error {
	if name == "" {
		return fmt.Errorf("%s must be 1 to 512 bytes, got 0", what)
	}
	return nil
}

// excerpt returns what fits into a table of a text.
func excerpt(text string) string {
	const most = 60
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-3]) + "..."
	}
	return text
}

// KVCollectionsCmd is `picloud kv collections`.
type KVCollectionsCmd struct{}

// Run lists the collections.
func (KVCollectionsCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	collections, err := client.Collect(c.KVCollections(ctx, in.App))
	if err != nil {
		return err
	}
	return printAll(r, collections, []column[wire.KVCollection]{
		{"COLLECTION", func(c wire.KVCollection) string { return c.Name }},
		{"ENTRIES", func(c wire.KVCollection) string { return strconv.Itoa(c.Entries) }},
	})
}

// KVListCmd is `picloud kv list`.
type KVListCmd struct {
	CollectionArg
	Prefix string `help:"Only keys that begin so."`
	Limit  int    `default:"100" help:"At most so many entries; 0 for all (default ${default})."`
}

// Run lists the entries.
func (cmd *KVListCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	entries, err := client.Collect(first(cmd.Limit, c.KV(ctx, in.App, cmd.Collection, cmd.Prefix)))
	if err != nil {
		return err
	}
	return printAll(r, entries, kvColumns)
}

// KVGetCmd is `picloud kv get`.
type KVGetCmd struct {
	CollectionArg
	KeyArg
}

// Run prints the value.
func (cmd *KVGetCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	entry, err := c.KVEntry(ctx, in.App, cmd.Collection, cmd.Key)
	if err != nil {
		return err
	}
	if r.Output == "json" {
		return r.printJSON(entry)
	}
	return r.printJSON(entry.Value)
}

// KVPutCmd is `picloud kv put`.
type KVPutCmd struct {
	CollectionArg
	KeyArg
	Value    string        `arg:"" help:"The value as JSON, so a text in quotes; @FILE reads a file, - standard input."`
	TTL      time.Duration `name:"ttl" placeholder:"DURATION" help:"Let it expire after this time: 90s, 1h30m."`
	IfAbsent bool          `help:"Fail if there is such a key."`
}

// Run writes the entry.
func (cmd *KVPutCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	value, err := readJSON("VALUE", cmd.Value, r.stdin)
	if err != nil {
		return &usageError{err}
	}
	set := wire.KVSet{Value: value, IfAbsent: cmd.IfAbsent}
	if cmd.TTL != 0 {
		if cmd.TTL < time.Millisecond {
			return &usageError{fmt.Errorf("--ttl must be at least 1ms, got %v", cmd.TTL)}
		}
		set.TTLMillis = new(cmd.TTL.Milliseconds())
	}
	entry, err := c.SetKV(ctx, in.App, cmd.Collection, cmd.Key, set)
	if err != nil {
		return err
	}
	return r.printDone(entry, "Key %s written.", entry.Key)
}

// KVDeleteCmd is `picloud kv delete`.
type KVDeleteCmd struct {
	Confirmation
	CollectionArg
	KeyArg
}

// Run deletes the entry.
func (cmd *KVDeleteCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	if err := cmd.confirm(ctx, r, "Delete the key %s of the collection %s?", cmd.Key, cmd.Collection); err != nil {
		return err
	}
	if err := c.DeleteKV(ctx, in.App, cmd.Collection, cmd.Key); err != nil {
		return err
	}
	return r.printDone(wire.KVEntry{Key: cmd.Key}, "Key %s deleted.", cmd.Key)
}

// KVExportCmd is `picloud kv export`.
type KVExportCmd struct {
	CollectionArg
	File   string `arg:"" default:"-" help:"Where to write; - is standard output." complete:"files"`
	Prefix string `help:"Only keys that begin so."`
}

// Run exports the entries.
func (cmd *KVExportCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	return exportLines(r, cmd.File, c.KV(ctx, in.App, cmd.Collection, cmd.Prefix))
}

// KVImportCmd is `picloud kv import`.
type KVImportCmd struct {
	CollectionArg
	File string `arg:"" help:"An export; - is standard input." complete:"files"`
}

// Help is shown by --help.
func (KVImportCmd) Help() string {
	return `Each line is an object with key, value and, if it is to expire, expires_at. Keys
that are there already get the new value; others stay. When a line fails, those
before it have been written. A line that has expired meanwhile is left out.`
}

// Run imports the entries.
func (cmd *KVImportCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	return importLines(r, cmd.File, func(entry wire.KVEntry) error {
		if entry.Key == "" {
			return errors.New("key is missing")
		}
		if entry.Value == nil {
			return errors.New("value is missing")
		}
		if entry.ExpiresAt != nil && !entry.ExpiresAt.After(time.Now()) {
			return nil
		}
		_, err := c.SetKV(ctx, in.App, cmd.Collection, entry.Key, wire.KVSet{Value: entry.Value, ExpiresAt: entry.ExpiresAt})
		return err
	})
}

// readJSON reads an argument that is JSON, or @ and where it is.
func readJSON(name, argument string, stdin io.Reader) (json.RawMessage, error) {
	text, err := readData(argument, stdin)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	text = bytes.TrimPrefix(text, byteOrderMark)
	if !json.Valid(text) {
		return nil, fmt.Errorf(`%s must be JSON (a text in quotes: '"hello"'), got %s`, name, excerpt(string(text)))
	}
	return text, nil
}
