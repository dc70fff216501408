package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/picloud/picloud/host/cli/manifest"
	"github.com/picloud/picloud/host/client"
)

// PullCmd writes a running app into a folder.
type PullCmd struct {
	Remote
	App   string `arg:"" help:"App, by slug or id." complete:"apps"`
	Dir   string `arg:"" help:"The folder, which is made if it is not there." complete:"files"`
	Force bool   `help:"Write over files that are otherwise."`
}

// Help is shown by --help.
func (PullCmd) Help() string {
	return `Writes scripts, modules, plugins, static sites, and a picloud.yaml with their routes,
the triggers, topics, indexes and domains, and the names of secrets. Data, the values of secrets and
members are not pulled: see kv export, docs export and files export. A deploy of the folder changes nothing.
A file that is there and otherwise is written over with --force only, before which nothing is written.
What is there beside the app's files stays.`
}

// A pulledFile is what became of a file.
type pulledFile struct {
	File   string `json:"file"`
	Result string `json:"result"` // created, updated or unchanged
}

// Run is `picloud pull`.
func (cmd *PullCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	folder, err := manifest.Pull(ctx, c, cmd.App)
	if err != nil {
		return err
	}
	for _, warning := range folder.Warnings {
		r.notices.warn("%s", warning)
	}
	if err := os.MkdirAll(cmd.Dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(cmd.Dir)
	if err != nil {
		return err
	}
	defer root.Close()
	done := make([]pulledFile, len(folder.Files))
	var otherwise []string
	for i, file := range folder.Files {
		done[i] = pulledFile{file.Path, "unchanged"}
		switch sum, err := sumOf(root, file.Path); {
		case errors.Is(err, fs.ErrNotExist):
			done[i].Result = "created"
		case err != nil:
			return err
		case sum != file.SHA256:
			done[i].Result = "updated"
			otherwise = append(otherwise, file.Path)
		}
	}
	if len(otherwise) > 0 && cmd.asDeployed(ctx, c) {
		return r.printDone([]pulledFile{}, "%s is as the app %s: nothing is written.", cmd.Dir, folder.App)
	}
	if len(otherwise) > 0 && !cmd.Force {
		return fmt.Errorf("%s: there are other files with these names, which --force would write over: %s", cmd.Dir, strings.Join(otherwise, ", "))
	}
	for i, file := range folder.Files {
		if done[i].Result == "unchanged" {
			continue
		}
		if err := cmd.write(ctx, r, root, file); err != nil {
			return fmt.Errorf("%s: %w", file.Path, err)
		}
	}
	return printAll(r, done, []column[pulledFile]{
		{"FILE", func(f pulledFile) string { return f.File }},
		{"RESULT", func(f pulledFile) string { return f.Result }},
	})
}

// asDeployed reports whether a deploy of the folder would change nothing: then it says the same in other
// words.
func (cmd *PullCmd) asDeployed(ctx context.Context, c *client.Client) bool {
	app, err := manifest.Read(cmd.Dir, "")
	if err != nil {
		return false
	}
	app.Prune = true
	there, err := c.App(ctx, app.Ref)
	wanted, err2 := c.App(ctx, cmd.App)
	if err != nil || err2 != nil || there.ID != wanted.ID {
		return false
	}
	plan, err := manifest.Make(ctx, c, app)
	if err != nil {
		return false
	}
	for _, change := range plan.Changes() {
		if change.Result != manifest.Unchanged && change.Result != manifest.Missing && change.What != "seed" {
			return false
		}
	}
	return true
}

// sumOf returns the SHA-256 of a file in a folder, in hex.
func sumOf(root *os.Root, name string) (string, error) {
	file, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return "", err
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is in the way: it is not a file", name)
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// write writes a file so that it is there whole or as it was. Nothing outside the folder is written.
func (cmd *PullCmd) write(ctx context.Context, r *Remote, root *os.Root, file manifest.File) (err error) {
	content, err := file.Open(ctx)
	if err != nil {
		return err
	}
	defer content.Close()
	name := filepath.FromSlash(file.Path)
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	partial := filepath.FromSlash(path.Join(path.Dir(file.Path), ".picloud-"+path.Base(file.Path)+".tmp"))
	out, err := root.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = root.Remove(partial)
		}
	}()
	bar := r.progressBytes(file.Path, -1)
	defer bar.Close()
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, sum), counted(content, bar))
	if err := errors.Join(err, out.Close()); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != file.SHA256 {
		return errors.New("what came is not what is stored: try again")
	}
	return root.Rename(partial, name)
}
