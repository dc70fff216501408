package abi

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"
)

// EncodeBody returns a value in the form in which HTTP carries it, and its content type: a
// string as text, a blob as its bytes, anything else as JSON. Unit, and no value at
// all, has no body and no content type. The error is a [*ValueError].
func EncodeBody(value msgp.Raw) (body []byte, contentType string, err error) {
	if len(value) == 0 {
		return nil, "", nil
	}
	switch msgp.NextType(value) {
	case msgp.NilType:
		return nil, "", nil
	case msgp.StrType:
		if body, _, err = msgp.ReadStringZC(value); err != nil {
			return nil, "", asValueError(err)
		}
		return body, contentText, nil
	case msgp.BinType:
		if body, _, err = msgp.ReadBytesZC(value); err != nil {
			return nil, "", asValueError(err)
		}
		return body, contentBlob, nil
	}
	body, err = AppendJSON(make([]byte, 0, len(value)+len(value)/2+16), value)
	return body, contentJSON, err
}

// DecodeBody returns a body that HTTP carried as guests see it: parsed when its content type
// is JSON, else as raw; unit when empty. Raw is a string, or a blob when it is not UTF-8.
// A body that claims to be JSON and is not stays as it is: what to make of it is for the
// guest to decide.
func DecodeBody(body []byte, contentType string) (parsed, raw msgp.Raw) {
	if len(body) == 0 {
		return msgp.AppendNil(nil), msgp.AppendString(nil, "")
	}
	raw = appendRawBody(make([]byte, 0, len(body)+5), body)
	if msgp.NextType(raw) == msgp.StrType && IsJSON(contentType) {
		text := bytes.TrimPrefix(body, []byte("\uFEFF"))
		if parsed, err := AppendFromJSON(make([]byte, 0, len(text)+len(text)/4+16), text); err == nil {
			return parsed, raw
		}
	}
	return raw, raw
}

// appendBody appends the parsed form of [DecodeBody].
func appendBody(b, body []byte, contentType string) []byte {
	if len(body) == 0 {
		return msgp.AppendNil(b)
	}
	if IsJSON(contentType) && utf8.Valid(body) {
		if parsed, err := AppendFromJSON(b, bytes.TrimPrefix(body, []byte("\uFEFF"))); err == nil {
			return parsed
		}
	}
	return appendRawBody(b, body)
}

// appendRawBody appends a body as it came: a string, or a blob when it is not UTF-8.
func appendRawBody(b, body []byte) []byte {
	if !utf8.Valid(body) {
		return msgp.AppendBytes(b, body)
	}
	return msgp.AppendStringFromBytes(b, body)
}

// IsJSON reports whether a content type is application/json or ends in +json (RFC 6839).
func IsJSON(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	return media == contentJSON || media == "text/json" || strings.HasSuffix(media, "+json")
}
