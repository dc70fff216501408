package reference_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/reference"
)

var (
	links    = regexp.MustCompile(`href="([^"]*)"`)
	headings = regexp.MustCompile(`<h[1-6] id="([^"]*)"`)
)

// Each link of each page leads to a page and a heading that there are, and the index to every function: nobody
// needs more than two steps.
func TestLinks(t *testing.T) {
	anchors := map[string]bool{}
	pages := append(reference.Pages(), reference.Page{Name: reference.Index})
	for _, page := range pages {
		html, ok := reference.HTML(page.Name)
		require.True(t, ok, page.Name)
		anchors[page.Name] = true
		for _, heading := range headings.FindAllStringSubmatch(string(html), -1) {
			anchors[page.Name+"#"+heading[1]] = true
		}
	}
	fromIndex := map[string]bool{}
	for _, page := range pages {
		html, _ := reference.HTML(page.Name)
		assert.NotContains(t, string(html), "<script", page.Name)
		for _, link := range links.FindAllStringSubmatch(string(html), -1) {
			target := link[1]
			if strings.HasPrefix(target, "https://") {
				continue
			}
			if strings.HasPrefix(target, "#") {
				target = page.Name + target
			}
			assert.True(t, anchors[target], "%s leads to %s, which there is not", page.Name, target)
			if page.Name == reference.Index {
				fromIndex[target] = true
			}
		}
	}
	for _, m := range reference.Read().Modules {
		assert.True(t, fromIndex[m.Name], m.Name)
		for _, it := range m.Items {
			if it.Kind != "property" {
				assert.True(t, fromIndex[m.Name+"#"+it.Name], it.Full)
			}
		}
	}
}

func TestFind(t *testing.T) {
	for name, want := range map[string]string{
		"kv":               "# kv: Keys and values",
		"kv.set":           "# kv.set\n",
		"kv::set":          "# kv.set\n",
		"kv.set()":         "# kv.set\n",
		"KvCollection.set": "# kv.set\n",
		"invoke":           "# invoke\n",
		"ctx.event.cron":   "# ctx.event.cron\n",
		"save_file":        "# ctx.save_file\n",
		"sort_desc":        "# sort_desc\n",
		"limits":           "| `max_operations` | 1,000,000 | 100,000,000 |",
		"errors":           "| `limit_exceeded` | 507 |",
		"index":            "[subscriber_token](pubsub.md#subscriber_token)",
	} {
		text, similar, ok := reference.Find(name)
		assert.True(t, ok, name)
		assert.Empty(t, similar)
		assert.Contains(t, text, want, name)
	}
	both, _, ok := reference.Find("get") // of several modules
	assert.True(t, ok)
	assert.Contains(t, both, "# kv.get\n")
	assert.Contains(t, both, "# secrets.get\n")

	for name, want := range map[string][]string{
		"kv.inrc": {"kv.incr"}, "filter": nil, "fliters": {"filters"}, "dead_leters": {"dead_letters"}, "qqqqqqqq": nil,
	} {
		_, similar, ok := reference.Find(name)
		if want != nil {
			assert.False(t, ok, name)
			assert.Equal(t, want, similar, name)
		} else if !ok {
			assert.Empty(t, similar, name)
		}
	}
	for _, name := range reference.Names() {
		_, _, ok := reference.Find(name)
		assert.True(t, ok, name)
	}
}

func TestAdvice(t *testing.T) {
	const text = "&str | ImmutableString | String"
	for message, want := range map[string]string{
		"Function not found: gett (KvCollection, " + text + ") (line 1, position 5)":        "did you mean KvCollection.get(key: string) -> any?",
		"Function not found: incr (KvCollection, " + text + ") (line 1, position 5)":        "there is KvCollection.incr(key: string, by: int) -> int",
		"Function not found: fetch (QueueTopic) (line 1, position 5)":                       "there are push, push_all",
		"Function not found: kv::colection (" + text + ") (line 1, position 5)":             "did you mean kv::collection(name: string) -> KvCollection?",
		"Function not found: json::parse (i64) (line 1, position 5)":                        "there is json::parse(text: string) -> any",
		"Function not found: redirct (" + text + ") (line 1, position 5)":                   "did you mean redirect(url: string [, status: int]) -> map?",
		"Function not found: sub_strng (" + text + ", i64) (line 1, position 5)":            "did you mean sub_string(",
		"Function not found: sqrt (" + text + ") (line 1, position 5)":                      "there is sqrt(x: float) -> float",
		"Function not found: fetch () (line 1, position 5)":                                 "",
		"Function not found: my_own_function (map, ()) (line 1, position 5)":                "",
		"Function not found: nope (i64) (line 2, position 5)":                               "",
		"Module not found: jsno (line 1, position 5)":                                       "did you mean json?",
		"Module not found: shop (line 1, position 5)":                                       "",
		"Runtime error: Function not found: gett (KvCollection) (line 1, position 5)":       "",
		"Variable not found: x (line 1, position 5)":                                        "",
		"In call to function 'f' < Function not found: gett (DocsCollection, i64) (line 2)": "did you mean DocsCollection.get(id: string) -> map | ()?",
	} {
		got := reference.Advice(message, false)
		if strings.HasSuffix(want, "(") {
			assert.True(t, strings.HasPrefix(got, want), "%s: %s", message, got)
			continue
		}
		assert.Equal(t, want, got, message)
	}
}

// Scripts of tests are told of the functions that they alone have.
func TestAdviceInTests(t *testing.T) {
	const text = "&str | ImmutableString | String"
	for message, want := range map[string]string{
		"Function not found: assert_eqal (i64, i64) (line 1, position 5)":     "did you mean assert_eq(got: any, want: any)",
		"Function not found: clock::sett (" + text + ") (line 1, position 5)": "did you mean clock::set(time: string)",
		"Module not found: clok (line 1, position 5)":                         "did you mean clock?",
	} {
		got := reference.Advice(message, true)
		assert.True(t, strings.HasPrefix(got, want), "%s: %s", message, got)
		assert.NotContains(t, reference.Advice(message, false), want, message)
	}
}

// Advice stands where the error does, before the calls that led there.
func TestAdvised(t *testing.T) {
	assert.Equal(t, "Function not found: lne (array) (line 3, position 5); did you mean len(array: array | blob | map | string) -> int?\nin call to function 'f' (line 1, position 1)",
		reference.Advised("Function not found: lne (array) (line 3, position 5)\nin call to function 'f' (line 1, position 1)", false))
	assert.Equal(t, "Function not found: a (array)", reference.Advised("Function not found: a (array)", false))
}
