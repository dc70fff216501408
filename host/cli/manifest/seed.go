package manifest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/sites"
)

// seedEntry is the data that an app is to begin with, as it is written: for each collection a file of the
// folder, or for files a folder.
//
//	kv:    {settings: seed/settings.json}   # an object of keys and values, or what kv export writes
//	docs:  {products: seed/products.jsonl}  # a list of documents, or what docs export writes
//	files: {pictures: seed/pictures}
type seedEntry struct {
	KV    map[string]string `yaml:"kv"`
	Docs  map[string]string `yaml:"docs"`
	Files map[string]string `yaml:"files"`
}

// A Seed is the data that a collection is to begin with.
type Seed struct {
	Kind       string // kv, docs or files
	Collection string
	File       string // where the data are, for messages
	entries    []wire.KVEntry
	documents  []wire.Document // those without an id get one
	root       *os.Root        // of files
	names      []string        // of files
}

// maxSeed is the most that is read of a file with data, in bytes.
const maxSeed = 64 << 20

// read reads the data.
func (e seedEntry) read(root *os.Root) (seeds []Seed, err error) {
	for kind, of := range map[string]map[string]string{"kv": e.KV, "docs": e.Docs, "files": e.Files} {
		for _, collection := range slices.Sorted(maps.Keys(of)) {
			seed := Seed{Kind: kind, Collection: collection, File: of[collection]}
			switch kind {
			case "kv":
				seed.entries, err = readEntries(root, seed.File)
			case "docs":
				seed.documents, err = readDocuments(root, seed.File)
			default:
				seed.root, seed.names, err = readFolder(root, seed.File)
			}
			if err != nil {
				return nil, fmt.Errorf("seed.%s.%s: %w", kind, collection, err)
			}
			seeds = append(seeds, seed)
		}
	}
	slices.SortFunc(seeds, func(a, b Seed) int { return strings.Compare(a.name(), b.name()) })
	return seeds, nil
}

func (s Seed) name() string { return s.Kind + " " + s.Collection }

// readEntries reads a JSON object of keys and values, or lines of JSON with key and value.
func readEntries(root *os.Root, name string) (entries []wire.KVEntry, err error) {
	if strings.HasSuffix(name, ".json") {
		var values map[string]json.RawMessage
		if err := readWhole(root, name, &values); err != nil {
			return nil, err
		}
		for _, key := range slices.Sorted(maps.Keys(values)) {
			entries = append(entries, wire.KVEntry{Key: key, Value: values[key]})
		}
		return entries, nil
	}
	err = readLines(root, name, func(entry wire.KVEntry) error {
		if entry.Key == "" || entry.Value == nil {
			return errors.New("key and value are needed")
		}
		entries = append(entries, entry)
		return nil
	})
	return entries, err
}

// readDocuments reads a JSON array of documents, or lines of JSON with data and perhaps an id.
func readDocuments(root *os.Root, name string) (documents []wire.Document, err error) {
	if strings.HasSuffix(name, ".json") {
		var all []json.RawMessage
		if err := readWhole(root, name, &all); err != nil {
			return nil, err
		}
		for _, data := range all {
			documents = append(documents, wire.Document{Data: data})
		}
		return documents, nil
	}
	err = readLines(root, name, func(document wire.Document) error {
		if document.Data == nil {
			return errors.New("data is missing")
		}
		documents = append(documents, document)
		return nil
	})
	return documents, err
}

// readWhole reads a file of JSON.
func readWhole(root *os.Root, name string, into any) error {
	text, err := readAtMost(root, name, maxSeed)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(bytes.TrimPrefix(text, byteOrderMark), into); err != nil {
		return fmt.Errorf("%s: %s", name, strings.NewReplacer("json: ", "", "Go value of type ", "").Replace(err.Error()))
	}
	return nil
}

// readLines reads a file of JSON, one value a line.
func readLines[T any](root *os.Root, name string, keep func(T) error) error {
	text, err := readAtMost(root, name, maxSeed)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(bytes.NewReader(bytes.TrimPrefix(text, byteOrderMark)))
	lines.Buffer(nil, maxSeed+1)
	for number := 1; lines.Scan(); number++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var value T
		err := json.Unmarshal(lines.Bytes(), &value)
		if err == nil {
			err = keep(value)
		}
		if err != nil {
			return fmt.Errorf("%s line %d: %w", name, number, err)
		}
	}
	return lines.Err()
}

