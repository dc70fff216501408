package lib

import (
	"math"
	"math/bits"
	"slices"

	"github.com/picloud/picloud/plugins/rhai/vm"
)

// Sorting in the order that values have by themselves. Each value has a key: what is less has not
// the greater key. For numbers, characters and truth values it is all there is to compare; of a text
// it is the first eight bytes.

func arraySort(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return vm.Unit, sortNaturally(t, args[0].AsArray().Items, 0)
}

func arraySortDesc(t *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
	return vm.Unit, sortNaturally(t, args[0].AsArray().Items, descending)
}

// descending is what all keys, compared, are changed by to be in descending order: all bits.
const descending = math.MaxUint64

// pollEvery is how many items are compared between two looks at the interrupt word.
const pollEvery = 1024

// sortNaturally sorts items, and is stable. It takes linear time where they are in order, or in the
// opposite one. flip is 0 or descending.
func sortNaturally(t *vm.Thread, items []vm.Value, flip uint64) *vm.Error {
	if len(items) <= 1 {
		return nil
	}
	kind, err := commonKind(t, items)
	if err != nil || kind == vm.KindUnit {
		return err
	}
	if err := t.Charge(int64(len(items)) * int64(bits.Len(uint(len(items)))) / 8); err != nil {
		return err
	}
	switch kind {
	case vm.KindInt, vm.KindFloat, vm.KindChar:
		if done, err := sortKeys(t, items, kind, flip); done || err != nil {
			return err
		}
	}
	if kind == vm.KindFloat && slices.ContainsFunc(items, func(v vm.Value) bool { return v.AsFloat() != v.AsFloat() }) {
		return sortUnordered(t, items, flip)
	}
	s := entries{t: t, flip: flip, texts: kind == vm.KindString}
	return s.sort(items, kind)
}

// commonKind returns the kind of items, of which all must be, and which must have an order.
func commonKind(t *vm.Thread, items []vm.Value) (vm.Kind, *vm.Error) {
	if err := chargeItems(t, len(items)); err != nil {
		return 0, err
	}
	kind := items[0].Kind()
	for i, item := range items {
		if i%pollEvery == 0 {
			if err := t.Poll(); err != nil {
				return 0, err
			}
		}
		if item.Kind() != kind || kind == vm.KindIterator && item.AsIterator().Type != items[0].AsIterator().Type {
			return 0, vm.FunctionNotFoundError("elements of different types cannot be sorted")
		}
	}
	switch kind {
	case vm.KindInt, vm.KindChar, vm.KindFloat, vm.KindString, vm.KindBool, vm.KindUnit:
		return kind, nil
	}
	return 0, vm.FunctionNotFoundError("elements of " + nativeTypeName(items[0]) + " cannot be sorted")
}

const signBit = 1 << 63

// sortKey returns the key of a value, of the given kind, in ascending order.
func sortKey(v vm.Value, kind vm.Kind) uint64 {
	switch kind {
	case vm.KindInt:
		return uint64(v.AsInt()) ^ signBit // flipped, negative ones come first
	case vm.KindFloat:
		key := math.Float64bits(v.AsFloat() + 0) // which makes -0.0 the same as 0.0
		if key&signBit != 0 {
			return ^key
		}
		return key | signBit
	case vm.KindChar:
		return uint64(v.AsChar())
	case vm.KindBool:
		if v.AsBool() {
			return 1
		}
		return 0
	}
	return vm.TextKey(v.AsString())
}

// ofSortKey returns the value, without a tag, that has a key.
func ofSortKey(key uint64, kind vm.Kind) vm.Value {
	switch {
	case kind == vm.KindInt:
		return vm.Int(int64(key ^ signBit))
	case kind == vm.KindChar:
		return vm.Char(rune(key))
	case key&signBit != 0:
		return vm.Float(math.Float64frombits(key ^ signBit))
	}
	return vm.Float(math.Float64frombits(^key))
}

// isPlain reports whether nothing tells a value from others that have its key: it has no tag, and is
// neither -0.0 nor not a number.
func isPlain(v vm.Value, kind vm.Kind) bool {
	if !v.IsPlain(kind) {
		return false
	}
	f := v.AsFloat()
	return kind != vm.KindFloat || f == f && (f != 0 || math.Float64bits(f) == 0)
}

