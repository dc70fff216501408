package files

import (
	"mime"
	"strings"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// checkName refuses what could not be the name of a file in a directory, where a download may put
// it.
func checkName(name string) error {
	if err := store.CheckName("name", name, MaxNameBytes); err != nil {
		return err
	}
	if i := strings.IndexAny(name, `/\`); i >= 0 {
		return fault.Refuse("name", "must not contain path separators (%q at byte %d)", name[i], i)
	}
	if name == "." || name == ".." {
		return fault.Refuse("name", "must not be %q, which is a directory", name)
	}
	return nil
}

// canonicalType returns a media type in its one form, which is safe to send as a header: lower case
// but for parameter values, which are quoted or encoded where needed.
func canonicalType(contentType string) (string, error) {
	const field = "content_type"
	if len(contentType) == 0 || len(contentType) > MaxContentTypeBytes {
		return "", fault.Refuse(field, "must be 1 to %d bytes, got %d", MaxContentTypeBytes, len(contentType))
	}
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		return "", fault.Refuse(field, "must be a media type as in text/plain: %s, got %q", strings.TrimPrefix(err.Error(), "mime: "), contentType)
	}
	canonical := mime.FormatMediaType(kind, parameters)
	if canonical == "" || !strings.Contains(kind, "/") {
		return "", fault.Refuse(field, "must be a media type as in text/plain, got %q", contentType)
	}
	if len(canonical) > MaxContentTypeBytes {
		return "", fault.Refuse(field, "must be 1 to %d bytes, has %d when written as %q", MaxContentTypeBytes, len(canonical), canonical)
	}
	return canonical, nil
}
