package manifest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/picloud/picloud/host/api/wire"
)

// A Topic is one that a deploy wants to be open to subscribers from outside.
type Topic struct {
	Name   string
	Access string // public or token
}

// topicEntry is a topic as it is written:
//
//	topic: prices
//	access: public             # or token; token when absent
type topicEntry struct {
	Topic  string `yaml:"topic"`
	Access string `yaml:"access"`
}

// readTopics checks the topics of a manifest. What a topic may be called the server knows.
func readTopics(entries []topicEntry) ([]Topic, error) {
	var topics []Topic
	for i, entry := range entries {
		t := Topic{entry.Topic, cmp.Or(entry.Access, "token")}
		var err error
		switch {
		case t.Name == "":
			err = errors.New("topic is missing")
		case t.Access != "public" && t.Access != "token":
			err = fmt.Errorf("access must be public or token, got %q", t.Access)
		case slices.ContainsFunc(topics, func(other Topic) bool { return other.Name == t.Name }):
			err = fmt.Errorf("topic %q is named twice", t.Name)
		}
		if err != nil {
			return nil, fmt.Errorf("topics[%d]: %w", i, err)
		}
		topics = append(topics, t)
	}
	return topics, nil
}

// topicStep opens a topic, changes who may subscribe to it, or leaves it.
type topicStep struct {
	want    Topic
	present wire.Topic // the zero Topic when it is to be opened
}

// topicDeletion makes a topic the app's own again.
type topicDeletion struct{ present wire.Topic }

// planTopics returns the steps that open the topics that are wanted, and after them those that close
// what is not.
func planTopics(want App, topics []wire.Topic) []step {
	var steps []step
	present := map[string]wire.Topic{}
	for _, t := range topics {
		present[t.Topic] = t
	}
	for _, t := range want.Topics {
		steps = append(steps, &topicStep{t, present[t.Name]})
		delete(present, t.Name)
	}
	for _, t := range topics {
		if _, unwanted := present[t.Topic]; unwanted && want.Prune {
			steps = append(steps, &topicDeletion{t})
		}
	}
	return steps
}

func (s *topicStep) planned() Change {
	change := Change{What: "topic", Name: s.want.Name, Result: Unchanged}
	switch s.present.Access {
	case s.want.Access:
	case "":
		change.Result = Created
	default:
		change.Result, change.Fields = Updated, []string{"access"}
	}
	return change
}

func (s *topicStep) diff() (d difference) {
	d.field("access", s.present.Access, s.want.Access)
	return d
}

func (s *topicStep) change(context.Context, *application) (*wire.DeployChange, error) {
	if s.planned().Result == Unchanged {
		return nil, nil
	}
	return request("set-topic", s.want.Name, wire.TopicSet{Access: s.want.Access}), nil
}

func (s *topicStep) explain(err error) error { return fmt.Errorf("topic %s: %w", s.want.Name, err) }

func (s *topicDeletion) planned() Change {
	return Change{What: "topic", Name: s.present.Topic, Result: Deleted}
}

func (s *topicDeletion) change(context.Context, *application) (*wire.DeployChange, error) {
	return request("delete-topic", s.present.Topic, nil), nil
}

func (s *topicDeletion) explain(err error) error {
	return fmt.Errorf("delete topic %s: %w", s.present.Topic, err)
}
