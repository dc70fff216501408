package manifest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/picloud/picloud/host/api/wire"
)

// An Index is one on a path of the documents of a collection that a deploy wants.
type Index struct{ Collection, Path string }

// indexEntry is an index as it is written:
//
//	collection: users
//	path: address.city
type indexEntry struct {
	Collection string `yaml:"collection"`
	Path       string `yaml:"path"`
}

// readIndexes checks the indexes of a manifest. What a path may be the server knows.
func readIndexes(entries []indexEntry) ([]Index, error) {
	var indexes []Index
	for i, entry := range entries {
		index := Index{entry.Collection, asKept(entry.Path)}
		var err error
		switch {
		case index.Collection == "":
			err = errors.New("collection is missing")
		case index.Path == "":
			err = errors.New("path is missing")
		case slices.Contains(indexes, index):
			err = fmt.Errorf("%s is named twice", index)
		}
		if err != nil {
			return nil, fmt.Errorf("indexes[%d]: %w", i, err)
		}
		indexes = append(indexes, index)
	}
	return indexes, nil
}

// asKept is a path as the server keeps it: with a $ that is not at the beginning of a key as it is.
func asKept(path string) string {
	var kept strings.Builder
	begins := true
	for i := 0; i < len(path); i++ {
		escaped := path[i] == '\\' && i+1 < len(path)
		switch {
		case escaped && path[i+1] == '$' && !begins:
			i++
		case escaped:
			kept.WriteByte(path[i])
			i++
		}
		kept.WriteByte(path[i])
		begins = path[i] == '.' && !escaped
	}
	return kept.String()
}

// String is how the index is called.
func (i Index) String() string { return i.Collection + " " + i.Path }

// indexOf is the index that is there.
func indexOf(present wire.Index) Index { return Index{present.Collection, present.Path} }

// indexStep declares an index or leaves it.
type indexStep struct {
	want Index
	id   string // "" when it is to be declared
}

// indexDeletion deletes an index.
type indexDeletion struct{ present wire.Index }

// planIndexes returns the steps that delete the indexes that are not wanted, and after them, since a collection
// may have only a few, those that declare what is.
func planIndexes(want App, indexes []wire.Index) []step {
	var steps []step
	there := map[Index]string{}
	for _, present := range indexes {
		there[indexOf(present)] = present.ID
		if want.Prune && !slices.Contains(want.Indexes, indexOf(present)) {
			steps = append(steps, &indexDeletion{present})
		}
	}
	for _, index := range want.Indexes {
		steps = append(steps, &indexStep{index, there[index]})
	}
	return steps
}

func (s *indexStep) planned() Change {
	change := Change{What: "index", Name: s.want.String(), Result: Unchanged, ID: s.id}
	if s.id == "" {
		change.Result = Created
	}
	return change
}

func (s *indexStep) change(context.Context, *application) (*wire.DeployChange, error) {
	if s.id != "" {
		return nil, nil
	}
	return request("create-index", "", wire.IndexCreate(s.want)), nil
}

func (s *indexStep) explain(err error) error { return fmt.Errorf("index %s: %w", s.want, err) }

func (s *indexDeletion) planned() Change {
	return Change{What: "index", Name: indexOf(s.present).String(), Result: Deleted, ID: s.present.ID}
}

func (s *indexDeletion) change(context.Context, *application) (*wire.DeployChange, error) {
	return request("delete-index", s.present.ID, nil), nil
}

func (s *indexDeletion) explain(err error) error {
	return fmt.Errorf("delete index %s: %w", indexOf(s.present), err)
}
