package sites

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestFingerprints(t *testing.T) {
	for _, name := range []string{
		"app.3f9a1c2b.js", "index-BxY12abc.css", "assets/index-BxY12abc.css", "main-5OZJ2KQX.js", "app.3f9a1c2b.js.map",
		"main.3f9a1c2b.chunk.js", "index-B_x-1Y2a.js", "logo_9c1e4f07.svg", "3f9a1c2b4d5e6f708192.png",
		"application-d41d8cd98f00b204e9800998ecf8427e.js", "Inter-Bold-Cx9aQ2z1.woff2",
	} {
		assert.True(t, hasFingerprint(name), name)
	}
	for _, name := range []string{
		"app.js", "index.html", "index-BxY12abc.html", "page.3f9a1c2b.htm", "about-services.css", "bootstrap-datepicker.min.js",
		"report-20240115.pdf", "photo-IMG12345.jpg", "book-chapter1.png", "notes-2024final.txt", "jquery-3.7.1.min.js", "lib-base64js.js",
		"view-HomePage.js", "view-MyPage12.js", "a-1Jan2024.png", "a-1-jan-21.png", "a-01-02-03.png", "facade12.css", "deadbeef.css", "12345678.png",
		"3f9a1c2b", "app.3f9a1c2.js", "app.12ab", "my-component.js", "v1.2.3-beta.js", "dir.3f9a1c2b/app.js", "",
	} {
		assert.False(t, hasFingerprint(name), name)
	}
}

// Most of what bundlers make is recognised. What is missed is served as everything else is.
func TestMostFingerprintsAreRecognised(t *testing.T) {
	const tries = 2000
	for _, c := range []struct {
		form  string
		of    func([]byte) string
		least int // of a hundred
	}{
		{"app.%s.js", func(sum []byte) string { return hex.EncodeToString(sum)[:8] }, 88},
		{"app.%s.js", func(sum []byte) string { return hex.EncodeToString(sum)[:20] }, 99},
		{"app-%s.js", func(sum []byte) string { return base32.StdEncoding.EncodeToString(sum)[:8] }, 45},
		{"app-%s.js", func(sum []byte) string { return base64.RawURLEncoding.EncodeToString(sum)[:8] }, 60},
	} {
		found := 0
		for i := range tries {
			sum := sha256.Sum256(fmt.Append(nil, i))
			if hasFingerprint(fmt.Sprintf(c.form, c.of(sum[:]))) {
				found++
			}
		}
		assert.Greater(t, found*100/tries, c.least-1, "%s: %s", c.form, c.of(make([]byte, 32)))
		t.Logf("%s: %d of 100", fmt.Sprintf(c.form, c.of(make([]byte, 32))), found*100/tries)
	}
}
