package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
)

// maxLine is the longest line an import takes: a value of 1 MiB, escaped.
const maxLine = 8 << 20

// byteOrderMark is what some editors write before a text. It is no part of JSON.
var byteOrderMark = []byte("\ufeff")

// A lineCount is how many lines were exported or imported.
type lineCount struct {
	Items int `json:"items"`
}

// exportLines writes a listing as JSON, one item a line, to a file or to standard output. A file
// that is there is replaced when all is written.
func exportLines[T any](r *Remote, path string, listing iter.Seq2[T, error]) error {
	var done lineCount
	progress := r.progress("exporting", -1)
	defer progress.Close()
	write := func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		for item, err := range listing {
			if err != nil {
				return err
			}
			if err := encoder.Encode(item); err != nil {
				return err
			}
			done.Items++
			_ = progress.Add(1)
		}
		return nil
	}
	if path == "-" {
		buffered := bufio.NewWriter(r.stdout)
		if err := write(buffered); err != nil {
			return err
		}
		return buffered.Flush()
	}
	if err := replaceFile(path, 0o644, write); err != nil {
		return err
	}
	return r.printDone(done, "%d exported to %s.", done.Items, path)
}

// importLines hands each line of a file, or of standard input, to keep.
func importLines[T any](r *Remote, path string, keep func(T) error) error {
	source, size := r.stdin, int64(-1)
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			size = info.Size()
		}
		source = file
	}
	progress := r.progressBytes("importing", size)
	defer progress.Close()
	var done lineCount
	lines := bufio.NewScanner(source)
	lines.Buffer(nil, maxLine)
	number := 0
	for lines.Scan() {
		number++
		_ = progress.Add(len(lines.Bytes()) + 1)
		line := lines.Bytes()
		if number == 1 {
			line = bytes.TrimPrefix(line, byteOrderMark)
		}
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var item T
		err := json.Unmarshal(line, &item)
		if err == nil {
			err = keep(item)
		}
		if err != nil {
			return fmt.Errorf("%s line %d: %w (%d lines before it are imported)", path, number, err, done.Items)
		}
		done.Items++
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s line %d: %w", path, number+1, err)
	}
	return r.printDone(done, "%d imported.", done.Items)
}

// replaceFile writes a file so that it is there whole or as it was.
func replaceFile(path string, mode os.FileMode, write func(io.Writer) error) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), ".picloud-*.tmp") // which a watch of the folder leaves out
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(file.Name())
		}
	}()
	buffered := bufio.NewWriter(file)
	if err := write(buffered); err != nil {
		file.Close()
		return err
	}
	if err := buffered.Flush(); err != nil {
		file.Close()
		return err
	}
	if err := file.Chmod(mode); err != nil {
		file.Close()
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// first cuts a listing after limit items; 0 does not.
func first[T any](limit int, listing iter.Seq2[T, error]) iter.Seq2[T, error] {
	if limit == 0 {
		return listing
	}
	return func(yield func(T, error) bool) {
		if limit < 0 {
			var none T
			yield(none, &usageError{fmt.Errorf("--limit must be at least 0, got %d", limit)})
			return
		}
		left := limit
		for item, err := range listing {
			if left--; !yield(item, err) || left == 0 {
				return
			}
		}
	}
}
