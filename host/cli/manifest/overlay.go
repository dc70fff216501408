package manifest

import (
	"bytes"
	"errors"
	"fmt"

	"gopkg.in/yaml.v3"
)

// overlaid reads a manifest with what an environment has otherwise. A mapping of it is laid over that
// which is there, key by key; of a list whose items have names, scripts, triggers, topics and static sites,
// each over the one of its name, or is another one; anything else stands for what is there.
func overlaid(text []byte, environment yaml.Node) (document, error) {
	if environment.Kind != yaml.MappingNode {
		return document{}, fmt.Errorf("line %d: must be a mapping, as the manifest is", environment.Line)
	}
	for i := 0; i < len(environment.Content); i += 2 {
		if key := environment.Content[i]; key.Value == "environments" {
			return document{}, fmt.Errorf("line %d: an environment has none of its own", key.Line)
		}
	}
	var whole yaml.Node
	if err := yaml.Unmarshal(text, &whole); err != nil {
		return document{}, errors.New(describeYAML(err))
	}
	lay(whole.Content[0], &environment)
	var laid bytes.Buffer
	encoder := yaml.NewEncoder(&laid)
	if err := encoder.Encode(&whole); err != nil {
		return document{}, err
	}
	var d document
	decoder := yaml.NewDecoder(&laid)
	decoder.KnownFields(true)
	if err := decoder.Decode(&d); err != nil {
		return document{}, errors.New(describeYAML(err))
	}
	return d, nil
}

// lay changes base to what it is with over laid over it.
func lay(base, over *yaml.Node) {
	switch {
	case base.Kind == yaml.MappingNode && over.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(over.Content); i += 2 {
			if there := valueOf(base, over.Content[i].Value); there != nil {
				lay(there, over.Content[i+1])
			} else {
				base.Content = append(base.Content, over.Content[i], over.Content[i+1])
			}
		}
	case base.Kind == yaml.SequenceNode && over.Kind == yaml.SequenceNode && named(base) && named(over):
		for _, item := range over.Content {
			if there := itemOf(base, nameOf(item)); there != nil {
				lay(there, item)
			} else {
				base.Content = append(base.Content, item)
			}
		}
	default:
		*base = *over
	}
}

// valueOf returns the value of a key of a mapping, nil for none.
func valueOf(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// nameOf returns what an item of a list is known by: its name, or the topic that it is about.
func nameOf(item *yaml.Node) string {
	if item.Kind != yaml.MappingNode {
		return ""
	}
	for _, key := range []string{"name", "topic"} {
		if value := valueOf(item, key); value != nil && value.Kind == yaml.ScalarNode {
			return value.Value
		}
	}
	return ""
}

// named reports whether all items of a list have names.
func named(list *yaml.Node) bool {
	for _, item := range list.Content {
		if nameOf(item) == "" {
			return false
		}
	}
	return true
}

func itemOf(list *yaml.Node, name string) *yaml.Node {
	for _, item := range list.Content {
		if nameOf(item) == name {
			return item
		}
	}
	return nil
}