// sortKeys sorts items of which all are plain, by their keys alone.
func sortKeys(t *vm.Thread, items []vm.Value, kind vm.Kind, flip uint64) (bool, *vm.Error) {
	least, most := uint64(math.MaxUint64), uint64(0)
	before, ascends, descends := sortKey(items[0], kind)^flip, true, true
	for i, item := range items {
		if i%pollEvery == 0 {
			if err := t.Poll(); err != nil {
				return false, err
			}
		}
		if !isPlain(item, kind) {
			return false, nil
		}
		key := sortKey(item, kind) ^ flip
		ascends, descends = ascends && before <= key, descends && before >= key
		least, most = min(least, key), max(most, key)
		before = key
	}
	switch {
	case ascends:
		return true, nil
	case descends:
		slices.Reverse(items)
		return true, nil
	case most-least < 2*uint64(len(items)):
		return true, sortCounted(t, items, kind, flip, least, int(most-least)+1)
	}
	keys := make([]uint64, len(items))
	for i, item := range items {
		keys[i] = sortKey(item, kind) ^ flip - least
	}
	if len(keys) < fewKeys {
		slices.Sort(keys)
	} else {
		var err *vm.Error
		if keys, err = sortBytes(t, keys, make([]uint64, len(keys)), (bits.Len64(most-least)+7)/8); err != nil {
			return false, err
		}
	}
	for i, key := range keys {
		items[i] = ofSortKey((key+least)^flip, kind)
	}
	return true, nil
}

// fewKeys are sorted faster by comparing them.
const fewKeys = 256

// sortCounted sorts items of n different keys, from least on, by counting each.
func sortCounted(t *vm.Thread, items []vm.Value, kind vm.Kind, flip, least uint64, n int) *vm.Error {
	counts := make([]uint32, n)
	for _, item := range items {
		counts[sortKey(item, kind)^flip-least]++
	}
	if err := t.Poll(); err != nil {
		return err
	}
	to := items
	for i, n := range counts {
		if n == 0 {
			continue
		}
		value := ofSortKey((uint64(i)+least)^flip, kind)
		for range n {
			to[0] = value
			to = to[1:]
		}
	}
	return nil
}

