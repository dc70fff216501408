package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/archive/pack"
	"github.com/picloud/picloud/host/client"
)

// archiveExtension ends the name of an archive's file, as the server has it.
const archiveExtension = ".picloud.tar.zst"

// AppsExportCmd is `picloud apps export`.
type AppsExportCmd struct {
	App  string `arg:"" help:"Slug or id." complete:"apps"`
	File string `arg:"" help:"Where to write; - is standard output." complete:"files"`
}

// Help is shown by --help.
func (AppsExportCmd) Help() string {
	return `The archive has the app as it is at one moment: scripts, sites, routes,
triggers, topics, indexes, domains, members, quotas, kv entries, documents and files. Of
secrets it has the names. It does not have executions and logs, API keys, the
record of changes, and pending events.

Files that are damaged or missing on the server are left out and told of, however
many they are; the exit status is 3 then. FILE is written whole or not at all.`
}

// exportedApp is what an export has written.
type exportedApp struct {
	App   string `json:"app"`
	File  string `json:"file"`
	Bytes int64  `json:"bytes"`
	// Damaged are the first 10 files that are left out, of DamagedFiles, since they are damaged on the server.
	Damaged      []damagedFile `json:"damaged,omitempty"`
	DamagedFiles int64         `json:"damaged_files,omitempty"`
}

// damagedFile is a row of an archive.
type damagedFile struct {
	Collection string `json:"collection"`
	ID         string `json:"id"`
	Name       string `json:"name"`
}

// Run exports the app.
func (cmd *AppsExportCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	done := exportedApp{App: cmd.App, File: cmd.File}
	write := func(w io.Writer) (err error) {
		archive, err := c.ExportApp(ctx, cmd.App)
		if err != nil {
			return err
		}
		defer archive.Close()
		bar := r.progressBytes("exporting "+client.Printable(cmd.App), -1)
		defer bar.Close()
		sent := &countedWriter{to: w}
		if err := done.check(io.TeeReader(counted(archive, bar), sent)); err != nil {
			return fmt.Errorf("the export is not complete, and nothing is kept of it: %w", err)
		}
		done.Bytes = sent.bytes
		return nil
	}
	if cmd.File == "-" {
		if err := write(r.stdout); err != nil {
			return err
		}
		return done.damage(r)
	}
	if err := replaceFile(cmd.File, 0o600, write); err != nil {
		return err
	}
	if err := r.printDone(done, "App %s exported to %s (%d bytes).", cmd.App, cmd.File, done.Bytes); err != nil {
		return err
	}
	return done.damage(r)
}

// countedWriter counts what is written.
type countedWriter struct {
	to    io.Writer
	bytes int64
}

func (c *countedWriter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.bytes += int64(n)
	return n, err
}

// check reads an archive to its end, compares it with its sum, and notes which files it does not have.
func (e *exportedApp) check(from io.Reader) error {
	archive, err := pack.NewReader(from, pack.Bounds{Window: pack.Window})
	if err != nil {
		return err
	}
	defer archive.Close()
	for {
		entry, err := archive.Next()
		if err != nil {
			return err
		}
		switch {
		case strings.HasPrefix(entry.Name, "files/") && strings.HasSuffix(entry.Name, ".jsonl"):
			err = e.note(archive)
		case entry.Name == "end.json":
			return e.end(archive)
		}
		if err != nil {
			return err
		}
	}
}

// note notes the damaged files of an entry of rows.
func (e *exportedApp) note(rows io.Reader) error {
	for decoder := json.NewDecoder(rows); ; {
		var row struct {
			damagedFile
			Damaged bool `json:"damaged"`
		}
		if err := decoder.Decode(&row); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if row.Damaged && len(e.Damaged) < mostNamed {
			e.Damaged = append(e.Damaged, row.damagedFile)
		}
	}
}

