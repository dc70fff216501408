package e2e

import (
	"strings"
	"testing"
)

// Each example is deployed with one command and answers as its README says.
func TestExamples(t *testing.T) {
	p, server := loggedIn(t)
	for _, example := range []string{"hello", "todo"} {
		p.must(t, "deploy", "examples/"+example)
		if again := p.must(t, "deploy", "examples/"+example); strings.Count(again, "unchanged") != strings.Count(again, "\n")-1 {
			t.Errorf("a second deploy of %s changes something:\n%s", example, again)
		}
	}
	const jsonType, textType = "application/json", "text/plain; charset=utf-8"
	long := strings.Repeat("x", 41)
	for _, test := range []struct {
		request     string // METHOD PATH
		body        string
		status      int
		contentType string
		want        string
	}{
		{"GET /greet", "", 200, textType, "Hello, world!"},
		{"GET /greet/Ada?greeting=Good%20day", "", 200, textType, "Good day, Ada!"},
		{"GET /greet/%C3%81gnes", "", 200, textType, "Hello, Ágnes!"},
		{"GET /greet/" + long, "", 400, jsonType, `{"error":"name must have at most 40 characters, got 41"}`},

		{"GET /todos", "", 200, jsonType, `{"count":3,"items":[{"done":true,"id":1,"title":"Buy milk"},{"done":false,"id":2,"title":"Water the plants"},{"done":false,"id":3,"title":"Write a script"}]}`},
		{"GET /todos?done=true", "", 200, jsonType, `{"count":1,"items":[{"done":true,"id":1,"title":"Buy milk"}]}`},
		{"GET /todos?done=perhaps", "", 400, jsonType, `{"error":"done must be true or false, got \"perhaps\""}`},
		{"POST /todos", `{"title":"Sleep"}`, 201, jsonType, `{"done":false,"id":4,"title":"Sleep"}`},
		{"POST /todos", `{}`, 422, jsonType, `{"error":"title is missing"}`},
		{"POST /todos", `{"title":""}`, 422, jsonType, `{"error":"title must have between 1 and 100 characters, got 0"}`},
		{"POST /todos", `{"title":"` + strings.Repeat("ö", 101) + `"}`, 422, jsonType, `{"error":"title must have between 1 and 100 characters, got 101"}`},
		{"POST /todos", `{"title":7}`, 422, jsonType, `{"error":"title must be a string"}`},
		{"POST /todos", `{"title":"a","done":"no"}`, 422, jsonType, `{"error":"done must be true or false"}`},
		{"POST /todos", `[]`, 422, jsonType, `{"error":"the body must be a JSON object"}`},
		{"POST /todos", `{"title":`, 422, jsonType, `{"error":"the body must be a JSON object"}`},
		{"GET /todos/2", "", 200, jsonType, `{"done":false,"id":2,"title":"Water the plants"}`},
		{"GET /todos/9", "", 404, jsonType, `{"error":"there is no todo 9"}`},
		{"PATCH /todos/2", `{"done":true}`, 200, jsonType, `{"done":true,"id":2,"title":"Water the plants"}`},
		{"PATCH /todos/2", `{"due":"today"}`, 422, jsonType, `{"error":"due is not a field of a todo"}`},
		{"PATCH /todos/x", `{"done":true}`, 404, jsonType, `{"error":"there is no todo x"}`},
		{"DELETE /todos/3", "", 204, "", ""},
		{"GET /todos/3", "", 200, jsonType, `{"done":false,"id":3,"title":"Write a script"}`}, // a pristine sandbox each time
	} {
		method, path, _ := strings.Cut(test.request, " ")
		status, header, body := request(t, method, server.url+path, test.body)
		if status != test.status || header.Get("Content-Type") != test.contentType || body != test.want {
			t.Errorf("%s %s\ngot  %d %s %s\nwant %d %s %s", test.request, test.body,
				status, header.Get("Content-Type"), body, test.status, test.contentType, test.want)
		}
	}
	if _, header, _ := request(t, "POST", server.url+"/todos", `{"title":"a"}`); header.Get("Location") != "/todos/4" {
		t.Errorf("location is %q, want /todos/4", header.Get("Location"))
	}
}
