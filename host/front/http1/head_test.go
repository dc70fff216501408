package http1

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// parse finds and reads a head that is written with \n for CRLF.
func parse(t testing.TB, text string) (Head, *Refusal) {
	t.Helper()
	b := []byte(strings.ReplaceAll(text, "\n", "\r\n"))
	n, refusal := Find(b, 0)
	if refusal != nil {
		return Head{}, refusal
	}
	require.Equal(t, len(b), n, "the end of %q", text)
	var h Head
	return h, h.Parse(b)
}

func TestHeads(t *testing.T) {
	type want struct {
		method, target, host string
		length               int64
		close, waits         bool
	}
	for text, want := range map[string]want{
		"GET / HTTP/1.1\nHost: a\n\n":                                                {"GET", "/", "a", 0, false, false},
		"PROPFIND /x?y=/z HTTP/1.1\nHOST:a:80\n\n":                                   {"PROPFIND", "/x?y=/z", "a:80", 0, false, false},
		"GET /a?u=http://b/ HTTP/1.1\nHost: \t a \t\n\n":                             {"GET", "/a?u=http://b/", "a", 0, false, false},
		"GET //b/c HTTP/1.1\nHost: a\n\n":                                            {"GET", "//b/c", "a", 0, false, false},
		"GET / HTTP/1.1\nHost:\n\n":                                                  {"GET", "/", "", 0, false, false},
		"GET / HTTP/1.1\nHost: [::1]:8080\n\n":                                       {"GET", "/", "[::1]:8080", 0, false, false},
		"GET / HTTP/1.1\nHost: a_b-c.example.\n\n":                                   {"GET", "/", "a_b-c.example.", 0, false, false},
		"GET http://b:1/c?d HTTP/1.1\nHost: a\n\n":                                   {"GET", "/c?d", "b:1", 0, false, false},
		"GET HTTPS://b HTTP/1.1\nHost: b\n\n":                                        {"GET", "/", "b", 0, false, false},
		"GET http://b?c HTTP/1.1\nHost: b\n\n":                                       {"GET", "/?c", "b", 0, false, false},
		"OPTIONS * HTTP/1.1\nHost: a\n\n":                                            {"OPTIONS", "*", "a", 0, false, false},
		"OPTIONS http://b HTTP/1.1\nHost: a\n\n":                                     {"OPTIONS", "*", "b", 0, false, false},
		"GET / HTTP/1.0\n\n":                                                         {"GET", "/", "", 0, true, false},
		"GET / HTTP/1.0\nConnection: keep-alive\n\n":                                 {"GET", "/", "", 0, false, false},
		"GET / HTTP/1.0\nConnection: keep-alive, close\n\n":                          {"GET", "/", "", 0, true, false},
		"GET / HTTP/1.1\nHost: a\nConnection: TE, Close\n\n":                         {"GET", "/", "a", 0, true, false},
		"GET / HTTP/1.1\nHost: a\nConnection: closed\n\n":                            {"GET", "/", "a", 0, false, false},
		"GET / HTTP/1.1\nHost: a\nConnection: x\nConnection: close\n\n":              {"GET", "/", "a", 0, true, false},
		"POST / HTTP/1.1\nHost: a\nContent-Length: 007\n\n":                          {"POST", "/", "a", 7, false, false},
		"POST / HTTP/1.1\nHost: a\nContent-Length: 5\nExpect: 100-Continue\n\n":      {"POST", "/", "a", 5, false, true},
		"POST / HTTP/1.0\nHost: a\nContent-Length: 5\nExpect: 100-continue\n\n":      {"POST", "/", "a", 5, true, false},
		"POST / HTTP/1.1\nHost: a\nContent-Length: 0\nExpect: 100-continue\n\n":      {"POST", "/", "a", 0, false, false},
		"POST / HTTP/1.1\nHost: a\nTransfer-Encoding: CHUNKED\n\n":                   {"POST", "/", "a", Chunked, false, false},
		"POST / HTTP/1.1\nHost: a\nX: \xff\xc3\xa9 \"\x80\"\nTransfer-Length: 3\n\n": {"POST", "/", "a", 0, false, false},
		"GET /\xc3\xa9|{}[]^ HTTP/1.1\nHost: a\n\n":                                  {"GET", "/\xc3\xa9|{}[]^", "a", 0, false, false},
		"GET / HTTP/1.1\nHost: a\nContent-Length-X: 3\nX-Content-Length: 3\nX: \n\n": {"GET", "/", "a", 0, false, false},
	} {
		h, refusal := parse(t, text)
		if assert.Nil(t, refusal, "%q", text) {
			got := struct {
				method, target, host string
				length               int64
				close, waits         bool
			}{string(h.Method), string(h.Target), string(h.Host), h.Length, h.Close, h.Continue}
			assert.EqualValues(t, want, got, "%q", text)
		}
	}
}

