package docs

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
)

// A term stands for "at this path of a document of this collection of this app is this value": 64
// bits of a hash. A document's terms are kept with it, and an index of the database finds the
// documents that have one. Two facts may share a term, so a term only narrows; [condition.match]
// decides.
//
// Scalars that maps lead to have terms, also through maps that are elements of arrays; null, which a
// missing value is equal to, arrays and what else is in them have none.

// termGeneration counts the ways in which terms were made; a change of it has [Service.Reindex] make
// them anew.
const termGeneration = 2

// maxTerms bounds the terms of a document. One with more facts has the one term that stands for
// "anything may be in here", which every query also looks for.
const maxTerms = 256

// terms makes the terms of one collection. It is used by one goroutine.
type terms struct {
	fact []byte // the collection, then what is being looked at
}

// collectionSize is how much of a fact names the collection.
const collectionSize = 16

func newTerms(appID, collection string) *terms {
	name := binary.AppendUvarint(nil, uint64(len(appID)))
	sum := sha256.Sum256(append(append(name, appID...), collection...))
	return &terms{fact: append(make([]byte, 0, 256), sum[:collectionSize]...)}
}

func (t *terms) sum() int64 {
	sum := sha256.Sum256(t.fact)
	return int64(binary.BigEndian.Uint64(sum[:]))
}

// crowded is the term of documents with too many facts.
func (t *terms) crowded() int64 {
	t.fact = append(t.fact[:collectionSize], '*')
	return t.sum()
}

// of is the term of a value at a path; ok is false if it has none.
func (t *terms) of(p path, value text) (term int64, ok bool) {
	t.fact = t.fact[:collectionSize]
	for _, s := range p {
		if s.index >= 0 {
			return 0, false // an array may be on the way
		}
		t.fact = append(t.fact, s.key...)
	}
	return t.here(value)
}

// here is the term of a value at the path in the fact, which it leaves as it is.
func (t *terms) here(value text) (term int64, ok bool) {
	before := len(t.fact)
	switch value.kind() {
	case kindBool:
		t.fact = append(t.fact, value[0])
	case kindNumber:
		if n := value.number(); n.whole {
			t.fact = binary.BigEndian.AppendUint64(append(t.fact, 'i'), uint64(n.integer))
		} else {
			t.fact = binary.BigEndian.AppendUint64(append(t.fact, 'd'), math.Float64bits(n.float))
		}
	case kindString:
		t.fact = append(append(t.fact, 's'), value...)
	case kindBlob:
		t.fact = append(append(t.fact, 'x'), value...)
	default:
		return 0, false
	}
	term = t.sum()
	t.fact = t.fact[:before]
	return term, true
}

// ofDocument are the terms of a document, each once.
func (t *terms) ofDocument(data text) []int64 {
	t.fact = t.fact[:collectionSize]
	list := t.collect(data, []int64{})
	if len(list) > maxTerms {
		return []int64{t.crowded()}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// collect appends the terms of a map, and stops when there are too many.
func (t *terms) collect(data text, list []int64) []int64 {
	before := len(t.fact)
	for key, value := range data.entries() {
		if len(list) > maxTerms {
			break
		}
		t.fact = append(t.fact, key...)
		switch value.kind() {
		case kindMap:
			list = t.collect(value, list)
		case kindArray:
			for _, element := range value.elements() {
				if element.kind() == kindMap {
					list = t.collect(element, list)
				}
			}
		default:
			if term, ok := t.here(value); ok {
				list = append(list, term)
			}
		}
		t.fact = t.fact[:before]
	}
	return list
}

// Bounds of what the index of a database is asked.
const (
	maxGroups     = 4
	maxGroupTerms = 1000
)

// narrow is what the index of terms can do for a filter.
func narrow(filter condition, t *terms) [][]int64 {
	groups := slices.DeleteFunc(filter.groups(t), func(group []int64) bool { return len(group) > maxGroupTerms })
	slices.SortStableFunc(groups, bySize)
	groups = groups[:min(len(groups), maxGroups)]
	for i, group := range groups {
		slices.Sort(group)
		groups[i] = append(slices.Compact(group), t.crowded())
	}
	return groups
}

func bySize(a, b []int64) int { return cmp.Compare(len(a), len(b)) }
