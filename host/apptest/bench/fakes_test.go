package bench

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
)

func TestPatternsOfFakes(t *testing.T) {
	for _, c := range []struct {
		pattern, request string
		matches          bool
	}{
		{"*", "GET https://a.example/", true},
		{"https://a.example/", "POST https://a.example/", true},
		{"https://a.example/", "POST https://a.example/b", false},
		{"get https://a.example/*", "GET https://a.example/b/c?d=e", true},
		{"GET https://a.example/*", "POST https://a.example/b", false},
		{"https://*.example/x?y=1", "GET https://a.example/x?y=1", true},
		{"https://a.example/x", "GET https://a+example/x", false},
	} {
		f, err := newFake(c.pattern)
		require.NoError(t, err)
		assert.Equal(t, c.matches, f.matches.MatchString(c.request), "%s %s", c.pattern, c.request)
	}
	for _, pattern := range []string{"", "GET ", " https://a.example/"} {
		_, err := newFake(pattern)
		assert.Equal(t, fault.Invalid, fault.Of(err), "%q", pattern)
	}
}

// What a fake returns is a response if it has a status, else the body of one.
func TestAnswersOfFakes(t *testing.T) {
	for _, c := range []struct {
		answer string // JSON of the arguments of an answer
		status int
		body   string
		kind   string
		fails  fault.Code
	}{
		{`["text"]`, 200, `"text"`, "text/plain; charset=utf-8", 0},
		{`[{"a": 1}]`, 200, `{"a":1}`, "application/json", 0},
		{`[null]`, 200, `null`, "", 0},
		{`[{"status": 404}]`, 404, `null`, "", 0},
		{`[{"status": 200, "headers": {"Content-Type": "application/problem+json"}, "body": "{\"b\": 2}"}]`, 200, `{"b":2}`, "application/problem+json", 0},
		{`[{"status": 99}]`, 0, "", "", fault.Invalid},
		{`[{"status": "200"}]`, 0, "", "", fault.Invalid},
		{`[{"status": 200, "text": ""}]`, 0, "", "", fault.Invalid},
		{`[{"status": 200, "headers": {"a": 1}}]`, 0, "", "", fault.Invalid},
		{`[null, "down"]`, 0, "", "", fault.Unreachable},
	} {
		args, err := abi.AppendFromJSON(nil, []byte(c.answer))
		require.NoError(t, err)
		response, err := answered(args)
		if c.fails != 0 {
			assert.Equal(t, c.fails, fault.Of(err), c.answer)
			continue
		}
		require.NoError(t, err, c.answer)
		body, err := abi.AppendJSON(nil, response.Body)
		require.NoError(t, err)
		assert.Equal(t, c.status, response.Status, c.answer)
		assert.Equal(t, c.body, string(body), c.answer)
		assert.Equal(t, c.kind, response.Headers["content-type"], c.answer)
	}
	_, err := answered(msgp.AppendInt(nil, 1))
	assert.Error(t, err)
}

// The clock runs until it is stopped, and then moves as it is told.
func TestClock(t *testing.T) {
	var c Clock
	assert.WithinDuration(t, time.Now(), c.Now(), time.Minute)
	at := time.Date(2030, 1, 31, 12, 0, 0, 0, time.UTC)
	c.stop(at)
	assert.Equal(t, at, c.Now())
	c.advance(time.Hour)
	assert.Equal(t, at.Add(time.Hour), c.Now())
	c.run()
	c.advance(0)
	stopped := c.Now()
	assert.Equal(t, stopped, c.Now())
	c.run()
	assert.WithinDuration(t, time.Now(), c.Now(), time.Minute)
}
