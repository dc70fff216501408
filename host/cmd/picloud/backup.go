package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/picloud/picloud/host/backup/archive"
	"github.com/picloud/picloud/host/cli"
	"github.com/picloud/picloud/host/config"
	"github.com/picloud/picloud/host/server"
)

// verifyCmd checks a backup.
type verifyCmd struct {
	cli.BackupSecrets
	File   string `arg:"" help:"The backup." complete:"files"`
	Output string `short:"o" enum:"table,json" default:"table" help:"Print a sentence or JSON: table,json."`
}

// Help is shown by --help.
func (verifyCmd) Help() string {
	return `It is read to its end and compared with the sums in it, and its database is opened.
Nothing is written but that database of SQLite, to a temporary directory, which
TMPDIR names.`
}

// A checked backup is whole.
type checked struct {
	Backup archive.Head   `json:"backup"`
	Has    archive.End    `json:"has"`
	Sealed map[string]int `json:"sealed_secrets,omitempty"`
}

// Run checks the backup.
func (c *verifyCmd) Run(ctx context.Context) error {
	from, err := c.Open(ctx, c.File)
	if err != nil {
		return err
	}
	defer from.Close()
	head, end, err := server.Verify(ctx, from)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	cli.WarnOfDamage(c.Warn, end)
	return printChecked(c.Output, checked{Backup: head, Has: end}, c.File+" is whole")
}

// printChecked tells what a backup has, behind what was done with it.
func printChecked(output string, c checked, done string) error {
	if output == "json" {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(c)
	}
	key := "without"
	if c.Has.SecretKey {
		key = "with"
	}
	_, err := fmt.Printf("%s: a backup %s, with %d files of %d bytes, a database of %d, and %s the key of secrets.\n",
		done, c.Backup, c.Has.Files, c.Has.FileBytes, c.Has.DatabaseBytes(), key)
	return err
}

// restoreCmd brings a backup back.
type restoreCmd struct {
	config.Location
	cli.BackupSecrets
	FilesRoot string `placeholder:"DIR" complete:"files" help:"Directory for the contents of apps' files; files in the data directory when not set." env:"PICLOUD_FILES_ROOT"`
	Backup    string `arg:"" name:"file" help:"The backup." complete:"files"`
	Output    string `short:"o" enum:"table,json" default:"table" help:"Print a sentence or JSON: table,json."`
}

// Help is shown by --help.
func (restoreCmd) Help() string {
	return `The data directory must be new or empty. A backup of PostgreSQL is restored to an empty
database, which --database-url names. What a newer PiCloud has made is refused. The
backup is checked first; if anything fails nothing is left behind.

Examples:

    picloud restore --data /var/lib/picloud monday.tar.zst
    picloud restore --data ./data --identity key.txt monday.tar.zst.age`
}

// Run restores the backup.
func (c *restoreCmd) Run(ctx context.Context) error {
	done, err := server.Restore(ctx, server.RestoreConfig{
		At: &c.Location, FilesRoot: c.FilesRoot, Open: func() (io.ReadCloser, error) { return c.Open(ctx, c.Backup) },
	})
	if err != nil {
		return shown(fmt.Errorf("%s: %w", c.Backup, err))
	}
	cli.WarnOfDamage(c.Warn, done.End)
	if done.Unrecorded != nil {
		c.Warn("all is restored, but the record of changes does not tell of it, or it is not known which keys are missing: %v", shown(done.Unrecorded))
	}
	for _, key := range slices.Sorted(maps.Keys(done.Sealed)) {
		c.Warn("the key %s, with which secrets and second factors are sealed (%d), is not in the backup: before the server starts, put it into secret.key of the new data directory, from that of the old one, or set PICLOUD_SECRET_KEY as it was; without it they have to be set anew",
			key, done.Sealed[key])
	}
	return printChecked(c.Output, checked{done.Head, done.End, done.Sealed}, c.Backup+" is restored to "+c.Data)
}
