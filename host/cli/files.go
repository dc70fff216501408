package cli

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/schollz/progressbar/v3"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// FilesCmd groups the commands on files.
type FilesCmd struct {
	Remote
	InApp
	Collections FilesCollectionsCmd `cmd:"" help:"List the collections that have files."`
	List        FilesListCmd        `cmd:"" help:"List the files of a collection, the oldest first."`
	Get         FilesGetCmd         `cmd:"" help:"Download a file."`
	Put         FilesPutCmd         `cmd:"" help:"Upload a file, or replace one."`
	Delete      FilesDeleteCmd      `cmd:"" help:"Delete a file."`
	Export      FilesExportCmd      `cmd:"" help:"Download the files of a collection into a directory."`
	Import      FilesImportCmd      `cmd:"" help:"Upload the files of a directory into a collection."`
}

var filesColumns = []column[wire.File]{
	{"ID", func(f wire.File) string { return f.ID }},
	{"NAME", func(f wire.File) string { return f.Name }},
	{"TYPE", func(f wire.File) string { return f.ContentType }},
	{"BYTES", func(f wire.File) string { return strconv.FormatInt(f.Size, 10) }},
	{"UPDATED", func(f wire.File) string { return localTime(f.UpdatedAt) }},
}

// FilesCollectionsCmd is `picloud files collections`.
type FilesCollectionsCmd struct{}

// Run lists the collections.
func (FilesCollectionsCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	collections, err := client.Collect(c.FilesCollections(ctx, in.App))
	if err != nil {
		return err
	}
	return printAll(r, collections, []column[wire.FilesCollection]{
		{"COLLECTION", func(c wire.FilesCollection) string { return c.Name }},
		{"FILES", func(c wire.FilesCollection) string { return strconv.FormatInt(c.Files, 10) }},
		{"BYTES", func(c wire.FilesCollection) string { return strconv.FormatInt(c.Bytes, 10) }},
	})
}

// FilesListCmd is `picloud files list`.
type FilesListCmd struct {
	CollectionArg
	Limit int `default:"100" help:"At most so many files; 0 for all (default ${default})."`
}

// Run lists the files.
func (cmd *FilesListCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	files, err := client.Collect(first(cmd.Limit, c.Files(ctx, in.App, cmd.Collection)))
	if err != nil {
		return err
	}
	return printAll(r, files, filesColumns)
}

// FilesGetCmd is `picloud files get`.
type FilesGetCmd struct {
	CollectionArg
	ID string `arg:"" help:"Id of the file." complete:"entries"`
	To string `placeholder:"FILE" complete:"files" help:"Where to write; - is standard output. Else a new file of its name in this directory."`
}

// Run downloads the file.
func (cmd *FilesGetCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	file, err := c.File(ctx, in.App, cmd.Collection, cmd.ID)
	if err != nil {
		return err
	}
	bar := r.progressBytes(client.Printable(file.Name), file.Size)
	defer bar.Close()
	fetch := func(w io.Writer) error { return fetchFile(ctx, c, in.App, cmd.Collection, file, w, bar) }
	switch {
	case cmd.To == "-":
		return fetch(r.stdout)
	case cmd.To == "":
		if !filepath.IsLocal(file.Name) || filepath.Base(file.Name) != file.Name {
			return fmt.Errorf("the file's name %q is none for this directory: use --to", file.Name)
		}
		if _, err := os.Lstat(file.Name); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is there already: use --to", file.Name)
		}
		cmd.To = file.Name
	}
	if err := replaceFile(cmd.To, 0o644, fetch); err != nil {
		return err
	}
	return r.printDone(file, "%s written (%s).", cmd.To, plural(file.Size, "byte"))
}