func TestRefusedHeads(t *testing.T) {
	request := func(fields ...string) string {
		return "POST / HTTP/1.1\nHost: a\n" + strings.Join(fields, "\n") + "\n\n"
	}
	many := make([]string, MaxFields)
	for i := range many {
		many[i] = fmt.Sprintf("X-%d: y", i)
	}
	for text, want := range map[string]Refusal{
		"GET / HTTP/1.1\n\n":                                                {400, "must have a Host"},
		"GET / HTTP/1.1\nHost: a\nHost: a\n\n":                              {400, "two Host"},
		"GET / HTTP/1.0\nHost: a\nHost: b\n\n":                              {400, "two Host"},
		"GET / HTTP/1.1\nHost: a@b\n\n":                                     {400, "Host field is malformed"},
		"GET / HTTP/1.1\nHost: a b\n\n":                                     {400, "Host field is malformed"},
		"GET / HTTP/1.1\nHost: a, b\n\n":                                    {400, "Host field is malformed"},
		"GET / HTTP/1.1\nHost: a/b\n\n":                                     {400, "Host field is malformed"},
		"GET / HTTP/1.1\nHost: a:b\n\n":                                     {400, "Host field is malformed"},
		"GET / HTTP/1.1\nHost: a:123456\n\n":                                {400, "Host field is malformed"},
		"GET / HTTP/1.1\nHost: :80\n\n":                                     {400, "Host field is malformed"},
		"GET / HTTP/1.1\nHost: [::1\n\n":                                    {400, "Host field is malformed"},
		"GET / HTTP/1.1\nHost: [::1]x\n\n":                                  {400, "Host field is malformed"},
		"GET / HTTP/1.1\nHost: [1.2.3.4]\n\n":                               {400, "Host field is malformed"},
		"GET / HTTP/1.1\nHost: a%41\n\n":                                    {400, "Host field is malformed"},
		"GET / HTTP/1.1\nHost: a%zz\n\n":                                    {400, "Host field is malformed"},
		"GET / HTTP/1.1\nHost: \xc3\xa9\n\n":                                {400, "Host field is malformed"},
		"GET / HTTP/9.9\nHost: a\n\n":                                       {505, "version"},
		"GET / HTTP/2.0\nHost: a\n\n":                                       {505, "version"},
		"GET / HTTP/1.2\nHost: a\n\n":                                       {505, "version"},
		"GET / HTTP/0.9\nHost: a\n\n":                                       {505, "version"},
		"PRI * HTTP/2.0\n\n":                                                {505, "version"},
		"GET / http/1.1\nHost: a\n\n":                                       {400, "version"},
		"GET / HTTP/1.10\nHost: a\n\n":                                      {400, "version"},
		"GET / HTTP/1.1 \nHost: a\n\n":                                      {400, "version"},
		"GET / x HTTP/1.1\nHost: a\n\n":                                     {400, "version"},
		"GET /\nHost: a\n\n":                                                {400, "request line"},
		"GET\n\n":                                                           {400, "request line"},
		"GET  / HTTP/1.1\nHost: a\n\n":                                      {400, "version"},
		"GET\t/ HTTP/1.1\nHost: a\n\n":                                      {400, "request line"},
		" GET / HTTP/1.1\nHost: a\n\n":                                      {400, "not HTTP"},
		"G@T / HTTP/1.1\nHost: a\n\n":                                       {400, "token"},
		"\x16\x03\x01\x02\n\n":                                              {400, "not HTTP"},
		"TRACE / HTTP/1.1\nHost: a\n\n":                                     {501, "not implemented"},
		"CONNECT a:443 HTTP/1.1\nHost: a\n\n":                               {501, "not implemented"},
		strings.Repeat("M", 33) + " / HTTP/1.1\nHost: a\n\n":                {501, "not implemented"},
		"GET x HTTP/1.1\nHost: a\n\n":                                       {400, "target"},
		"GET * HTTP/1.1\nHost: a\n\n":                                       {400, "for OPTIONS"},
		"GET a.example:80 HTTP/1.1\nHost: a\n\n":                            {400, "target"},
		"GET ftp://a/ HTTP/1.1\nHost: a\n\n":                                {400, "target"},
		"GET http:/a HTTP/1.1\nHost: a\n\n":                                 {400, "target"},
		"GET http:///a HTTP/1.1\nHost: a\n\n":                               {400, "host of the request target"},
		"GET http://u:p@a/ HTTP/1.1\nHost: a\n\n":                           {400, "host of the request target"},
		"GET http://a/ HTTP/1.1\n\n":                                        {400, "must have a Host"},
		"GET http://a/ HTTP/1.1\nHost: a@b\n\n":                             {400, "Host field is malformed"},
		"GET /a#b HTTP/1.1\nHost: a\n\n":                                    {400, "percent-encoded"},
		"GET /\x7f HTTP/1.1\nHost: a\n\n":                                   {400, "percent-encoded"},
		"GET /\x00 HTTP/1.1\nHost: a\n\n":                                   {400, "percent-encoded"},
		"GET /a\rb HTTP/1.1\nHost: a\n\n":                                   {400, "percent-encoded"},
		request("Content-Length : 3"):                                       {400, "directly followed by a colon"},
		request("Content-Length\t: 3"):                                      {400, "directly followed by a colon"},
		request("Content Length: 3"):                                        {400, "directly followed by a colon"},
		request("X"):                                                        {400, "directly followed by a colon"},
		request(": x"):                                                      {400, "directly followed by a colon"},
		request("X\x00: x"):                                                 {400, "directly followed by a colon"},
		request("X\xc3\xa9: x"):                                             {400, "directly followed by a colon"},
		request("X: a", " b"):                                               {400, "one line"},
		request("X: a", "\tb"):                                              {400, "one line"},
		request("X: a\x00"):                                                 {400, "control character"},
		request("X: a\rb"):                                                  {400, "control character"},
		request("X: a\x7f"):                                                 {400, "control character"},
		request("Content-Length: 3", "Content-Length: 3"):                   {400, "one Content-Length"},
		request("Content-Length: 3", "Content-Length: 4"):                   {400, "one Content-Length"},
		request("Content-Length: 3, 3"):                                     {400, "one Content-Length"},
		request("Content-Length: +3"):                                       {400, "one Content-Length"},
		request("Content-Length: -3"):                                       {400, "one Content-Length"},
		request("Content-Length: 0x3"):                                      {400, "one Content-Length"},
		request("Content-Length: 3 0"):                                      {400, "one Content-Length"},
		request("Content-Length:"):                                          {400, "one Content-Length"},
		request("Content-Length: 1000000000000000000"):                      {400, "one Content-Length"},
		request("Content-Length: 3", "Transfer-Encoding: chunked"):          {400, "beside"},
		request("Transfer-Encoding: chunked", "Content-Length: 0"):          {400, "beside"},
		request("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"): {400, "two Transfer-Encodings"},
		request("Transfer-Encoding: gzip, chunked"):                         {501, "chunked"},
		request("Transfer-Encoding: chunked, chunked"):                      {501, "chunked"},
		request("Transfer-Encoding: identity"):                              {501, "chunked"},
		request("Transfer-Encoding: xchunked"):                              {501, "chunked"},
		request("Transfer-Encoding: chunked;q=1"):                           {501, "chunked"},
		request("Transfer-Encoding: \x0bchunked"):                           {400, "control character"},
		request("Transfer-Encoding:"):                                       {501, "chunked"},
		"POST / HTTP/1.0\nTransfer-Encoding: chunked\n\n":                   {400, "HTTP/1.0"},
		request("Expect: 200-ok"):                                           {417, "expectation"},
		request("Expect: 100-continue, x"):                                  {417, "expectation"},
		request(many...):                                                    {431, "200 fields"},
	} {
		_, refusal := parse(t, text)
		if assert.NotNil(t, refusal, "%q", text) {
			assert.Equal(t, want.Status, refusal.Status, "%q: %s", text, refusal.Reason)
			assert.Contains(t, refusal.Reason, want.Reason, "%q", text)
		}
	}
}

func TestLinesEndWithCRLF(t *testing.T) {
	for _, text := range []string{
		"GET / HTTP/1.1\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\n", "\n",
	} {
		_, refusal := Find([]byte(text), 0)
		require.NotNil(t, refusal, "%q", text)
	}
}

// A head that comes in pieces ends where it ends in one.
func TestFindInPieces(t *testing.T) {
	text := []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n")
	const length = len("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	for cut := range len(text) {
		for from := range cut + 1 {
			if from >= length { // the end would have been found
				break
			}
			got, refusal := Find(text[:cut], from)
			require.Nil(t, refusal)
			want := 0
			if cut >= length {
				want = length
			}
			require.Equal(t, want, got, "%q searched from %d", text[:cut], from)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	head := []byte("GET /hello?name=world HTTP/1.1\r\nHost: example.com:8080\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n" +
		"Accept: text/html,application/xhtml+xml\r\nAccept-Encoding: gzip, deflate, br\r\nCookie: session=0123456789abcdef\r\nConnection: keep-alive\r\n\r\n")
	var h Head
	b.ReportAllocs()
	for b.Loop() {
		n, _ := Find(head, 0)
		if n == 0 || h.Parse(head[:n]) != nil {
			b.Fatal("refused")
		}
	}
}