// end reads the last entry, and what is behind it.
func (e *exportedApp) end(archive *pack.Reader) error {
	sum := archive.Sum()
	var end struct {
		SHA256       string `json:"sha256"`
		DamagedFiles int64  `json:"damaged_files"`
	}
	if err := json.NewDecoder(archive).Decode(&end); err != nil {
		return err
	}
	if end.SHA256 != sum {
		return fmt.Errorf("its sum is %s, and should be %.80s", sum, end.SHA256)
	}
	e.DamagedFiles = end.DamagedFiles
	return archive.End()
}

// damage tells of the files that are left out; nil: there are none.
func (e *exportedApp) damage(r *Remote) error {
	if e.DamagedFiles == 0 {
		return nil
	}
	for _, file := range e.Damaged {
		r.notices.warn("the file %s (%s) in the collection %s is left out: its bytes are not those that were stored", file.ID, file.Name, file.Collection)
	}
	if more := e.DamagedFiles - int64(len(e.Damaged)); more > 0 {
		r.notices.warn("... and %d files more", more)
	}
	return &partlyError{fmt.Errorf("%d files of the app are damaged on the server, and are not in the archive", e.DamagedFiles)}
}

// AppsImportCmd is `picloud apps import`.
type AppsImportCmd struct {
	File string `arg:"" help:"An archive; - is standard input." complete:"files"`
	Slug string `placeholder:"NAME" help:"Of the app to make, or of an empty app to fill; as the file is called when absent."`
}

// Help is shown by --help.
func (AppsImportCmd) Help() string {
	return `Nobody finds the app until all of it is there, and an import that fails leaves
nothing. Users who are called as members were get their roles, and are reported.
Hosts that others have claimed, and members that are no users here, are left out
and reported; so are the names of secrets that are to be set.`
}

// Run imports the app.
func (cmd *AppsImportCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	if cmd.Slug == "" {
		if _, err := os.Stat(cmd.File); err != nil && cmd.File != "-" {
			return err
		}
		name, known := strings.CutSuffix(filepath.Base(cmd.File), archiveExtension)
		if !known {
			return &usageError{errors.New("the archive is not called NAME" + archiveExtension + ", which would say what the app is to be called: use --slug")}
		}
		cmd.Slug = name
	}
	source, size := r.stdin, int64(-1)
	if cmd.File != "-" {
		file, err := os.Open(cmd.File)
		if err != nil {
			return err
		}
		defer file.Close()
		if info, err := file.Stat(); err == nil {
			size = info.Size()
		}
		source = file
	}
	bar := r.progressBytes("importing "+client.Printable(cmd.Slug), size)
	defer bar.Close()
	report, err := c.ImportApp(ctx, cmd.Slug, counted(source, bar))
	if err != nil {
		return err
	}
	if r.Output == "json" {
		return r.printJSON(report)
	}
	return cmd.print(r, report)
}

// print tells people what has come of the import.
func (cmd *AppsImportCmd) print(r *Remote, report wire.ImportReport) error {
	var had []string
	for _, kind := range slices.Sorted(maps.Keys(report.Rows)) {
		had = append(had, fmt.Sprintf("%s %d", kind, report.Rows[kind]))
	}
	text := "App " + report.App.Slug + " imported"
	if len(had) > 0 {
		text += ": " + strings.Join(had, ", ")
	}
	text += ".\n"
	if len(report.Members) > 0 {
		var given []string
		for _, member := range report.Members {
			given = append(given, member.Username+" "+member.Role)
		}
		text += oneLine("Members: "+strings.Join(given, ", ")) + "\n"
	}
	for _, left := range report.LeftOut {
		line := fmt.Sprintf("Left out: %s %s: %s", left.Kind, left.Name, left.Reason)
		if strings.HasPrefix(left.Reason, "shadowed by ") { // it is there
			line = fmt.Sprintf("%s %s is %s", left.Kind, left.Name, left.Reason)
		}
		text += oneLine(line) + "\n"
	}
	if len(report.MissingSecrets) > 0 {
		text += oneLine("Secrets to be set: "+strings.Join(report.MissingSecrets, ", ")) + "\n"
	}
	_, err := io.WriteString(r.stdout, text)
	return err
}
