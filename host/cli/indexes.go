package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// DocsIndexCmd groups the commands on indexes of documents.
type DocsIndexCmd struct {
	List   IndexListCmd   `cmd:"" help:"List the app's indexes, and how far they are built."`
	Add    IndexAddCmd    `cmd:"" help:"Have a path of a collection's documents indexed: ranges and orders of it are found at once."`
	Delete IndexDeleteCmd `cmd:"" help:"Delete an index; the documents stay."`
}

var indexColumns = []column[wire.Index]{
	{"COLLECTION", func(i wire.Index) string { return i.Collection }},
	{"PATH", func(i wire.Index) string { return i.Path }},
	{"STATE", func(i wire.Index) string {
		if i.Reason != "" {
			return i.State + ": " + i.Reason
		}
		return i.State
	}},
	{"BUILT", func(i wire.Index) string { return strconv.FormatInt(i.Built, 10) }},
	{"CREATED", func(i wire.Index) string { return localTime(i.CreatedAt) }},
}

// IndexListCmd is `picloud docs index list`.
type IndexListCmd struct{}

// Run lists the indexes.
func (IndexListCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	indexes, err := client.Collect(c.Indexes(ctx, in.App))
	if err != nil {
		return err
	}
	return printAll(r, indexes, indexColumns)
}

// IndexAddCmd is `picloud docs index add`.
type IndexAddCmd struct {
	CollectionArg
	Path string `arg:"" help:"The path, as in filters: age or address.city."`
}

// Run declares the index.
func (cmd *IndexAddCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	index, err := c.CreateIndex(ctx, in.App, wire.IndexCreate{Collection: cmd.Collection, Path: cmd.Path})
	if err != nil {
		return err
	}
	return r.printDone(index, "Index on %s of %s is %s.", index.Path, index.Collection, index.State)
}

// IndexDeleteCmd is `picloud docs index delete`.
type IndexDeleteCmd struct {
	Confirmation
	CollectionArg
	Path string `arg:"" help:"The path, as the list of indexes has it." complete:"entries"`
}

// Run deletes the index.
func (cmd *IndexDeleteCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	indexes, err := client.Collect(c.Indexes(ctx, in.App))
	if err != nil {
		return err
	}
	i := slices.IndexFunc(indexes, func(i wire.Index) bool { return i.Collection == cmd.Collection && i.Path == cmd.Path })
	if i < 0 {
		return fmt.Errorf("collection %s of app %s has no index on %q", cmd.Collection, in.App, cmd.Path)
	}
	if err := cmd.confirm(ctx, r, "Delete the index on %s of the collection %s?", cmd.Path, cmd.Collection); err != nil {
		return err
	}
	if err := c.DeleteIndex(ctx, in.App, indexes[i].ID); err != nil {
		return err
	}
	return r.printDone(indexes[i], "Index on %s of %s deleted.", cmd.Path, cmd.Collection)
}
