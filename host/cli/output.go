package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/picloud/picloud/host/client"
)

// A column of a table shows one property of each item.
type column[T any] struct {
	title string
	value func(T) string
}

// printAll prints items as a table, or as a JSON array.
func printAll[T any](r *Remote, items []T, columns []column[T]) error {
	if r.Output == "json" {
		if items == nil {
			items = []T{}
		}
		return r.printJSON(items)
	}
	table := tabwriter.NewWriter(r.stdout, 0, 0, 2, ' ', 0)
	for i, c := range columns {
		cell(table, i, c.title)
	}
	fmt.Fprintln(table)
	for _, item := range items {
		for i, c := range columns {
			cell(table, i, c.value(item))
		}
		fmt.Fprintln(table)
	}
	return table.Flush()
}

func cell(table *tabwriter.Writer, i int, text string) {
	if i > 0 {
		fmt.Fprint(table, "\t")
	}
	fmt.Fprint(table, oneLine(text))
}

// oneLine returns a text as it may be printed within a line.
func oneLine(text string) string {
	return strings.NewReplacer("\n", " ", "\t", " ").Replace(client.Printable(text))
}

// printOne prints an item as a table of its properties, one a line, or as a JSON object.
func printOne[T any](r *Remote, item T, properties []column[T]) error {
	if r.Output == "json" {
		return r.printJSON(item)
	}
	table := tabwriter.NewWriter(r.stdout, 0, 0, 2, ' ', 0)
	for _, p := range properties {
		cell(table, 0, p.title)
		cell(table, 1, p.value(item))
		fmt.Fprintln(table)
	}
	return table.Flush()
}

// printDone reports what a command did: the sentence, or the item as JSON.
func (r *Remote) printDone(item any, format string, args ...any) error {
	if r.Output == "json" {
		return r.printJSON(item)
	}
	_, err := fmt.Fprintf(r.stdout, format+"\n", args...)
	return err
}

func (r *Remote) printJSON(value any) error {
	encoder := json.NewEncoder(r.stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

func localTime(t time.Time) string { return t.Local().Format(time.DateTime) }
