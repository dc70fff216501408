package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
	"github.com/picloud/picloud/host/reference"
	"github.com/picloud/picloud/host/store/eachtest"
)

// examplesApp is the app that the reference's examples are in, with what they need.
var examplesApp = map[string]string{
	"reference/picloud.yaml": `app: reference
scripts:
  - {name: example, routes: ["POST /greet/:name"]}
  - {name: double}
  - {name: broken}
triggers:
  - {name: broken, kind: queue, script: broken, topic: broken, retry: {max_attempts: 1}}
topics:
  - {topic: orders, access: token}
`,
	"reference/example.rhai": `()`,
	"reference/double.rhai":  `ctx.args * 2`,
	"reference/broken.rhai":  `throw "the shop is closed"`,
}

// Every example of the reference does on a server what it says, whichever database that has.
func TestExamplesOfTheReference(t *testing.T) {
	for _, kind := range eachtest.Kinds(t) {
		t.Run(kind, func(t *testing.T) { runExamples(t, databaseOf(t, kind)...) })
	}
}

func runExamples(t *testing.T, variables ...string) {
	p, server := loggedIn(t, append(variables, "PICLOUD_HTTP_ALLOW_PRIVATE=true")...)
	admin, err := client.New(server.url, "")
	require.NoError(t, err)
	_, err = admin.Login(t.Context(), wire.Login{Username: "admin", Password: server.password})
	require.NoError(t, err)
	for name, text := range examplesApp {
		p.write(t, name, text)
	}
	p.must(t, "deploy", "reference")
	_, err = admin.SetSecret(t.Context(), "reference", "stripe", "sk_test_of_the_examples")
	require.NoError(t, err)
	for range 3 {
		_, err = admin.PushMessage(t.Context(), "reference", "broken", wire.MessagePush{Message: json.RawMessage("1")})
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool {
		letters, err := client.Collect(admin.DeadLetters(t.Context(), "reference", wire.DeadLetterFilter{}))
		require.NoError(t, err)
		return len(letters) == 3
	}, patience, 50*time.Millisecond)

	scripts, err := client.Collect(admin.Scripts(t.Context(), "reference"))
	require.NoError(t, err)
	id := ""
	for _, s := range scripts {
		if s.Name == "example" {
			id = s.ID
		}
	}
	upstream := newExampleService(t)
	examples := 0
	for _, page := range append(reference.Pages(), reference.Page{Name: reference.Index}) {
		text, ok := reference.Markdown(page.Name)
		require.True(t, ok, page.Name)
		if page.Name == "testing" || page.Name == "clock" { // see TestExamplesOfTests
			continue
		}
		for _, example := range examplesOn(text) {
			examples++
			source := strings.ReplaceAll(example, "https://api.example.com", upstream)
			_, err := admin.UpdateScript(t.Context(), id, wire.ScriptUpdate{Source: &source})
			if !assert.NoError(t, err, "%s:\n%s", page.Name, example) {
				continue
			}
			if answers := expected(example, "answers"); len(answers) > 0 {
				got := askExample(t, server.url)
				assert.Regexp(t, asPattern(answers[0]), got, "%s:\n%s", page.Name, example)
				continue
			}
			by := wire.RunRequest{Request: &wire.Request{
				Method: "POST", Path: "/greet/Ada", Params: map[string]string{"name": "Ada"}, QueryAll: map[string][]string{"lang": {"en", "de"}}, RemoteAddr: "192.0.2.7",
				Headers: map[string]string{"accept": "text/html", "cookie": "sid=42", "content-type": "application/json"}, Body: json.RawMessage(`"{\"letters\": 3}"`),
			}}
			if strings.Contains(example, "ctx.event.") {
				by = wire.RunRequest{Event: eventOfEachSource(t)}
			}
			run, err := admin.Run(t.Context(), id, by)
			require.NoError(t, err)
			assert.Equal(t, "ok", run.Outcome, "%s:\n%s\n%+v", page.Name, example, run.Error)
			var printed []string
			for _, line := range run.Logs {
				printed = append(printed, strings.TrimSpace(line.Message+" "+string(line.Data)))
			}
			assert.Regexp(t, asPattern(strings.Join(expected(example, "prints"), "\n")), strings.Join(printed, "\n"), "%s:\n%s", page.Name, example)
		}
	}
	assert.Greater(t, examples, 120)
}

