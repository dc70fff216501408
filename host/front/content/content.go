// Package content decides what a conditional request, or one for ranges, gets of something that is
// stored (RFC 9110, sections 13 and 14). It is net/http's ServeContent with these differences, each
// as the RFC has it:
//
//   - only a GET has ranges (14.2), and only in bytes, whose name is in any case (14.1);
//   - a Range in another unit, or malformed, or given twice, is ignored instead of refused;
//   - the last 0 bytes cannot be had, and the last bytes of nothing are nothing (14.1.2);
//   - a date in If-Range says nothing in the second that it names (8.8.2.2);
//   - overlapping ranges are joined, and more than [MaxRanges] are ignored (14.2);
//   - fields that are lists may be on several lines (5.3).
package content

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MaxRanges is the most ranges that one request can ask for.
const MaxRanges = 16

// Content is what is stored.
type Content struct {
	ETag     string // strong: a text in quotes
	Modified time.Time
	Size     int64
	Type     string
}

// Answer is what a request gets: 200, 206, 304, 412 or 416.
type Answer struct {
	Status int
	// Header has what concerns the content: its type, validators, ranges, but not its length.
	Header http.Header
	Length int64 // of the body
	parts  []part
	tail   string // what ends a body of several parts
}

// part is a range of the content in a body, and what comes before it.
type part struct {
	head        string
	first, size int64
}

// clockError is how far the Date of an answer may lag.
const clockError = 2 * time.Second

// Decide decides what a request at a time gets. fields returns the values of a header field, in
// order.
func (c Content) Decide(method string, fields func(name string) []string, now time.Time) Answer {
	header := http.Header{"Etag": {c.ETag}, "Accept-Ranges": {"bytes"}}
	if now.Sub(c.Modified) >= clockError { // it must not be later than the Date of the answer (8.8.2.1)
		header.Set("Last-Modified", c.Modified.UTC().Format(http.TimeFormat))
	}
	if status := c.precondition(method, fields); status != 0 {
		return Answer{Status: status, Header: header}
	}
	header.Set("Content-Type", c.Type)
	whole := Answer{Status: http.StatusOK, Header: header, Length: c.Size, parts: []part{{size: c.Size}}}
	asked := fields("Range")
	if method != http.MethodGet || len(asked) != 1 || !c.ifRange(fields("If-Range"), now) {
		return whole
	}
	ranges, ok := c.ranges(asked[0])
	switch {
	case !ok:
		return whole
	case len(ranges) == 0:
		header.Del("Content-Type")
		header.Set("Content-Range", fmt.Sprintf("bytes */%d", c.Size))
		return Answer{Status: http.StatusRequestedRangeNotSatisfiable, Header: header}
	case len(ranges) == 1:
		header.Set("Content-Range", c.contentRange(ranges[0]))
		return Answer{Status: http.StatusPartialContent, Header: header, Length: ranges[0].size, parts: ranges}
	}
	return c.multipart(header, ranges)
}

// multipart makes an answer of several ranges (RFC 9110, section 14.6). The boundary is the ETag,
// which contents that have it can hardly contain.
func (c Content) multipart(header http.Header, ranges []part) Answer {
	boundary := strings.Trim(c.ETag, `"`)
	boundary = boundary[:min(len(boundary), 70)]
	header.Set("Content-Type", "multipart/byteranges; boundary="+boundary)
	a := Answer{Status: http.StatusPartialContent, Header: header, parts: ranges, tail: "\r\n--" + boundary + "--\r\n"}
	a.Length = int64(len(a.tail))
	for i := range a.parts {
		p := &a.parts[i]
		p.head = fmt.Sprintf("\r\n--%s\r\nContent-Type: %s\r\nContent-Range: %s\r\n\r\n", boundary, c.Type, c.contentRange(*p))
		a.Length += int64(len(p.head)) + p.size
	}
	return a
}

func (c Content) contentRange(p part) string {
	return fmt.Sprintf("bytes %d-%d/%d", p.first, p.first+p.size-1, c.Size)
}

// precondition returns 304 or 412, or 0 if the request is to be performed (RFC 9110, section
// 13.2.2).
func (c Content) precondition(method string, fields func(string) []string) int {
	isRead := method == http.MethodGet || method == http.MethodHead
	if tags := fields("If-Match"); len(tags) > 0 {
		if !c.matches(tags, false) {
			return http.StatusPreconditionFailed
		}
	} else if date, ok := date(fields("If-Unmodified-Since")); ok && c.second().After(date) {
		return http.StatusPreconditionFailed
	}
	if tags := fields("If-None-Match"); len(tags) > 0 {
		switch {
		case !c.matches(tags, true):
		case isRead:
			return http.StatusNotModified
		default:
			return http.StatusPreconditionFailed
		}
	} else if date, ok := date(fields("If-Modified-Since")); ok && isRead && !c.second().After(date) {
		return http.StatusNotModified
	}
	return 0
}

// second is the time of the last modification as it can be told.
func (c Content) second() time.Time { return c.Modified.Truncate(time.Second) }

