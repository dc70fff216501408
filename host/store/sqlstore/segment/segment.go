// Package segment is how executions that were recorded together are kept: a column at a time, compressed.
//
// A segment has two parts, the body with what listings show and the rest with log lines and traces. Each is a frame of
// zstd, with its checksum, around a number of the format, the number of executions and the columns, in the order of the
// tables numbers, words and ids. Whole numbers are varints of the difference to the one before; a text that may come often is a
// place among those of its column; an id that is a UUID is the difference of its first six bytes, where version 7 has its time, and
// the ten others.
package segment

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/klauspost/compress/zstd"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/store"
)

// Row is an execution with its place in the order of recording.
type Row struct {
	Position int64
	store.Execution
}

// format is the first byte of each part.
const format = 1

// maxBytes is how much a part may be that is read.
const maxBytes = 1 << 30

// ErrDamaged is what [Decode] and [DecodeRest] find in bytes that [Encode] has not made.
var ErrDamaged = errors.New("a segment of executions is damaged")

// The columns of the body. A row is read and written by the same tables.
var (
	numbers = [...]struct {
		get func(*Row) int64
		set func(*Row, int64)
	}{
		numberPosition:  {func(r *Row) int64 { return r.Position }, func(r *Row, v int64) { r.Position = v }},
		numberStarted:   {func(r *Row) int64 { return r.StartedAt.UnixMicro() }, func(r *Row, v int64) { r.StartedAt = time.UnixMicro(v).UTC() }},
		numberVersion:   {func(r *Row) int64 { return r.ScriptVersion }, func(r *Row, v int64) { r.ScriptVersion = v }},
		numberStatus:    {func(r *Row) int64 { return int64(r.Status) }, func(r *Row, v int64) { r.Status = int(v) }},
		numberBytes:     {func(r *Row) int64 { return r.ResponseBytes }, func(r *Row, v int64) { r.ResponseBytes = v }},
		numberLine:      {func(r *Row) int64 { return int64(r.ErrorLine) }, func(r *Row, v int64) { r.ErrorLine = int(v) }},
		numberColumn:    {func(r *Row) int64 { return int64(r.ErrorColumn) }, func(r *Row, v int64) { r.ErrorColumn = int(v) }},
		numberDuration:  {func(r *Row) int64 { return r.Duration.Microseconds() }, func(r *Row, v int64) { r.Duration = time.Duration(v) * time.Microsecond }},
		numberOperation: {func(r *Row) int64 { return r.Operations }, func(r *Row, v int64) { r.Operations = v }},
	}
	words = [...]struct {
		get func(*Row) string
		set func(*Row, string)
	}{
		wordApp:     {func(r *Row) string { return r.AppID }, func(r *Row, s string) { r.AppID = s }},
		wordScript:  {func(r *Row) string { return r.ScriptID }, func(r *Row, s string) { r.ScriptID = s }},
		wordOutcome: {func(r *Row) string { return string(r.Outcome) }, func(r *Row, s string) { r.Outcome = abi.ErrorCode(s) }},
		wordType:    {func(r *Row) string { return string(r.InvocationType) }, func(r *Row, s string) { r.InvocationType = abi.InvocationType(s) }},
		wordMethod:  {func(r *Row) string { return r.Method }, func(r *Row, s string) { r.Method = s }},
		wordPath:    {func(r *Row) string { return r.Path }, func(r *Row, s string) { r.Path = s }},
		wordRoute:   {func(r *Row) string { return r.Route }, func(r *Row, s string) { r.Route = s }},
		wordError:   {func(r *Row) string { return r.ErrorMessage }, func(r *Row, s string) { r.ErrorMessage = s }},
	}
	ids = [...]struct {
		get func(*Row) string
		set func(*Row, string)
	}{
		idOwn:     {func(r *Row) string { return r.ID }, func(r *Row, s string) { r.ID = s }},
		idRequest: {func(r *Row) string { return r.RequestID }, func(r *Row, s string) { r.RequestID = s }},
		idEvent:   {func(r *Row) string { return r.EventID }, func(r *Row, s string) { r.EventID = s }},
		idParent:  {func(r *Row) string { return r.ParentID }, func(r *Row, s string) { r.ParentID = s }},
		idRoot:    {func(r *Row) string { return r.RootID }, func(r *Row, s string) { r.RootID = s }},
	}
)