// eventOfEachSource is what the dashboard has as samples of ctx.event, in one: an event of kv with the parts of all.
func eventOfEachSource(t *testing.T) json.RawMessage {
	text, err := os.ReadFile("../dashboard/page/src/screens/scripts/samples.json")
	require.NoError(t, err)
	var samples map[string]map[string]any
	require.NoError(t, json.Unmarshal(text, &samples))
	one, parts := map[string]any{}, map[string]any{}
	for _, sample := range samples {
		source := sample["source"].(string)
		parts[source] = sample[source]
		if source == "kv" {
			one = sample
		}
	}
	maps.Copy(one, parts)
	event, err := json.Marshal(one)
	require.NoError(t, err)
	return event
}

var fence = regexp.MustCompile("(?s)```rhai\n(.*?)\n```")

// examplesOn are the examples of a page that say what they do.
func examplesOn(page string) (examples []string) {
	for _, found := range fence.FindAllStringSubmatch(page, -1) {
		if strings.Contains(found[1], "// prints ") || strings.Contains(found[1], "// answers ") {
			examples = append(examples, found[1])
		}
	}
	return examples
}

// expected is what the comments of an example say that it prints, or answers.
func expected(example, what string) (all []string) {
	for line := range strings.Lines(example) {
		if _, text, found := strings.Cut(line, "// "+what+" "); found {
			all = append(all, strings.TrimSpace(text))
		}
	}
	return all
}

// asPattern is a text as a pattern, in which … stands for any text.
func asPattern(text string) string {
	return "(?s)^" + strings.ReplaceAll(regexp.QuoteMeta(text), "…", ".*") + "\n?$"
}

// askExample asks for the example by its route, with a form.
func askExample(t *testing.T, url string) string {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("picture", "cat.png")
	require.NoError(t, err)
	_, err = part.Write([]byte("\x89PNG"))
	require.NoError(t, err)
	require.NoError(t, form.Close())
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/greet/Ada", &body)
	require.NoError(t, err)
	request.Header.Set("Content-Type", form.FormDataContentType())
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return string(text)
}

// newExampleService starts what the examples ask in the place of api.example.com.
func newExampleService(t *testing.T) (url string) {
	mux := http.NewServeMux()
	mux.HandleFunc("/greeting", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"greeting":"Hello, %s!"}`, r.URL.Query().Get("name"))
	})
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var value any = string(body)
		if json.Valid(body) {
			value = json.RawMessage(body)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"method": r.Method, "body": value})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// The command line shows the reference without a server.
func TestHelp(t *testing.T) {
	p := newPlace(t)
	assert.Contains(t, p.must(t, "help"), "picloud help NAME")
	set := p.must(t, "help", "kv.set")
	assert.Contains(t, set, "kv.set\n")
	assert.Contains(t, set, "KvCollection.set(key: string, value: any [, options: #{ttl_ms: int, if_absent: bool}]) -> bool")
	assert.Contains(t, set, "Needs the capability AppKvWrite.")
	assert.NotContains(t, set, "```")
	assert.Equal(t, set, p.must(t, "help", "kv::set"))
	assert.Contains(t, p.must(t, "help", "kv"), "picloud kv --help tells of the command.")
	assert.Contains(t, p.must(t, "help", "deploy"), "Usage: picloud deploy")
	assert.Contains(t, p.must(t, "help", "help"), "Usage: picloud help")
	assert.Contains(t, p.must(t, "help", "secrets", "set"), "Usage: picloud secrets set")
	assert.Contains(t, p.must(t, "help", "filters"), "$exists")
	assert.Contains(t, p.must(t, "help", "len"), "A function of Rhai's own.")
	assert.Contains(t, p.must(t, "help", "ctx.request.query"), "ctx.request.query: map")
	assert.Contains(t, p.must(t, "help", "--definitions"), "fn collection(name: String) -> KvCollection;")
	p.fails(t, exitUsage, "did you mean kv.incr?", "help", "kv.inrc")
	p.fails(t, exitUsage, `there is nothing about "zzzzzz"; picloud help lists what there is`, "help", "zzzzzz")
}