// readFolder lists the files directly in a folder, but for hidden ones.
func readFolder(root *os.Root, name string) (*os.Root, []string, error) {
	folder, err := root.OpenRoot(strings.Trim(path.Clean(name), "/"))
	if err != nil {
		return nil, nil, err
	}
	entries, err := fs.ReadDir(folder.FS(), ".")
	if err != nil {
		return nil, nil, err
	}
	var names []string
	for _, entry := range entries {
		if entry.Type().IsRegular() && !strings.HasPrefix(entry.Name(), ".") {
			names = append(names, entry.Name())
		}
	}
	return folder, names, nil
}

// size is how many things a seed has.
func (s Seed) size() int { return len(s.entries) + len(s.documents) + len(s.names) }

// seedStep fills a collection that has nothing, or writes over what it has.
type seedStep struct {
	seed  Seed
	fill  bool              // it is to be done
	files map[string]string // ids of files that are there, by name
}

// planSeeds returns the steps that give an app the data it is to begin with: a collection that has
// something is left alone, unless the deploy says otherwise. present reports whether the app is there yet.
func planSeeds(ctx context.Context, state State, want App, present bool) (steps []*seedStep, err error) {
	items := 0
	for _, seed := range want.Seeds {
		s := &seedStep{seed: seed, fill: true, files: map[string]string{}}
		if present {
			empty, err := s.look(ctx, state, want.Ref, want.Reseed)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", seed.Kind, seed.Collection, err)
			}
			s.fill = empty || want.Reseed
		}
		steps = append(steps, s)
		if s.fill {
			items += seed.size()
		}
	}
	if items > maxSeedItems {
		return nil, fmt.Errorf("seed: has %d entries, documents and files to write, and a deploy writes %d at most: picloud kv import and docs import take any number", items, maxSeedItems)
	}
	return steps, nil
}

// maxSeedItems is how many things a deploy writes, which has other changes, too.
const maxSeedItems = wire.MaxDeployChanges - 2000

// look reports whether the collection has nothing. If all is asked for, it notes the files that are there.
func (s *seedStep) look(ctx context.Context, state State, app string, all bool) (empty bool, err error) {
	switch s.seed.Kind {
	case "kv":
		for _, err := range state.KV(ctx, app, s.seed.Collection, "") {
			return false, err
		}
	case "docs":
		for _, err := range state.Docs(ctx, app, s.seed.Collection, "", "") {
			return false, err
		}
	default:
		empty = true
		for file, err := range state.Files(ctx, app, s.seed.Collection) {
			if empty = false; err != nil || !all {
				return false, err
			}
			s.files[file.Name] = file.ID
		}
		return empty, nil
	}
	return true, nil
}

func (s *seedStep) planned() Change {
	change := Change{What: "seed", Name: s.seed.name(), Result: Unchanged}
	if s.fill {
		change.Result = Created
		change.Fields = []string{fmt.Sprintf("%d from %s", s.seed.size(), s.seed.File)}
	}
	return change
}

// draft adds the changes that write the data. Documents with an id, keys, and files of a name that is there are written
// over. What files have is uploaded to where the deploy takes it from.
func (s *seedStep) draft(ctx context.Context, a *application, add func(change wire.DeployChange, explain func(error) error)) error {
	if !s.fill {
		return nil
	}
	of := func(what string) func(error) error {
		return func(err error) error {
			return fmt.Errorf("seed %s: %s of %s: %w", s.seed.name(), what, s.seed.File, err)
		}
	}
	change := func(operation, id string, body any) wire.DeployChange {
		made := request(operation, id, body)
		made.Collection = s.seed.Collection
		return *made
	}
	for _, entry := range s.seed.entries {
		add(change("set-kv", entry.Key, wire.KVSet{Value: entry.Value, ExpiresAt: entry.ExpiresAt}), of("the key "+entry.Key))
	}
	for i, document := range s.seed.documents {
		operation := "put-doc"
		if document.ID == "" {
			operation = "create-doc"
		}
		add(change(operation, document.ID, wire.DocumentWrite{Data: document.Data}), of(fmt.Sprintf("document %d", i+1)))
	}
	for _, name := range s.seed.names {
		id, err := s.upload(ctx, a, name)
		if err != nil {
			return of(name)(err)
		}
		kept := change("keep-file", s.files[name], nil)
		kept.Upload = id
		add(kept, of(name))
	}
	return nil
}

// upload sends a file to where a deploy takes it from.
func (s *seedStep) upload(ctx context.Context, a *application, name string) (id string, err error) {
	if a.dryRun {
		return sites.Awaited, nil
	}
	content, err := s.seed.root.Open(name)
	if err != nil {
		return "", err
	}
	defer content.Close()
	file, err := a.server.UploadFile(ctx, a.app, sites.Collection, name, contentType(name), content)
	if err == nil {
		a.files = append(a.files, file.ID)
	}
	return file.ID, err
}