// date reads a date. One that is malformed or given twice is none.
func date(values []string) (time.Time, bool) {
	if len(values) != 1 {
		return time.Time{}, false
	}
	t, err := http.ParseTime(values[0])
	return t, err == nil
}

// matches reports whether a list of entity tags has that of the content. A weak one counts where
// weak comparison is meant (RFC 9110, section 8.8.3.2).
func (c Content) matches(lists []string, weak bool) bool {
	rest := strings.TrimSpace(strings.Join(lists, ","))
	if rest == "*" {
		return true
	}
	for {
		rest = strings.TrimLeft(rest, " \t,")
		tag, isWeak := strings.CutPrefix(rest, "W/")
		if !strings.HasPrefix(tag, `"`) {
			return false
		}
		end := strings.IndexByte(tag[1:], '"')
		if end < 0 {
			return false
		}
		if end += 2; tag[:end] == c.ETag && (weak || !isWeak) {
			return true
		}
		rest = tag[end:]
	}
}

// ifRange reports whether ranges are wanted of the content as it is now (RFC 9110, section 13.1.5).
func (c Content) ifRange(values []string, now time.Time) bool {
	switch {
	case len(values) == 0:
		return true
	case len(values) > 1:
		return false
	case strings.Contains(values[0], `"`):
		return strings.TrimSpace(values[0]) == c.ETag
	}
	date, ok := date(values)
	return ok && date.Equal(c.second()) && now.Sub(c.second()) >= time.Second
}

// ranges reads a Range (RFC 9110, section 14.1.2). It returns those that can be had, overlapping
// ones joined, in the order in which they were asked for; ok is false if the field is to be ignored.
func (c Content) ranges(text string) (ranges []part, ok bool) {
	unit, set, found := strings.Cut(text, "=")
	if !found || !strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		return nil, false
	}
	specs := strings.Split(set, ",")
	if len(specs) > 4*MaxRanges {
		return nil, false
	}
	count := 0
	for _, spec := range specs {
		if spec = strings.Trim(spec, " \t"); spec == "" {
			continue
		}
		first, last, err := position(spec, c.Size)
		if err != nil {
			return nil, false
		}
		count++
		switch {
		case c.Size == 0 && first == 0 && spec[0] == '-' && last >= 0:
			return nil, false // the last bytes of nothing: all of it
		case first < c.Size && first <= last:
			ranges = append(ranges, part{first: first, size: min(last, c.Size-1) - first + 1})
		}
	}
	if count == 0 || count > MaxRanges {
		return nil, false
	}
	return join(ranges), true
}

var errRange = errors.New("malformed range")

// position reads first-last, first- or -length. The last position may be past the end.
func position(spec string, size int64) (first, last int64, err error) {
	from, to, found := strings.Cut(spec, "-")
	if !found || from == "" && to == "" {
		return 0, 0, errRange
	}
	number := func(digits string) int64 {
		for _, c := range []byte(digits) {
			if c < '0' || c > '9' {
				err = errRange
			}
		}
		n, overflow := strconv.ParseInt(digits, 10, 64)
		if overflow != nil {
			return 1<<63 - 1 // of digits: farther than anything
		}
		return n
	}
	if from == "" {
		length := number(to)
		first = max(0, size-length)
		last = size - 1
		if length == 0 {
			first, last = size, size-1
		} else if size == 0 {
			last = 0
		}
		return first, last, err
	}
	first, last = number(from), 1<<63-1
	if to != "" {
		if last = number(to); last < first {
			err = errRange
		}
	}
	return first, last, err
}

// join joins ranges that overlap or touch, each at the place of the first of them.
func join(ranges []part) []part {
	joined := false
	for {
		joined = false
		for i := 0; i < len(ranges); i++ {
			for j := i + 1; j < len(ranges); j++ {
				a, b := ranges[i], ranges[j]
				if a.first > b.first+b.size || b.first > a.first+a.size {
					continue
				}
				first, end := min(a.first, b.first), max(a.first+a.size, b.first+b.size)
				ranges[i] = part{first: first, size: end - first}
				ranges = slices.Delete(ranges, j, j+1)
				joined = true
				j--
			}
		}
		if !joined {
			return ranges
		}
	}
}

// Body returns the body of the answer out of the whole content.
func (a Answer) Body(content io.ReadSeeker) io.Reader {
	if len(a.parts) == 1 {
		return &section{content: content, part: a.parts[0]}
	}
	var readers []io.Reader
	for _, p := range a.parts {
		readers = append(readers, strings.NewReader(p.head), &section{content: content, part: p})
	}
	return io.MultiReader(append(readers, strings.NewReader(a.tail))...)
}

// section is a part of a content, which it goes to when it is read first.
type section struct {
	content io.ReadSeeker
	part
	begun bool
}

func (s *section) Read(p []byte) (int, error) {
	if !s.begun {
		s.begun = true
		if _, err := s.content.Seek(s.first, io.SeekStart); err != nil {
			return 0, err
		}
	}
	if s.size == 0 {
		return 0, io.EOF
	}
	n, err := s.content.Read(p[:min(int64(len(p)), s.size)])
	s.size -= int64(n)
	if err == io.EOF && s.size > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
