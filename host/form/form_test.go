package form

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
)

// shown is a form in one line.
func shown(fields []abi.FormField) string {
	var b strings.Builder
	for _, f := range fields {
		if f.File == nil {
			fmt.Fprintf(&b, "%s=%q ", f.Name, f.Value)
		} else {
			fmt.Fprintf(&b, "%s=<%s %s %q> ", f.Name, f.File.Filename, f.File.ContentType, f.File.Data)
		}
	}
	return strings.TrimSpace(b.String())
}

func part(disposition, contentType, data string) string {
	if contentType != "" {
		contentType = "Content-Type: " + contentType + "\r\n"
	}
	return "--b\r\nContent-Disposition: form-data; " + disposition + "\r\n" + contentType + "\r\n" + data + "\r\n"
}

func TestParse(t *testing.T) {
	const urlencoded, multi = "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"
	for _, c := range []struct{ name, contentType, body, want, fails string }{
		{"no form", "text/plain", "a=1", "", ""},
		{"no type", "", "a=1", "", ""},
		{"fields", urlencoded, "a=1&b=x+y%26&a=2&flag&=v&", `a="1" b="x y&" a="2" flag="" ="v"`, ""},
		{"a charset", urlencoded + "; charset=UTF-8", "a=%C3%A9", `a="é"`, ""},
		{"a malformed parameter", urlencoded + "; charset", "a=1", `a="1"`, ""},
		{"not percent-encoded", urlencoded, "a=100%&b=%zz+%41", `a="100%" b="%zz A"`, ""},
		{"not UTF-8", urlencoded, "a=%ff", "a=\"\uFFFD\"", ""},
		{"JSON by mistake", urlencoded, `{"a":1}`, `{"a":1}=""`, ""},
		{"as many as may be", urlencoded, strings.Repeat("a&", MaxFields), strings.TrimSpace(strings.Repeat(`a="" `, MaxFields)), ""},
		{"one too many", urlencoded, strings.Repeat("a&", MaxFields+1), "", "more than 1000 fields"},
		{"a long name", urlencoded, strings.Repeat("a", 1025), "", "at most 1024 bytes, got 1025"},

		{"parts", multi, part(`name="a"`, "", "1") + part(`name="f"; filename="é.txt"`, "text/plain", "data\r\n--c") + part(`name=a`, "", "") + "--b--", `a="1" f=<é.txt text/plain "data\r\n--c"> a=""`, ""},
		{"a file without a type or a name", multi, part(`name="f"; filename=""`, "", "") + "--b--", `f=< application/octet-stream "">`, ""},
		{"directories", multi, part(`name="f"; filename="C:\\temp\\x.png"`, "", "") + part(`name="f"; filename="../../etc/passwd"`, "", "") + "--b--", `f=<x.png application/octet-stream ""> f=<passwd application/octet-stream "">`, ""},
		{"RFC 5987", multi, part(`name="f"; filename*=UTF-8''a%20b.txt`, "", "") + "--b--", `f=<a b.txt application/octet-stream "">`, ""},
		{"no boundary", "multipart/form-data", "", "", "names no boundary"},
		{"cut off", multi, part(`name="a"`, "", "1"), "", "EOF"},
		{"no parts", multi, "--b--", "", ""},
		{"no name", multi, part(`filename="x"`, "", "1") + "--b--", "", "part 1 has no name"},
		{"another boundary", multi, "--c\r\n\r\n--c--", "", "EOF"},
		{"too many parts", multi, strings.Repeat(part(`name="a"`, "", ""), MaxFields+1) + "--b--", "", "more than 1000 fields"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fields, err := Parse(c.contentType, []byte(c.body))
			if c.fails != "" {
				require.ErrorContains(t, err, c.fails)
				assert.Empty(t, fields)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.want, shown(fields))
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add("application/x-www-form-urlencoded", "a=%4&b=+")
	f.Add("multipart/form-data; boundary=b", part(`name="f"; filename="x"`, "a/b", "1")+"--b--")
	f.Fuzz(func(t *testing.T, contentType, body string) {
		fields, err := Parse(contentType, []byte(body))
		if err != nil && fields != nil || len(fields) > MaxFields {
			t.Fatalf("%d fields, %v", len(fields), err)
		}
		request := abi.Request{Form: fields}
		if _, err := abi.AppendJSON(nil, (&abi.Invocation{Request: &request}).Append(nil, abi.Reads{"request.form", "request.form_all"})); err != nil {
			t.Fatal(err)
		}
	})
}