// The places of the columns in their tables, which are those in the bytes.
const (
	numberPosition = iota
	numberStarted
	numberVersion
	numberStatus
	numberBytes
	numberLine
	numberColumn
	numberDuration
	numberOperation
)

const (
	wordApp = iota
	wordScript
	wordOutcome
	wordType
	wordMethod
	wordPath
	wordRoute
	wordError
)

const (
	idOwn = iota
	idRequest
	idEvent
	idParent
	idRoot
)

// Encode makes the two parts of rows, which are in the order of their positions. The rest is nil if none has lines or a trace.
func Encode(rows []Row) (body, rest []byte) {
	return compress(encodeBody(rows)), compress(encodeRest(rows))
}

func encodeBody(rows []Row) []byte {
	w := begin(len(rows), 64*len(rows))
	for _, column := range numbers {
		before := int64(0)
		for i := range rows {
			v := column.get(&rows[i])
			w.difference(v, before)
			before = v
		}
	}
	for _, column := range words {
		w.words(len(rows), func(i int) string { return column.get(&rows[i]) })
	}
	for _, column := range ids {
		w.ids(len(rows), func(i int) string { return column.get(&rows[i]) })
	}
	return w.b
}

// encodeRest returns nil if there is nothing.
func encodeRest(rows []Row) []byte {
	lines, traced, bytes := 0, false, 0
	for i := range rows {
		lines += len(rows[i].Lines)
		traced = traced || rows[i].Trace != nil
		bytes += store.LogBytes(rows[i].Lines)
	}
	if lines == 0 && !traced {
		return nil
	}
	w := begin(len(rows), bytes+8*lines+2*len(rows)+64)
	all := make([]*store.LogLine, 0, lines)
	for i := range rows {
		w.number(len(rows[i].Lines))
		for j := range rows[i].Lines {
			all = append(all, &rows[i].Lines[j])
		}
	}
	before := int64(0)
	for _, line := range all {
		at := line.At.UnixMicro()
		w.difference(at, before)
		before = at
	}
	w.words(len(all), func(i int) string { return string(all[i].Level) })
	for _, line := range all {
		w.text(line.Message)
	}
	for _, line := range all {
		w.text(string(line.Data))
	}
	for i := range rows {
		trace := ""
		if t := rows[i].Trace; t != nil {
			encoded, err := json.Marshal(t)
			if err != nil {
				panic(err) // numbers and texts always encode
			}
			trace = string(encoded)
		}
		w.text(trace)
	}
	return w.b
}

// A Segment is a body that was read. Its rows are made of it one by one, as they are wanted.
type Segment struct {
	count   int
	numbers [len(numbers)][]int64
	words   [len(words)]wordColumn
	ids     [len(ids)]idColumn
}

// Decode reads a body.
func Decode(body []byte) (*Segment, error) {
	r, n, err := open(body)
	if err != nil {
		return nil, err
	}
	s := &Segment{count: n}
	for c := range s.numbers {
		s.numbers[c] = r.numbers(n)
	}
	for c := range s.words {
		s.words[c] = r.words(n)
	}
	for c := range s.ids {
		s.ids[c] = r.ids(n)
	}
	if r.failed || r.s != "" {
		return nil, ErrDamaged
	}
	return s, nil
}

// Len is the number of rows, which are in the order of their positions.
func (s *Segment) Len() int { return s.count }

// Position is that of a row.
func (s *Segment) Position(i int) int64 { return s.numbers[numberPosition][i] }

// StartedAt is that of a row.
func (s *Segment) StartedAt(i int) time.Time {
	return time.UnixMicro(s.numbers[numberStarted][i]).UTC()
}

