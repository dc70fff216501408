package manifest

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/picloud/picloud/host/cli/caret"
)

// An onDisk is a manifest as it is in its file.
type onDisk struct {
	path string
	text []byte
}

// at returns "PATH:LINE" of what an error is about, as its text says, or the path alone.
func (w onDisk) at(message string) string {
	if line := lineOf(w.text, message); line > 0 {
		return fmt.Sprintf("%s:%d", w.path, line)
	}
	return w.path
}

// Located returns an error of a deploy of the app with the place in the manifest that it is about, if there is
// one. What is wrong in a script has its place there.
func (a App) Located(err error) error {
	var inScript *caret.Error
	if err == nil || a.file.path == "" || errors.As(err, &inScript) || lineOf(a.file.text, err.Error()) == 0 {
		return err
	}
	return fmt.Errorf("%s: %w", a.file.at(err.Error()), err)
}

var (
	// keyed begins a message about a key, or an item of a list: "scripts[0]: ", "limits.timeout_ms: ".
	keyed = regexp.MustCompile(`^([a-z_]+)(?:\[(\d+)\])?(?:: |\.|$)`)
	// ofStep begins a message of a step about what has a name in the manifest: "trigger nightly: ".
	ofStep = regexp.MustCompile(`^(app|script|trigger|topic|domain|static site) (\S+): `)
)

// sections are where what has a name is in a manifest, and the key of the name.
var sections = map[string]struct{ list, key string }{
	"script": {"scripts", "name"}, "trigger": {"triggers", "name"}, "topic": {"topics", "topic"}, "domain": {"domains", ""}, "static site": {"static", "name"},
}

// lineOf returns the line of a manifest, from 1, of what a message about it begins with, as far as it can be
// followed; 0 if it names nothing that is there.
func lineOf(text []byte, message string) int {
	var document yaml.Node
	if yaml.Unmarshal(text, &document) != nil || len(document.Content) == 0 {
		return 0
	}
	node, line := document.Content[0], 0
	if found := ofStep.FindStringSubmatch(message); found != nil {
		message = message[len(found[0]):]
		if found[1] == "app" {
			return lineOf(text, strings.Replace(message, "slug: ", "app: ", 1))
		}
		section := sections[found[1]]
		if _, node = child(node, section.list); node == nil {
			return 0
		}
		item := itemNamed(node, section.key, found[2])
		if item == nil {
			return 0
		}
		node, line = item, item.Line
	}
	for {
		found := keyed.FindStringSubmatch(message)
		if found == nil {
			return line
		}
		key, value := child(node, found[1])
		if key == nil {
			return line
		}
		node, line = value, key.Line
		if i, err := strconv.Atoi(found[2]); err == nil {
			if value.Kind != yaml.SequenceNode || i >= len(value.Content) {
				return line
			}
			node = value.Content[i]
			line = node.Line
		}
		message = message[len(found[0]):]
	}
}

// child returns a key of a mapping with its value, or nil.
func child(of *yaml.Node, name string) (key, value *yaml.Node) {
	if of.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(of.Content); i += 2 {
			if of.Content[i].Value == name {
				return of.Content[i], of.Content[i+1]
			}
		}
	}
	return nil, nil
}

// itemNamed returns the item of a list that has a name, or is it.
func itemNamed(list *yaml.Node, key, name string) *yaml.Node {
	for _, item := range list.Content {
		if key == "" && item.Value == name {
			return item
		}
		if _, value := child(item, key); value != nil && value.Value == name {
			return item
		}
	}
	return nil
}
