package manifest

import (
	"context"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/picloud/picloud/host/api/wire"
)

func (r *remote) Topics(context.Context, string) iter.Seq2[wire.Topic, error] {
	return listing(r.topics)
}

func (r *remote) SetTopic(_ context.Context, app, topic string, set wire.TopicSet) (wire.Topic, error) {
	r.did("topic %s of %s is for %s", topic, app, set.Access)
	return wire.Topic{Topic: topic, Access: set.Access}, nil
}

func (r *remote) DeleteTopic(_ context.Context, app, topic string) error {
	r.did("delete topic %s of %s", topic, app)
	return nil
}

// withTopics reads a manifest of the app shop with topics.
func withTopics(t *testing.T, topics string) (App, error) {
	t.Helper()
	return Read(folder(t, map[string]string{"picloud.yaml": "app: shop\ntopics:\n" + topics}), "")
}

func TestReadTopics(t *testing.T) {
	got, err := withTopics(t, "  - {topic: prices, access: public}\n  - topic: orders.ada\n  - {topic: b, access: token}\n")
	if err != nil {
		t.Fatal(err)
	}
	if want := []Topic{{"prices", "public"}, {"orders.ada", "token"}, {"b", "token"}}; !slices.Equal(got.Topics, want) {
		t.Errorf("topics are %v, want %v", got.Topics, want)
	}
	for _, test := range []struct{ name, topics, want string }{
		{"no list", "  {}", "cannot unmarshal !!map into a list of topics"},
		{"names alone", "  - prices", "cannot unmarshal !!str `prices` into a topic"},
		{"unknown field", "  - topic: a\n    acces: public", "line 4: field acces is not known here"},
		{"no name", "  - {access: public}", "topics[0]: topic is missing"},
		{"unknown access", "  - {topic: a, access: private}", `topics[0]: access must be public or token, got "private"`},
		{"named twice", "  - {topic: a}\n  - {topic: a, access: public}", `topics[1]: topic "a" is named twice`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := withTopics(t, test.topics); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error = %v, want it to say: %s", err, test.want)
			}
		})
	}
}

func TestPlanTopics(t *testing.T) {
	there := func() *remote {
		return &remote{app: &wire.App{ID: "app", Slug: "shop"}, topics: []wire.Topic{{Topic: "a", Access: "public"}, {Topic: "b", Access: "token"}}}
	}
	for _, test := range []struct {
		name       string
		there      *remote
		topics     string
		prune      bool
		plan, done []string // of topics
	}{
		{
			name: "a new app", there: &remote{}, topics: "  - {topic: a, access: public}\n",
			plan: []string{"topic a created"}, done: []string{"topic a of shop is for public"},
		},
		{
			name: "nothing has changed", there: there(), topics: "  - {topic: b}\n  - {topic: a, access: public}\n",
			plan: []string{"topic b unchanged", "topic a unchanged"},
		},
		{
			name: "what is not named stays, whom a topic is for changes", there: there(), topics: "  - {topic: a}\n  - {topic: c}\n",
			plan: []string{"topic a updated access", "topic c created"}, done: []string{"topic a of shop is for token", "topic c of shop is for token"},
		},
		{
			name: "what is not named is pruned", there: there(), topics: "  - {topic: b}\n", prune: true,
			plan: []string{"topic b unchanged", "topic a deleted"}, done: []string{"delete topic a of shop"},
		},
		{
			name: "all is pruned", there: there(), prune: true,
			plan: []string{"topic a deleted", "topic b deleted"}, done: []string{"delete topic a of shop", "delete topic b of shop"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			want, err := withTopics(t, test.topics)
			if err != nil {
				t.Fatal(err)
			}
			want.Prune = test.prune
			plansAndDoes(t, test.there, want, "topic ", test.plan, test.done)
		})
	}
}