// App is the id of the app of a row.
func (s *Segment) App(i int) string { return s.words[wordApp].at(i) }

// Script is the id of the script of a row.
func (s *Segment) Script(i int) string { return s.words[wordScript].at(i) }

// Failed reports whether a row is of an execution that failed.
func (s *Segment) Failed(i int) bool { return s.words[wordOutcome].at(i) != "" }

// ID is that of the execution of a row.
func (s *Segment) ID(i int) string { return s.ids[idOwn].at(i) }

// Root is the id of the execution for which that of a row acted.
func (s *Segment) Root(i int) string { return s.ids[idRoot].at(i) }

// Row makes a row, without what is in the rest.
func (s *Segment) Row(i int) (r Row) {
	for c := range numbers {
		numbers[c].set(&r, s.numbers[c][i])
	}
	for c := range words {
		words[c].set(&r, s.words[c].at(i))
	}
	for c := range ids {
		ids[c].set(&r, s.ids[c].at(i))
	}
	return r
}

// Rest is the second part of a segment that was read.
type Rest struct {
	firsts []int // line of each row, and the number of all
	at     []int64
	levels wordColumn
	texts  []string // messages, then data
	traces []string
}

// DecodeRest reads what [Encode] made of so many rows; of nothing it makes a rest in which there is none.
func DecodeRest(rest []byte, rows int) (*Rest, error) {
	if len(rest) == 0 {
		return &Rest{firsts: make([]int, rows+1), traces: make([]string, rows)}, nil
	}
	r, n, err := open(rest)
	if err != nil {
		return nil, err
	}
	if n != rows {
		return nil, ErrDamaged
	}
	d := &Rest{firsts: make([]int, 1, n+1)}
	for range n {
		d.firsts = append(d.firsts, d.firsts[len(d.firsts)-1]+r.number())
	}
	lines := d.firsts[n]
	if r.failed || lines > len(r.s) {
		return nil, ErrDamaged
	}
	d.at = r.numbers(lines)
	d.levels = r.words(lines)
	d.texts = r.texts(2 * lines)
	d.traces = r.texts(n)
	if r.failed || r.s != "" {
		return nil, ErrDamaged
	}
	return d, nil
}

// Lines gives a row its lines.
func (d *Rest) Lines(i int, r *Row) {
	r.Lines = make([]store.LogLine, d.firsts[i+1]-d.firsts[i])
	for seq := range r.Lines {
		r.Lines[seq] = d.line(d.firsts[i]+seq, seq, r)
	}
}

// Trace gives a row its trace, if it has one.
func (d *Rest) Trace(i int, r *Row) error {
	if d.traces[i] == "" {
		return nil
	}
	r.Trace = new(store.Trace)
	if err := json.Unmarshal([]byte(d.traces[i]), r.Trace); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return nil
}

func (d *Rest) line(n, seq int, of *Row) store.LogLine {
	line := store.LogLine{
		ExecutionID: of.ID, ScriptVersion: of.ScriptVersion, Seq: seq,
		At: time.UnixMicro(d.at[n]).UTC(), Level: abi.LogLevel(d.levels.at(n)), Message: d.texts[n],
	}
	if data := d.texts[len(d.at)+n]; data != "" {
		line.Data = json.RawMessage(data)
	}
	return line
}

// Has reports whether the message or the data of a line of a row is such a text.
func (d *Rest) Has(i int, such func(text string) bool) bool {
	for n := d.firsts[i]; n < d.firsts[i+1]; n++ {
		if such(d.texts[n]) || such(d.texts[len(d.at)+n]) {
			return true
		}
	}
	return false
}

// HasLevel reports whether a line of a row is of such a level.
func (d *Rest) HasLevel(i int, such func(level abi.LogLevel) bool) bool {
	for n := d.firsts[i]; n < d.firsts[i+1]; n++ {
		if such(abi.LogLevel(d.levels.at(n))) {
			return true
		}
	}
	return false
}

