package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// DocsCmd groups the commands on documents.
type DocsCmd struct {
	Remote
	InApp
	Collections DocsCollectionsCmd `cmd:"" help:"List the collections that have documents."`
	List        DocsListCmd        `cmd:"" help:"List or find documents of a collection."`
	Get         DocsGetCmd         `cmd:"" help:"Print a document as JSON."`
	Put         DocsPutCmd         `cmd:"" help:"Create a document, or replace one."`
	Delete      DocsDeleteCmd      `cmd:"" help:"Delete a document."`
	Export      DocsExportCmd      `cmd:"" help:"Write the documents of a collection as lines of JSON."`
	Import      DocsImportCmd      `cmd:"" help:"Write the documents that an export has into a collection."`
	Index       DocsIndexCmd       `cmd:"" help:"List, add and delete indexes on paths of documents."`
}

var docsColumns = []column[wire.Document]{
	{"ID", func(d wire.Document) string { return d.ID }},
	{"VERSION", func(d wire.Document) string { return strconv.FormatInt(d.Version, 10) }},
	{"UPDATED", func(d wire.Document) string { return localTime(d.UpdatedAt) }},
	{"DATA", func(d wire.Document) string { return excerpt(string(d.Data)) }},
}

// DocsCollectionsCmd is `picloud docs collections`.
type DocsCollectionsCmd struct{}

// Run lists the collections.
func (DocsCollectionsCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	collections, err := client.Collect(c.DocsCollections(ctx, in.App))
	if err != nil {
		return err
	}
	return printAll(r, collections, []column[wire.DocsCollection]{
		{"COLLECTION", func(c wire.DocsCollection) string { return c.Name }},
		{"DOCUMENTS", func(c wire.DocsCollection) string { return strconv.FormatInt(c.Documents, 10) }},
	})
}

// DocsListCmd is `picloud docs list`.
type DocsListCmd struct {
	CollectionArg
	Filter  string `placeholder:"JSON" help:"Only documents that match, as in scripts: {\"age\": {\"$gte\": 18}}."`
	Sort    string `placeholder:"JSON" help:"Order by these paths, 1 up and -1 down: {\"age\": -1} or [[\"age\", -1], [\"name\", 1]]; else by id."`
	Explain bool   `help:"Tell how the documents are found, instead of listing them."`
	Limit   int    `default:"100" help:"At most so many documents; 0 for all (default ${default})."`
}

// Run lists the documents.
func (cmd *DocsListCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	if cmd.Explain {
		how, err := c.Explain(ctx, in.App, cmd.Collection, cmd.Filter, cmd.Sort, min(cmd.Limit, maxExplained))
		if err != nil {
			return err
		}
		return r.printDone(how, "%s", explained(how))
	}
	docs, err := client.Collect(first(cmd.Limit, c.Docs(ctx, in.App, cmd.Collection, cmd.Filter, cmd.Sort)))
	if err != nil {
		return err
	}
	return printAll(r, docs, docsColumns)
}

// maxExplained is the largest page of the API.
const maxExplained = 1000

// explained says how documents were found.
func explained(how wire.Explained) string {
	looked := ": " + plural(how.Looked, "document") + " looked at"
	switch how.Plan {
	case "index":
		uses := "order"
		if how.Range && how.Sort {
			uses = "range and order"
		} else if how.Range {
			uses = "range"
		}
		return fmt.Sprintf("By the index on %s, for the %s%s.", how.Path, uses, looked)
	case "terms":
		return "By the values in the filter" + looked + "."
	case "ids":
		return "In the order of ids, until there were enough" + looked + "."
	}
	return "By looking at all documents of the collection" + looked + "."
}

// DocsGetCmd is `picloud docs get`.
type DocsGetCmd struct {
	CollectionArg
	ID string `arg:"" help:"Id of the document." complete:"entries"`
}

// Run prints the document: its data, or with --output json its envelope too.
func (cmd *DocsGetCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	doc, err := c.Doc(ctx, in.App, cmd.Collection, cmd.ID)
	if err != nil {
		return err
	}
	if r.Output == "json" {
		return r.printJSON(doc)
	}
	return r.printJSON(doc.Data)
}

// DocsPutCmd is `picloud docs put`.
type DocsPutCmd struct {
	CollectionArg
	Data string `arg:"" help:"The document, a JSON object; @FILE reads a file, - standard input."`
	ID   string `help:"Replace the document with this id, or create it under it; else it gets an id of its own."`
}

// Run writes the document.
func (cmd *DocsPutCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	data, err := readJSON("DATA", cmd.Data, r.stdin)
	if err != nil {
		return &usageError{err}
	}
	var doc wire.Document
	if cmd.ID == "" {
		doc, err = c.CreateDoc(ctx, in.App, cmd.Collection, data)
	} else {
		doc, err = c.PutDoc(ctx, in.App, cmd.Collection, cmd.ID, data)
	}
	if err != nil {
		return err
	}
	return r.printDone(doc, "Document %s written (version %d).", doc.ID, doc.Version)
}

// DocsDeleteCmd is `picloud docs delete`.
type DocsDeleteCmd struct {
	Confirmation
	CollectionArg
	ID string `arg:"" help:"Id of the document." complete:"entries"`
}

// Run deletes the document.
func (cmd *DocsDeleteCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	doc, err := c.Doc(ctx, in.App, cmd.Collection, cmd.ID)
	if err != nil {
		return err
	}
	if err := cmd.confirm(ctx, r, "Delete the document %s of the collection %s?", doc.ID, cmd.Collection); err != nil {
		return err
	}
	if err := c.DeleteDoc(ctx, in.App, cmd.Collection, cmd.ID); err != nil {
		return err
	}
	return r.printDone(doc, "Document %s deleted.", doc.ID)
}

// DocsExportCmd is `picloud docs export`.
type DocsExportCmd struct {
	CollectionArg
	File   string `arg:"" default:"-" help:"Where to write; - is standard output." complete:"files"`
	Filter string `placeholder:"JSON" help:"Only documents that match."`
}

// Run exports the documents.
func (cmd *DocsExportCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	return exportLines(r, cmd.File, c.Docs(ctx, in.App, cmd.Collection, cmd.Filter, ""))
}

// DocsImportCmd is `picloud docs import`.
type DocsImportCmd struct {
	CollectionArg
	File string `arg:"" help:"An export; - is standard input." complete:"files"`
}

// Help is shown by --help.
func (DocsImportCmd) Help() string {
	return `Each line is an object with data and, to keep it, id. A document whose id is
there already gets the new data, others are created; versions and times are the
server's. When a line fails, those before it have been written.`
}

// Run imports the documents.
func (cmd *DocsImportCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	return importLines(r, cmd.File, func(doc wire.Document) error {
		if doc.Data == nil {
			return errors.New("data is missing")
		}
		var err error
		if doc.ID == "" {
			_, err = c.CreateDoc(ctx, in.App, cmd.Collection, doc.Data)
		} else {
			_, err = c.PutDoc(ctx, in.App, cmd.Collection, doc.ID, doc.Data)
		}
		return err
	})
}
