// Package form reads the forms that browsers and programs send: fields and files, as ctx.request.form
// has them.
package form

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/picloud/picloud/abi"
)

// Bounds of a form beside those of the request's body.
const (
	MaxFields    = 1000
	MaxNameBytes = 1024
)

// Parse returns the fields of a body in their order, none for a body that is no form. The error says
// what is wrong with one that claims to be; there are no fields then.
func Parse(contentType string, body []byte) ([]abi.FormField, error) {
	media, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		media, _, _ = strings.Cut(contentType, ";")
		media, parameters = strings.ToLower(strings.TrimSpace(media)), nil
	}
	switch media {
	case "application/x-www-form-urlencoded":
		return parseURLEncoded(body)
	case "multipart/form-data":
		if parameters["boundary"] == "" {
			return nil, errors.New("the content type names no boundary")
		}
		return parseMultipart(body, parameters["boundary"])
	}
	return nil, nil
}

// Set gives a request the form that its body is.
func Set(request *abi.Request) {
	if len(request.Body) == 0 || len(request.Headers["content-type"]) == 0 {
		return
	}
	var err error
	if request.Form, err = Parse(request.Header("content-type"), request.Body); err != nil {
		request.FormError = err.Error()
	}
}

// parseURLEncoded reads what the URL Standard, section 5, describes. What is no percent-encoding stays
// as it is.
func parseURLEncoded(body []byte) (fields []abi.FormField, err error) {
	for pair := range strings.SplitSeq(string(body), "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		if fields, err = add(fields, abi.FormField{Name: unescape(name), Value: unescape(value)}); err != nil {
			return nil, err
		}
	}
	return fields, nil
}

func unescape(text string) string {
	if decoded, err := url.QueryUnescape(text); err == nil {
		return valid(decoded)
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '+' {
			c = ' '
		} else if c == '%' && i+2 < len(text) {
			if decoded, err := url.PathUnescape(text[i : i+3]); err == nil {
				b.WriteString(decoded)
				i += 2
				continue
			}
		}
		b.WriteByte(c)
	}
	return valid(b.String())
}

func parseMultipart(body []byte, boundary string) (fields []abi.FormField, err error) {
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := reader.NextPart()
		if err == io.EOF {
			return fields, nil
		}
		var data []byte
		if err == nil {
			data, err = io.ReadAll(part)
		}
		if err != nil {
			return nil, errors.New(strings.TrimPrefix(err.Error(), "multipart: "))
		}
		_, disposition, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
		if err != nil || part.FormName() == "" {
			return nil, fmt.Errorf("part %d has no name", len(fields)+1)
		}
		field := abi.FormField{Name: valid(part.FormName())}
		if filename, isFile := disposition["filename"]; isFile {
			field.File = &abi.FormFile{Filename: base(filename), ContentType: valid(part.Header.Get("Content-Type")), Data: data}
			if field.File.ContentType == "" {
				field.File.ContentType = "application/octet-stream" // RFC 7578, section 4.4, has text/plain, which it seldom is
			}
		} else {
			field.Value = valid(string(data))
		}
		if fields, err = add(fields, field); err != nil {
			return nil, err
		}
	}
}

func add(fields []abi.FormField, field abi.FormField) ([]abi.FormField, error) {
	switch {
	case len(fields) == MaxFields:
		return nil, fmt.Errorf("it has more than %d fields", MaxFields)
	case len(field.Name) > MaxNameBytes:
		return nil, fmt.Errorf("the name of a field must have at most %d bytes, got %d", MaxNameBytes, len(field.Name))
	}
	return append(fields, field), nil
}

// base returns a file's name without the directories that some clients send with it.
func base(filename string) string {
	if i := strings.LastIndexByte(filename, '\\'); i >= 0 {
		filename = filename[i+1:]
	}
	if filename = path.Base(valid(filename)); filename == "." || filename == "/" {
		return ""
	}
	return filename
}

func valid(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
