package apptest

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"unicode"
)

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitFailure `xml:"failure"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitFailure struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes results as JUnit's XML, which programs for continuous integration read: a suite for each file.
// shown is the text of a failure.
func JUnit(w io.Writer, results []Result, shown func(Result) string) error {
	var all junitSuites
	seconds := func(of float64) string { return fmt.Sprintf("%.3f", of) }
	took := 0.0
	for _, r := range results {
		n := len(all.Suites) - 1
		if n < 0 || all.Suites[n].Name != r.File {
			all.Suites, n, took = append(all.Suites, junitSuite{Name: r.File}), n+1, 0
		}
		suite := &all.Suites[n]
		c := junitCase{Name: r.Test, Class: strings.TrimSuffix(r.File, ".rhai"), Time: seconds(r.Took.Seconds())}
		if r.Test == "" {
			c.Name = r.File
		}
		if r.Error != nil {
			first, _, _ := strings.Cut(r.Error.Message, "\n")
			c.Failure = &junitFailure{Type: string(r.Error.Code), Message: printable(first), Text: printable(shown(r))}
			suite.Failures++
			for _, l := range r.Lines {
				c.Out += printable(l.String()) + "\n"
			}
		}
		suite.Tests++
		took += r.Took.Seconds()
		suite.Time = seconds(took)
		suite.Cases = append(suite.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// printable leaves out what XML has no place for.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, text)
}

// String is the line as people read it.
func (l Line) String() string {
	text := string(l.Level) + "  "
	if l.Script != "" {
		text += l.Script + ": "
	}
	text += l.Message
	if l.Data != nil {
		text += " " + string(l.Data)
	}
	return text
}