// Bytes is [store.LogBytes] of the lines of a row.
func (d *Rest) Bytes(i int) (bytes int) {
	for n := d.firsts[i]; n < d.firsts[i+1]; n++ {
		bytes += len(d.texts[n]) + len(d.texts[len(d.at)+n])
	}
	return bytes
}

// writer makes a part.
type writer struct{ b []byte }

func begin(rows, size int) *writer {
	w := &writer{b: make([]byte, 0, size+64)}
	w.b = append(w.b, format)
	w.number(rows)
	return w
}

func (w *writer) number(n int) { w.b = binary.AppendUvarint(w.b, uint64(n)) }

func (w *writer) difference(v, before int64) { w.b = binary.AppendVarint(w.b, v-before) }

func (w *writer) text(s string) {
	w.number(len(s))
	w.b = append(w.b, s...)
}

// words writes the different texts of a column, and the place of each row's among them.
func (w *writer) words(n int, get func(int) string) {
	if n == 0 {
		return
	}
	var (
		known  = map[string]uint32{}
		texts  []string
		of     = make([]uint32, n)
		before uint32
	)
	for i := range of {
		s := get(i)
		if len(texts) > 0 && texts[before] == s { // most often
			of[i] = before
			continue
		}
		place, found := known[s]
		if !found {
			place = uint32(len(texts))
			known[s] = place
			texts = append(texts, s)
		}
		of[i], before = place, place
	}
	w.number(len(texts))
	for _, s := range texts {
		w.text(s)
	}
	if len(texts) == 1 {
		return
	}
	for _, place := range of {
		w.number(int(place))
	}
}

// The kinds of ids.
const (
	idNone byte = iota
	idUUID
	idText
)

// ids writes the kinds of a column's ids, then the ids: the time of each UUID and any text, and what else UUIDs have.
func (w *writer) ids(n int, get func(int) string) {
	kinds := len(w.b)
	w.b = append(w.b, make([]byte, n)...)
	var (
		tails  []byte
		before int64
	)
	for i := range n {
		s := get(i)
		if s == "" {
			continue
		}
		id, ok := parse(s)
		if !ok {
			w.b[kinds+i] = idText
			w.text(s)
			continue
		}
		w.b[kinds+i] = idUUID
		at := head(id)
		w.difference(at, before)
		before = at
		if tails == nil {
			tails = make([]byte, 0, 10*n)
		}
		tails = append(tails, id[6:]...)
	}
	w.b = append(w.b, tails...)
}

// head is the first six bytes.
func head(id uuid.UUID) int64 { return int64(binary.BigEndian.Uint64(id[:8]) >> 16) }

// hexPairs are where the bytes of a UUID are in its text.
var hexPairs = [16]int{0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34}

// digits are the values of lower-case hexadecimal digits, 255 of everything else.
var digits = func() (d [256]byte) {
	for c := range d {
		d[c] = 255
		if i := strings.IndexByte("0123456789abcdef", byte(c)); i >= 0 {
			d[c] = byte(i)
		}
	}
	return d
}()

// parse reads a UUID that is written as [uuid.UUID.String] does; no other text is one.
func parse(s string) (id uuid.UUID, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return id, false
	}
	for i, at := range hexPairs {
		high, low := digits[s[at]], digits[s[at+1]]
		if high|low > 15 {
			return id, false
		}
		id[i] = high<<4 | low
	}
	return id, true
}

// reader reads a part. What it reads beyond the end is nothing, and marks it as failed.
type reader struct {
	s      string // what is left
	failed bool
}

// open returns a reader behind the number of rows.
func open(part []byte) (r *reader, rows int, err error) {
	raw, err := decompress(part)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	r = &reader{s: string(raw)}
	if r.s == "" || r.s[0] != format {
		return nil, 0, ErrDamaged
	}
	r.s = r.s[1:]
	rows = r.number()
	if r.failed || rows > len(r.s) { // each has more than a byte
		return nil, 0, ErrDamaged
	}
	return r, rows, nil
}

