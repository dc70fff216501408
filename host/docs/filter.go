package docs

import (
	"bytes"
	"slices"

	"github.com/picloud/picloud/host/store"
)

// The language of filters
//
// A filter is a map. Each entry is a condition, and a document matches if all hold; the empty
// filter matches every document.
//
//	path: value                 the value at the path is equal to value
//	path: {operator: operand}   all of the operators hold for the value at the path
//	$and: [filter, ...]         all filters match
//	$or:  [filter, ...]         at least one filter matches
//	$not: filter                the filter does not match
//
// A path is the keys that lead to a value, joined by dots: "address.city". On an array a key made
// of digits is an index from 0: "tags.0". Any other key on an array leads into all maps that are its
// elements, and a condition holds if it does for one of the values there: {"items.sku": "a"} finds
// documents with an item of that sku, {"items.sku": {"$ne": "a"}} those without one. A backslash makes
// a dot, a backslash or a leading dollar sign part of a key: `a\.b`.
//
// id, created_at, updated_at and version are of the document itself, unless its data has a key of that
// name; $id, $created_at, $updated_at and $version always are. Times are compared with texts of RFC
// 3339, or of a day: {"$created_at": {"$gte": "2026-01-31"}}.
//
//	$eq  v         equal to v
//	$ne  v         not equal to v
//	$gt $gte $lt $lte v   greater than v, ...: v is a number, a string, a bool or null
//	$in  [v, ...]  equal to one of the values
//	$nin [v, ...]  equal to none of them
//	$exists bool   there is, or is not, a value at the path; null is one
//	$contains v    an array with an element equal to v, or a string with the string v in it
//	$size n        an array of n elements
//	$not  c        the operators in c do not all hold; or, with a plain value, not equal to it
//
// Values are compared by type. Numbers are equal by their exact values, whether integer or float;
// strings by their characters; arrays element by element; maps by their entries in whatever order;
// a blob is a value like a string and not a map. Values of different types are never equal, and
// neither is before the other. Strings are ordered by code point and false is before true. Only
// arrays, maps and blobs have no order. A missing value is equal to null, so that {"a": null}
// matches documents without an a; $exists tells the two apart.

// condition is a part of a filter.
type condition interface {
	match(doc *store.Document) bool
	// groups narrow the documents: one that matches has a term of each group.
	groups(t *terms) [][]int64
}

// all holds if each of its conditions does, each before the next.
type all []condition

func (c all) match(doc *store.Document) bool {
	for _, part := range c {
		if !part.match(doc) {
			return false
		}
	}
	return true
}

func (c all) groups(t *terms) (groups [][]int64) {
	for _, part := range c {
		groups = append(groups, part.groups(t)...)
	}
	return groups
}

// any holds if one of its conditions does.
type anyOf []condition

func (c anyOf) match(doc *store.Document) bool {
	for _, part := range c {
		if part.match(doc) {
			return true
		}
	}
	return false
}

func (c anyOf) groups(t *terms) [][]int64 {
	var union []int64
	for _, part := range c {
		groups := part.groups(t)
		if len(groups) == 0 {
			return nil
		}
		union = append(union, slices.MinFunc(groups, bySize)...)
	}
	return [][]int64{union}
}

// not holds if its condition does not.
type not struct{ condition }

func (c not) match(doc *store.Document) bool { return !c.condition.match(doc) }

func (c not) groups(*terms) [][]int64 { return nil }

// comparison holds if one of the values that are referred to is in a relation to an operand. $ne, $nin
// and $exists: false hold if none is in the opposite relation.
type comparison struct {
	reference
	operator string
	operand  text
	elements []text // of $in and $nin

	moment  text   // the operand as a time, for one of the envelope
	moments []text // the elements
}

var null = text("null")

// opposites are the operators that hold if another does not.
var opposites = map[string]string{"$ne": "$eq", "$nin": "$in"}

func (c *comparison) match(doc *store.Document) bool {
	operator, opposite := c.operator, false
	switch {
	case opposites[operator] != "":
		operator, opposite = opposites[operator], true
	case operator == "$exists":
		opposite = c.operand[0] == 'f'
	}
	none := c.each(doc, func(value text, ofEnvelope bool) bool { return !c.holds(operator, value, ofEnvelope) })
	return none == opposite
}

// holds reports whether a value is in a relation to the operand.
func (c *comparison) holds(operator string, value text, ofEnvelope bool) bool {
	if operator == "$exists" {
		return len(value) > 0
	}
	operand, elements := c.operand, c.elements
	if ofEnvelope && c.envelope.isTime() {
		operand, elements = c.moment, c.moments
	}
	if len(value) == 0 {
		value = null
	}
	switch operator {
	case "$eq":
		return equal(value, operand)
	case "$in":
		return slices.ContainsFunc(elements, func(v text) bool { return equal(v, value) })
	case "$contains":
		return contains(value, operand)
	case "$size":
		return value.kind() == kindArray && value.len() == operand.number().integer
	}
	result, ordered := compare(value, operand)
	switch operator {
	case "$gt":
		return ordered && result > 0
	case "$gte":
		return ordered && result >= 0
	case "$lt":
		return ordered && result < 0
	default: // $lte
		return ordered && result <= 0
	}
}

// len is the number of elements of an array.
func (t text) len() (n int64) {
	for range t.elements() {
		n++
	}
	return n
}

func contains(value, operand text) bool {
	switch value.kind() {
	case kindArray:
		for _, element := range value.elements() {
			if equal(element, operand) {
				return true
			}
		}
	case kindString:
		return operand.kind() == kindString && bytes.Contains(value.unquoted(), operand.unquoted())
	}
	return false
}

func (c *comparison) groups(t *terms) [][]int64 {
	values := c.elements
	switch c.operator {
	case "$eq":
		values = []text{c.operand}
	case "$in":
	default:
		return nil
	}
	group := []int64{}
	if c.envelope != "" {
		return nil // which has no terms
	}
	for _, value := range values {
		term, ok := t.of(c.path, value)
		if !ok {
			return nil
		}
		group = append(group, term)
	}
	return [][]int64{group}
}