// sortBytes sorts keys by their bytes, from the lowest to the highest of so many. A byte that is the
// same in all of them takes no round. room is as long as keys; it returns the one of the two that has
// the sorted keys.
func sortBytes(t *vm.Thread, keys, room []uint64, bytes int) ([]uint64, *vm.Error) {
	for b := range bytes {
		var places [256]uint32
		for _, key := range keys {
			places[uint8(key>>(8*b))]++
		}
		if places[uint8(keys[0]>>(8*b))] == uint32(len(keys)) {
			continue
		}
		place := uint32(0)
		for i, n := range places {
			places[i] = place
			place += n
		}
		for _, key := range keys {
			to := &places[uint8(key>>(8*b))]
			room[*to] = key
			*to++
		}
		keys, room = room, keys
		if err := t.Poll(); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// An entry is an item to be sorted with its key.
type entry struct {
	key  uint64
	item vm.Value
}

// entries are items being sorted by merging what is in order already.
type entries struct {
	t        *vm.Thread
	all      []entry
	room     []entry
	texts    bool // ones with equal keys are compared as texts
	flip     uint64
	compared int
	err      *vm.Error
}

// sortRun is a part of entries that is in order, and how deep its border to the next one lies.
type sortRun struct{ start, end, depth int }

// fewEntries are put in order by insertion, where they are not yet.
const fewEntries = 16

// sort sorts items by what they have of order: it merges runs, in the order that J. Ian Munro and
// Sebastian Wild found ("Nearly-Optimal Mergesorts", 2018), which takes few comparisons if there are
// few of them.
func (s *entries) sort(items []vm.Value, kind vm.Kind) *vm.Error {
	s.all = make([]entry, len(items))
	for i, item := range items {
		if i%pollEvery == 0 {
			if err := s.t.Poll(); err != nil {
				return err
			}
		}
		s.all[i] = entry{sortKey(item, kind) ^ s.flip, item}
	}
	var runs [64]sortRun // the depths rise from each to the next, and are below 64
	n := 0
	for start := 0; start < len(s.all); {
		next := sortRun{start: start, end: s.nextRun(start)}
		start = next.end
		if n > 0 {
			last := &runs[n-1]
			depth := borderDepth(last.start, last.end, next.end, len(s.all))
			for n > 1 && runs[n-2].depth > depth {
				s.merge(runs[n-2].start, runs[n-1].start, runs[n-1].end)
				runs[n-2].end = runs[n-1].end
				n--
			}
			runs[n-1].depth = depth
		}
		runs[n] = next
		n++
		if s.err != nil {
			return s.err
		}
	}
	for ; n > 1 && s.err == nil; n-- {
		s.merge(runs[n-2].start, runs[n-1].start, runs[n-1].end)
		runs[n-2].end = runs[n-1].end
	}
	if s.err != nil {
		return s.err
	}
	for i := range s.all {
		items[i] = s.all[i].item
	}
	return nil
}

// borderDepth returns how often all of size n must be halved until the middles of two runs are in
// different halves: from start to border, and from there to end.
func borderDepth(start, border, end, n int) int {
	a, b := uint64(start+border)<<30/uint64(n), uint64(border+end)<<30/uint64(n)
	return bits.LeadingZeros64(a ^ b)
}

// less reports whether a comes before b.
func (s *entries) less(a, b *entry) bool {
	if s.compared++; s.compared%pollEvery == 0 && s.err == nil {
		s.err = s.t.Poll()
	}
	if a.key != b.key {
		return a.key < b.key
	}
	return s.texts && s.lessText(a.item.AsString(), b.item.AsString())
}

func (s *entries) lessText(a, b string) bool {
	if s.err == nil {
		s.err = s.t.ChargeCompared(len(a), len(b))
	}
	if s.err != nil {
		return false
	}
	if s.flip != 0 {
		a, b = b, a
	}
	return vm.CompareText(a, b) < 0
}

// nextRun returns where the run ends that begins at start, having made it one of some length.
func (s *entries) nextRun(start int) (end int) {
	all := s.all[start:]
	if len(all) == 1 {
		return start + 1
	}
	n := 2
	if s.less(&all[1], &all[0]) {
		for n < len(all) && s.less(&all[n], &all[n-1]) {
			n++
		}
		slices.Reverse(all[:n]) // no two of which are equal
	} else {
		for n < len(all) && !s.less(&all[n], &all[n-1]) {
			n++
		}
	}
	for ; n < min(fewEntries, len(all)); n++ {
		e, at := all[n], n
		for ; at > 0 && s.less(&e, &all[at-1]); at-- {
			all[at] = all[at-1]
		}
		all[at] = e
	}
	return start + n
}

// merge makes one run of two, from start to middle and from there to end.
func (s *entries) merge(start, middle, end int) {
	if s.err != nil || !s.less(&s.all[middle], &s.all[middle-1]) {
		return
	}
	if s.room == nil {
		s.room = make([]entry, len(s.all))
	}
	left, right, to := s.room[:middle-start], s.all[middle:end], s.all[start:end]
	copy(left, s.all[start:middle])
	for len(left) > 0 && len(right) > 0 {
		if s.less(&right[0], &left[0]) {
			to[0] = right[0]
			right = right[1:]
		} else {
			to[0] = left[0]
			left = left[1:]
		}
		to = to[1:]
	}
	copy(to, left)
}

// sortUnordered sorts floating-point numbers of which some are none, and are equal to each: the order
// that comes of it depends on what is compared with what.
func sortUnordered(t *vm.Thread, items []vm.Value, flip uint64) *vm.Error {
	compared := 0
	return mergeSort(t, items, func(a, b vm.Value) (bool, *vm.Error) {
		if compared++; compared%pollEvery == 0 {
			if err := t.Poll(); err != nil {
				return false, err
			}
		}
		if flip != 0 {
			a, b = b, a
		}
		return a.AsFloat() < b.AsFloat(), nil
	})
}