// uvarint is [binary.Uvarint] of a string.
func (r *reader) uvarint() (v uint64) {
	for i, shift := 0, 0; i < len(r.s) && shift < 64; i, shift = i+1, shift+7 {
		c := r.s[i]
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			r.s = r.s[i+1:]
			return v
		}
	}
	r.s, r.failed = "", true
	return 0
}

// number reads a number of things that are in memory.
func (r *reader) number() int {
	v := r.uvarint()
	if v > maxBytes {
		r.failed = true
		return 0
	}
	return int(v)
}

// difference reads a varint.
func (r *reader) difference() int64 {
	v := r.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

func (r *reader) take(n int) string {
	if n > len(r.s) {
		r.s, r.failed = "", true
		return ""
	}
	s := r.s[:n]
	r.s = r.s[n:]
	return s
}

func (r *reader) numbers(n int) []int64 {
	list := make([]int64, n)
	v := int64(0)
	for i := range list {
		v += r.difference()
		list[i] = v
	}
	return list
}

func (r *reader) texts(n int) []string {
	if n > len(r.s) { // each has a byte at least
		r.failed = true
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = r.take(r.number())
	}
	return list
}

// wordColumn is a column of texts that may come often.
type wordColumn struct {
	texts []string
	of    []uint32 // nil: all are the first
}

func (c *wordColumn) at(i int) string {
	if c.of == nil {
		return c.texts[0]
	}
	return c.texts[c.of[i]]
}

func (r *reader) words(n int) (c wordColumn) {
	if n == 0 {
		return c
	}
	c.texts = r.texts(r.number())
	switch len(c.texts) {
	case 0:
		r.failed = true
		return c
	case 1:
		return c
	}
	c.of = make([]uint32, n)
	for i := range c.of {
		place := r.number()
		if place >= len(c.texts) {
			r.failed = true
			return c
		}
		c.of[i] = uint32(place)
	}
	return c
}

// idColumn is a column of ids.
type idColumn struct {
	kinds string
	heads []int64  // of UUIDs, by row; nil if there are none
	tails string   // ten bytes of each UUID
	tail  []int32  // where in tails that of a row is
	texts []string // of other ids, by row; nil if there are none
}

func (r *reader) ids(n int) (c idColumn) {
	c.kinds = r.take(n)
	var (
		head int64
		size int32
	)
	for i := range len(c.kinds) {
		switch c.kinds[i] {
		case idNone:
		case idUUID:
			if c.heads == nil {
				c.heads, c.tail = make([]int64, n), make([]int32, n)
			}
			head += r.difference()
			c.heads[i], c.tail[i] = head, size
			size += 10
		case idText:
			if c.texts == nil {
				c.texts = make([]string, n)
			}
			c.texts[i] = r.take(r.number())
		default:
			r.failed = true
		}
	}
	c.tails = r.take(int(size))
	return c
}

func (c *idColumn) uuid(i int) (id uuid.UUID) {
	var high [8]byte
	binary.BigEndian.PutUint64(high[:], uint64(c.heads[i])<<16)
	copy(id[:6], high[:6])
	copy(id[6:], c.tails[c.tail[i]:])
	return id
}

func (c *idColumn) at(i int) string {
	switch c.kinds[i] {
	case idUUID:
		return c.uuid(i).String()
	case idText:
		return c.texts[i]
	default:
		return ""
	}
}

// The coders keep what they work with, and are made when the first segment is.
var (
	encoder = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
		if err != nil {
			panic(err) // the options are right
		}
		return e
	})
	decoder = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(maxBytes))
		if err != nil {
			panic(err)
		}
		return d
	})
)

func compress(part []byte) []byte {
	if part == nil {
		return nil
	}
	return encoder().EncodeAll(part, make([]byte, 0, len(part)/2))
}

func decompress(part []byte) ([]byte, error) { return decoder().DecodeAll(part, nil) }
