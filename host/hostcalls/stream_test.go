package hostcalls

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"

	"github.com/picloud/picloud/abi"
)

// taken is a stream that keeps what it is given.
type taken struct {
	head  abi.Response
	parts []string
}

func (s *taken) Start(head abi.Response) error { s.head = head; return nil }

func (s *taken) Write(_ context.Context, part []byte, contentType string) error {
	s.parts = append(s.parts, contentType+" "+string(part))
	return nil
}

func TestStream(t *testing.T) {
	const text, events = "text/plain; charset=utf-8 ", "text/event-stream "
	for _, c := range []struct {
		name    string
		op      abi.Op
		request msgp.Marshaler
		part    string
		fails   string
	}{
		{"text", abi.OpStreamWrite, &abi.StreamWriteRequest{Value: value(t, `"hé"`)}, text + "hé", ""},
		{"JSON", abi.OpStreamWrite, &abi.StreamWriteRequest{Value: value(t, `{"a":1.0}`)}, `application/json {"a":1.0}`, ""},
		{"bytes", abi.OpStreamWrite, &abi.StreamWriteRequest{Value: value(t, `{"$blob":"AA=="}`)}, "application/octet-stream \x00", ""},
		{"nothing", abi.OpStreamWrite, &abi.StreamWriteRequest{Value: value(t, `null`)}, "", ""},
		{"event", abi.OpStreamEvent, &abi.StreamEventRequest{Event: "e", ID: new("7"), Retry: new(int64(100)), Data: value(t, `{"a":1}`)}, events + "event: e\nid: 7\nretry: 100\ndata: {\"a\":1}\n\n", ""},
		{"lines", abi.OpStreamEvent, &abi.StreamEventRequest{Data: value(t, `"a\nb\r\nc\rd"`)}, events + "data: a\ndata: b\ndata: c\ndata: d\n\n", ""},
		{"empty data", abi.OpStreamEvent, &abi.StreamEventRequest{Data: value(t, `""`)}, events + "data: \n\n", ""},
		{"an id alone", abi.OpStreamEvent, &abi.StreamEventRequest{ID: new("")}, events + "id: \n\n", ""},
		{"event of two lines", abi.OpStreamEvent, &abi.StreamEventRequest{Event: "a\ndata: x"}, "", "stream.event: event: must be one line"},
		{"id of two lines", abi.OpStreamEvent, &abi.StreamEventRequest{ID: new("a\r")}, "", "stream.event: id: must be one line without NUL"},
		{"negative retry", abi.OpStreamEvent, &abi.StreamEventRequest{Retry: new(int64(-1))}, "", "stream.event: retry: must be at least 0, got -1"},
		{"data that is no text", abi.OpStreamEvent, &abi.StreamEventRequest{Data: value(t, `{"$blob":"/w=="}`)}, "", "stream.event: data: must be UTF-8"},
		{"head without a status", abi.OpStreamStart, &abi.StreamStartRequest{Head: value(t, `{"statusCode":"x"}`)}, "", "stream.start: invalid response: statusCode: must be an integer"},
		{"head with a file", abi.OpStreamStart, &abi.StreamStartRequest{Head: value(t, `{"statusCode":200,"file":{"collection":"c","id":"i"}}`)}, "", "file: cannot be given together with stream"},
		{"head with a body", abi.OpStreamStart, &abi.StreamStartRequest{Head: value(t, `{"statusCode":200,"body":"x"}`)}, "", "body: cannot be given together with stream"},
		{"head with a tag", abi.OpStreamStart, &abi.StreamStartRequest{Head: value(t, `{"statusCode":200,"headers":{"etag":true}}`)}, "", "headers.etag: cannot be made of what is not there yet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			stream := &taken{}
			g := guest{t, New(Config{}), &Scope{Stream: stream}}
			encoded, err := c.request.MarshalMsg(nil)
			require.NoError(t, err)
			_, err = g.d.Perform(t.Context(), g.scope, c.op, encoded)
			if c.fails != "" {
				require.ErrorContains(t, err, c.fails)
				return
			}
			require.NoError(t, err)
			if c.part != "" {
				assert.Equal(t, []string{c.part}, stream.parts)
			} else {
				assert.Empty(t, stream.parts)
			}

			g.scope.Stream = nil // as of an execution that another invoked
			_, err = g.d.Perform(t.Context(), g.scope, c.op, encoded)
			assert.ErrorContains(t, err, "there is no stream")
		})
	}
}

// A file of the request's form goes to the files without passing through the guest.
func TestSaveFile(t *testing.T) {
	c := newFilesGuest(t)
	c.app.Request = &abi.Request{Form: []abi.FormField{
		{Name: "text", Value: "x"},
		{Name: "f", File: &abi.FormFile{Filename: "a.txt", ContentType: "text/plain", Data: []byte("first")}},
		{Name: "f", File: &abi.FormFile{ContentType: "image/png", Data: []byte("second")}},
	}}
	save := func(field string, index *int) (abi.FileInfo, error) {
		var saved abi.FilesInfoResponse
		err := c.call(c.app, abi.OpRequestSaveFile, &abi.RequestSaveFileRequest{Field: field, Collection: "c", Index: index}, &saved)
		if err != nil {
			return abi.FileInfo{}, err
		}
		return *saved.File, nil
	}
	file, err := save("f", nil)
	require.NoError(t, err)
	assert.Equal(t, []any{"f", "image/png", int64(6)}, []any{file.Name, file.ContentType, file.Size}, "the last, which had no name")
	file, err = save("f", new(int))
	require.NoError(t, err)
	assert.Equal(t, []any{"a.txt", "text/plain", int64(5)}, []any{file.Name, file.ContentType, file.Size})
	var got abi.FilesGetResponse
	require.NoError(t, c.call(c.app, abi.OpFilesGet, &abi.FilesGetRequest{Collection: "c", ID: file.ID}, &got))
	assert.Equal(t, "first", string(got.Data))

	for says, refused := range map[string]struct {
		field string
		index *int
	}{
		`field: the form has no field "g"`:       {"g", nil},
		`field: "text" is not a file`:            {"text", nil},
		`index: must be between 0 and 1, got 2`:  {"f", new(2)},
		`index: must be between 0 and 1, got -1`: {"f", new(-1)},
	} {
		_, err := save(refused.field, refused.index)
		require.ErrorContains(t, err, says)
	}
	c.app.Request = nil
	_, err = save("f", nil)
	require.ErrorContains(t, err, `the form has no field "f"`)
	c.app.Capabilities = nil
	_, err = save("f", nil)
	require.ErrorContains(t, err, "AppFilesWrite")
}