// fetchFile downloads a file and compares what came with its checksum.
func fetchFile(ctx context.Context, c *client.Client, app, collection string, file wire.File, w io.Writer, bar *progressbar.ProgressBar) error {
	content, err := c.DownloadFile(ctx, app, collection, file.ID)
	if err != nil {
		return err
	}
	defer content.Close()
	hash := sha256.New()
	if _, err := io.Copy(io.MultiWriter(w, hash), counted(content, bar)); err != nil {
		return fmt.Errorf("download of %s: %w", file.ID, err)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != file.SHA256 {
		return fmt.Errorf("download of %s: what came has the checksum %s, not %s: it was changed meanwhile or damaged", file.ID, got, file.SHA256)
	}
	return nil
}

// FilesPutCmd is `picloud files put`.
type FilesPutCmd struct {
	CollectionArg
	File        string `arg:"" help:"What to upload; - is standard input." complete:"files"`
	Name        string `help:"Name to keep it under; the file's own when absent."`
	ContentType string `placeholder:"TYPE" help:"As in text/plain; guessed from the name when absent."`
	ID          string `help:"Replace the bytes of this file instead of making a new one."`
}

// Run uploads the file.
func (cmd *FilesPutCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	if cmd.File == "-" && cmd.Name == "" && cmd.ID == "" {
		return &usageError{errors.New("standard input has no name: use --name")}
	}
	if cmd.ID != "" && cmd.Name != "" {
		return &usageError{errors.New("--id replaces the bytes of a file, whose name stays: it cannot be combined with --name")}
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
	name := cmd.Name
	if name == "" {
		name = filepath.Base(cmd.File)
	}
	contentType := cmd.ContentType
	if contentType == "" {
		contentType = typeOf(name)
	}
	bar := r.progressBytes(name, size)
	defer bar.Close()
	var kept wire.File
	var err error
	if cmd.ID != "" {
		kept, err = c.ReplaceFile(ctx, in.App, cmd.Collection, cmd.ID, cmd.ContentType, counted(source, bar))
	} else {
		kept, err = c.UploadFile(ctx, in.App, cmd.Collection, name, contentType, counted(source, bar))
	}
	if err != nil {
		return err
	}
	return r.printDone(kept, "File %s written (%s): %s", kept.Name, plural(kept.Size, "byte"), kept.ID)
}

// typeOf guesses a content type from a name.
func typeOf(name string) string { return mime.TypeByExtension(filepath.Ext(name)) }

// FilesDeleteCmd is `picloud files delete`.
type FilesDeleteCmd struct {
	Confirmation
	CollectionArg
	ID string `arg:"" help:"Id of the file." complete:"entries"`
}

// Run deletes the file.
func (cmd *FilesDeleteCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	file, err := c.File(ctx, in.App, cmd.Collection, cmd.ID)
	if err != nil {
		return err
	}
	if err := cmd.confirm(ctx, r, "Delete the file %s of the collection %s?", file.Name, cmd.Collection); err != nil {
		return err
	}
	if err := c.DeleteFile(ctx, in.App, cmd.Collection, cmd.ID); err != nil {
		return err
	}
	return r.printDone(file, "File %s deleted.", file.Name)
}

// indexName is the file of an exported directory that says what the others are: an [exportedFile] a
// line.
const indexName = ".picloud-files.jsonl"

type exportedFile struct {
	File        string `json:"file"` // name in the directory
	Name        string `json:"name"`
	ContentType string `json:"content_type"`
	SHA256      string `json:"sha256,omitempty"`
}

// FilesExportCmd is `picloud files export`.
type FilesExportCmd struct {
	CollectionArg
	Directory string `arg:"" help:"Where to write; made if missing, else it must be empty." complete:"files"`
}

// Help is shown by --help.
func (FilesExportCmd) Help() string {
	return `Files have their names; one whose name is taken, or none for a directory, has
its id. ` + indexName + ` says what each of them is, for an import.`
}

// Run exports the files.
func (cmd *FilesExportCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	if err := os.MkdirAll(cmd.Directory, 0o755); err != nil {
		return err
	}
	if entries, err := os.ReadDir(cmd.Directory); err != nil {
		return err
	} else if len(entries) > 0 {
		return fmt.Errorf("%s is not empty", cmd.Directory)
	}
	bar := r.progressBytes("exporting", -1)
	defer bar.Close()
	var done lineCount
	err := replaceFile(filepath.Join(cmd.Directory, indexName), 0o644, func(index io.Writer) error {
		lines := json.NewEncoder(index)
		lines.SetEscapeHTML(false)
		taken := map[string]bool{}
		for file, err := range c.Files(ctx, in.App, cmd.Collection) {
			if err != nil {
				return err
			}
			exported := exportedFile{File: file.Name, Name: file.Name, ContentType: file.ContentType, SHA256: file.SHA256}
			folded := strings.ToLower(file.Name) // some file systems take A for a
			if taken[folded] || strings.HasPrefix(file.Name, ".picloud-") || !filepath.IsLocal(file.Name) || filepath.Base(file.Name) != file.Name {
				exported.File = file.ID
			}
			taken[folded] = true
			err := replaceFile(filepath.Join(cmd.Directory, filepath.Base(exported.File)), 0o644, func(w io.Writer) error {
				return fetchFile(ctx, c, in.App, cmd.Collection, file, w, bar)
			})
			if err != nil {
				return err
			}
			if err := lines.Encode(exported); err != nil {
				return err
			}
			done.Items++
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.printDone(done, "%d exported to %s.", done.Items, cmd.Directory)
}

// FilesImportCmd is `picloud files import`.
type FilesImportCmd struct {
	CollectionArg
	Directory string `arg:"" help:"An exported directory, or any other." complete:"files"`
}

// Help is shown by --help.
func (FilesImportCmd) Help() string {
	return `Each file becomes a new one, with the name and content type that the export
noted, else its own name and the type that goes with it. Directories within the
directory, links and names that begin with a dot are left out.`
}

// Run imports the files.
func (cmd *FilesImportCmd) Run(ctx context.Context, r *Remote, c *client.Client, in *InApp) error {
	root, err := os.OpenRoot(cmd.Directory)
	if err != nil {
		return err
	}
	defer root.Close()
	files, size, err := filesToImport(root)
	if err != nil {
		return fmt.Errorf("%s: %w", cmd.Directory, err)
	}
	bar := r.progressBytes("importing", size)
	defer bar.Close()
	var done lineCount
	for _, file := range files {
		content, err := root.Open(file.File)
		if err != nil {
			return err
		}
		_, err = c.UploadFile(ctx, in.App, cmd.Collection, file.Name, file.ContentType, counted(content, bar))
		content.Close()
		if err != nil {
			return fmt.Errorf("%s: %w (%d files before it are imported)", file.File, err, done.Items)
		}
		done.Items++
	}
	return r.printDone(done, "%d imported.", done.Items)
}

// filesToImport lists the files of a directory with what its index notes of them, and their size in
// all.
func filesToImport(root *os.Root) (files []exportedFile, size int64, err error) {
	noted := map[string]exportedFile{}
	index, err := root.Open(indexName)
	switch {
	case err == nil:
		defer index.Close()
		text := bufio.NewReader(index)
		if mark, _ := text.Peek(len(byteOrderMark)); bytes.Equal(mark, byteOrderMark) {
			_, _ = text.Discard(len(mark))
		}
		for lines := json.NewDecoder(text); lines.More(); {
			var file exportedFile
			if err := lines.Decode(&file); err != nil {
				return nil, 0, fmt.Errorf("%s: %w", indexName, err)
			}
			noted[file.File] = file
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, 0, err
	}
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, 0, err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			return nil, 0, err
		}
		if !info.Mode().IsRegular() {
			continue
		}
		file, ok := noted[entry.Name()]
		if !ok {
			if strings.HasPrefix(entry.Name(), ".") {
				continue
			}
			file = exportedFile{File: entry.Name(), Name: entry.Name(), ContentType: typeOf(entry.Name())}
		}
		files = append(files, file)
		size += info.Size()
	}
	return files, size, nil
}
