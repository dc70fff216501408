package cli

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/mattn/go-runewidth"
)

// A typesetter writes a page of the reference for a terminal: headings, paragraphs in lines of its width, lists, tables
// in columns, and code as it is.
type typesetter struct {
	w         io.Writer
	width     int
	paragraph []string // lines of one that has not ended
	table     [][]string
	out       strings.Builder
}

// typeset writes a page.
func typeset(w io.Writer, markdown string) error {
	t := typesetter{w: w, width: widthOf(w)}
	code := false
	for line := range strings.Lines(markdown) {
		line = strings.TrimRight(line, "\n")
		row := strings.HasPrefix(line, "|") && !code
		if !row {
			t.endTable()
		}
		switch {
		case strings.HasPrefix(line, "```"):
			t.endParagraph()
			code = !code
		case code:
			t.out.WriteString(strings.TrimRight("    "+line, " ") + "\n")
		case row:
			t.endParagraph()
			t.table = append(t.table, cells(line))
		case strings.HasPrefix(line, "#"):
			t.endParagraph()
			t.out.WriteString(paint(w, bold, plain(strings.TrimLeft(line, "# "))) + "\n")
		case line == "":
			t.endParagraph()
			t.out.WriteString("\n")
		default:
			if strings.HasPrefix(line, "- ") {
				t.endParagraph()
			}
			t.paragraph = append(t.paragraph, line)
		}
	}
	t.endTable()
	t.endParagraph()
	_, err := fmt.Fprintln(w, strings.Trim(t.out.String(), "\n"))
	return err
}

func (t *typesetter) endParagraph() {
	if len(t.paragraph) == 0 {
		return
	}
	text, indent := plain(strings.Join(t.paragraph, " ")), ""
	if strings.HasPrefix(text, "- ") {
		indent = "  "
	}
	t.out.WriteString(strings.Join(wrap(text, t.width, indent), "\n") + "\n")
	t.paragraph = nil
}

// endTable writes a table whose last column is wrapped. A head without words is left out.
func (t *typesetter) endTable() {
	if len(t.table) == 0 {
		return
	}
	rows := t.table
	t.table = nil
	var widths []int
	for i, row := range rows {
		for j, text := range row {
			if i == 1 { // dashes
				break
			}
			rows[i][j] = plain(text)
			if j == len(widths) {
				widths = append(widths, 0)
			}
			widths[j] = max(widths[j], runewidth.StringWidth(rows[i][j]))
		}
	}
	left := 0 // of the last column
	for j := range widths[:len(widths)-1] {
		widths[j] = min(widths[j], t.width/2)
		left += widths[j] + 2
	}
	for i, row := range rows {
		if i == 1 || strings.Join(row, "") == "" {
			continue
		}
		line := ""
		for j, text := range row[:len(row)-1] {
			line += runewidth.FillRight(text, widths[j]) + "  "
		}
		if runewidth.StringWidth(line) > left { // what does not fit has a line of its own
			t.out.WriteString(strings.TrimRight(line, " ") + "\n")
			line = strings.Repeat(" ", left)
		}
		for _, part := range wrap(row[len(row)-1], max(t.width-left, minPageWidth/2), "") {
			t.out.WriteString(strings.TrimRight(line+part, " ") + "\n")
			line = strings.Repeat(" ", left)
		}
	}
}

// cells takes the row of a table apart.
func cells(row string) []string {
	const bar = "\x00" // stands for one that divides nothing
	row = strings.ReplaceAll(strings.Trim(strings.TrimSpace(row), "|"), `\|`, bar)
	if row == "" {
		return []string{""}
	}
	parts := strings.Split(row, "|")
	for i, part := range parts {
		parts[i] = strings.TrimSpace(strings.ReplaceAll(part, bar, "|"))
	}
	return parts
}

var (
	markdownLink   = regexp.MustCompile(`\[([^\]]+)\]\(([^)]+)\)`)
	markdownStrong = regexp.MustCompile(`\*{1,2}([^*\s][^*]*)\*{1,2}`)
)

// plain takes the marks out of a text: of links what is outside of the reference stays.
func plain(text string) string {
	text = markdownLink.ReplaceAllStringFunc(text, func(link string) string {
		parts := markdownLink.FindStringSubmatch(link)
		if strings.Contains(parts[2], "://") {
			return parts[1] + " (" + parts[2] + ")"
		}
		return parts[1]
	})
	// What is between backticks stays as it is.
	pieces := strings.Split(text, "`")
	for i := 0; i < len(pieces); i += 2 {
		pieces[i] = markdownStrong.ReplaceAllString(pieces[i], "$1")
	}
	return strings.Join(pieces, "")
}

// wrap breaks a text into lines of a width, all but the first after the indent.
func wrap(text string, width int, indent string) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case runewidth.StringWidth(line)+1+runewidth.StringWidth(word) > width:
			lines = append(lines, line)
			line = indent + word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}
