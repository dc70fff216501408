package docs

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/host/fault"
)

// Bounds of a filter and a sort.
const (
	maxFilterSize     = 64 << 10 // bytes as JSON
	maxFilterDepth    = 16       // filters within filters
	maxConditions     = 256      // operators in all
	maxFilterElements = 1000     // of $in and $nin
	maxPathSteps      = 32
	maxSortSize       = 4 << 10 // bytes as JSON
	maxSortPaths      = 8
)

// parseFilter reads a filter; absent, it is the empty one.
func parseFilter(raw msgp.Raw) (all, error) {
	if len(raw) == 0 || msgp.NextType(raw) == msgp.NilType {
		return nil, nil
	}
	filter, err := readMap("filter", raw, maxFilterSize)
	if err != nil {
		return nil, err
	}
	var p filterParser
	return p.filter("filter", filter, 0)
}

type filterParser struct {
	conditions int // so far
}

// filter reads a map of conditions. where names it in errors.
func (p *filterParser) filter(where string, filter text, depth int) (all, error) {
	if k := filter.kind(); k != kindMap {
		return nil, fault.Refuse(where, "must be a map, got %s", k)
	}
	if depth > maxFilterDepth {
		return nil, fault.Refuse(where, "filters are nested deeper than %d levels", maxFilterDepth)
	}
	var conditions all
	for key, value := range filter.entries() {
		name := string(key.unquoted())
		field := where + "." + name
		var part condition
		var err error
		switch {
		case name == "$and" || name == "$or":
			part, err = p.list(field, name, value, depth)
		case name == "$not":
			var inner all
			inner, err = p.filter(field, value, depth+1)
			part = not{inner}
		case slices.Contains(operators, name):
			err = fault.Refuse(field, "%s must stand in a map under a path", name)
		case strings.HasPrefix(name, "$") && !slices.Contains(envelopes, envelope(name[1:])):
			err = fault.Refuse(field, `unknown operator; here may be $and, $or, $not or a path (a key that begins with $ is written \%s)`, name)
		default:
			part, err = p.at(field, name, value, depth)
		}
		if err != nil {
			return nil, err
		}
		conditions = append(conditions, part)
	}
	return conditions, nil
}

// list reads the filters of $and and $or.
func (p *filterParser) list(where, operator string, value text, depth int) (condition, error) {
	if k := value.kind(); k != kindArray {
		return nil, fault.Refuse(where, "must be an array of filters, got %s", k)
	}
	var parts []condition
	for i, element := range value.elements() {
		part, err := p.filter(fmt.Sprintf("%s[%d]", where, i), element, depth+1)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return nil, fault.Refuse(where, "must have at least one filter")
	}
	if operator == "$and" {
		return all(parts), nil
	}
	return anyOf(parts), nil
}

// at reads what must hold for the value at a path.
func (p *filterParser) at(where, name string, value text, depth int) (condition, error) {
	to, err := parseReference(where, name)
	if err != nil {
		return nil, err
	}
	return p.holds(where, to, value, depth)
}

// operators stand in a map under a path.
var operators = []string{"$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists", "$contains", "$size", "$not"}

// holds reads a map of operators, or a plain value.
func (p *filterParser) holds(where string, to reference, value text, depth int) (condition, error) {
	if depth > maxFilterDepth {
		return nil, fault.Refuse(where, "filters are nested deeper than %d levels", maxFilterDepth)
	}
	if !hasOperators(value) {
		return p.compare(where, to, "$eq", value)
	}
	var conditions all
	for key, operand := range value.entries() {
		name := string(key.unquoted())
		field := where + "." + name
		var part condition
		var err error
		switch {
		case !strings.HasPrefix(name, "$"):
			err = fault.Refuse(field, "a key that is no operator stands beside operators; put a value to compare with under $eq")
		case !slices.Contains(operators, name):
			err = fault.Refuse(field, "unknown operator; known are %s", strings.Join(operators, " "))
		case name == "$not":
			part, err = p.holds(field, to, operand, depth+1)
			part = not{part}
		default:
			part, err = p.compare(field, to, name, operand)
		}
		if err != nil {
			return nil, err
		}
		conditions = append(conditions, part)
	}
	return conditions, nil
}

// hasOperators tells a map of operators from a plain value.
func hasOperators(value text) bool {
	if value.kind() == kindMap {
		for key := range value.entries() {
			if bytes.HasPrefix(key, []byte(`"$`)) {
				return true
			}
		}
	}
	return false
}

// compare reads the operand of an operator.
func (p *filterParser) compare(where string, to reference, operator string, operand text) (condition, error) {
	if p.conditions++; p.conditions > maxConditions {
		return nil, fault.Refuse(where, "a filter may have %d conditions", maxConditions)
	}
	c := &comparison{reference: to, operator: operator, operand: operand}
	switch k := operand.kind(); operator {
	case "$in", "$nin":
		if k != kindArray {
			return nil, fault.Refuse(where, "must be an array of values, got %s", k)
		}
		for _, element := range operand.elements() {
			c.elements = append(c.elements, element)
		}
		if len(c.elements) > maxFilterElements {
			return nil, fault.Refuse(where, "must have at most %d values, got %d", maxFilterElements, len(c.elements))
		}
	case "$size":
		if n := operand.number(); k != kindNumber || !n.whole || n.integer < 0 {
			return nil, fault.Refuse(where, "must be an integer of 0 or more, got %s", shown(operand))
		}
	case "$exists":
		if k != kindBool {
			return nil, fault.Refuse(where, "must be true or false, got %s", k)
		}
	case "$gt", "$gte", "$lt", "$lte":
		if _, ordered := compare(operand, operand); !ordered {
			return nil, fault.Refuse(where, "must be a number, a string, a bool or null, got %s", k)
		}
	}
	if to.envelope.isTime() {
		if err := c.readTimes(where); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// readTimes reads the operand as what a time of the envelope is compared with.
func (c *comparison) readTimes(where string) error {
	values := c.elements
	if c.operator != "$in" && c.operator != "$nin" {
		values = []text{c.operand}
	}
	for _, value := range values {
		at := moment(value)
		if at == nil && c.path == nil && value.kind() != kindNull && c.operator != "$exists" {
			return fault.Refuse(where, `must be a time (RFC 3339) or a day, as "2026-01-31T12:00:00Z" or "2026-01-31", got %s`, shown(value))
		}
		if at != nil {
			c.moments = append(c.moments, at)
		}
	}
	if len(c.moments) == 1 {
		c.moment = c.moments[0]
	}
	return nil
}
