package vm

import (
	"cmp"
	"slices"
)

// Candidates are the script functions of one name. They differ in the number of parameters, or in
// the type that they are methods of.
type Candidates struct {
	list   []*Function // in the order of their definition
	sorted []*Function // by overload; nil while they are few
}

// fewCandidates is how many are found as fast one by one.
const fewCandidates = 8

// overload orders functions of one name.
func overload(f *Function, params int, thisType string) int {
	return cmp.Or(cmp.Compare(f.Params, params), cmp.Compare(f.ThisType, thisType))
}

func (c *Candidates) sort(count func(steps int)) {
	if len(c.list) > fewCandidates {
		c.sorted = slices.Clone(c.list)
		sortCounted(c.sorted, count, func(a, b *Function) int { return overload(a, b.Params, b.ThisType) })
	}
}

// sortCounted sorts, and reports its work to count now and then.
func sortCounted[T any](items []T, count func(steps int), compare func(a, b T) int) {
	const often = 256
	compared := 0
	slices.SortFunc(items, func(a, b T) int {
		if compared++; compared%often == 0 {
			count(often / 8) // about as long as a step each
		}
		return compare(a, b)
	})
}

// Find returns the function with a number of parameters, nil when there is none. thisType is "" or
// the type of a typed method.
func (c *Candidates) Find(params int, thisType string) *Function {
	if c == nil {
		return nil
	}
	if c.sorted != nil {
		at, ok := slices.BinarySearchFunc(c.sorted, thisType, func(f *Function, thisType string) int { return overload(f, params, thisType) })
		if !ok {
			return nil
		}
		return c.sorted[at]
	}
	for _, f := range c.list {
		if f.Params == params && f.ThisType == thisType {
			return f
		}
	}
	return nil
}
