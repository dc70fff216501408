package subscriber

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/picloud/picloud/host/store"
)

func TestToken(t *testing.T) {
	key, now := []byte("a key"), time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	topic := store.Topic{AppID: "a", Name: "news", Access: store.AccessToken, CreatedAt: now.Add(-time.Hour)}
	end := now.Add(time.Minute)
	made := encode(key, topic, end)
	changed := topic
	changed.Access = store.AccessPublic
	other := func(change func(*store.Topic)) store.Topic {
		o := topic
		change(&o)
		return o
	}
	last := made[len(made)-1:]
	for _, c := range []struct {
		name  string
		key   []byte
		topic store.Topic
		token string
		now   time.Time
		want  error
	}{
		{"good", key, topic, made, now, nil},
		{"good to the last second", key, topic, made, end.Add(-time.Second), nil},
		{"of a topic whose access has changed", key, changed, made, now, nil},
		{"expired", key, topic, made, end, errExpired},
		{"another topic", key, other(func(o *store.Topic) { o.Name = "news2" }), made, now, errOther},
		{"another app", key, other(func(o *store.Topic) { o.AppID = "b" }), made, now, errOther},
		{"the topic made anew", key, other(func(o *store.Topic) { o.CreatedAt = now }), made, now, errOther},
		{"app and name shifted", key, other(func(o *store.Topic) { o.AppID, o.Name = "", "a\x00news" }), made, now, errOther},
		{"another key", []byte("b key"), topic, made, now, errOther},
		{"another end", key, topic, "pct_B" + made[len("pct_B"):], now, errOther},
		{"none", key, topic, "", now, errMalformed},
		{"no prefix", key, topic, strings.TrimPrefix(made, "pct_"), now, errMalformed},
		{"cut", key, topic, made[:len(made)-1], now, errMalformed},
		{"longer", key, topic, made + "A", now, errMalformed},
		{"not the alphabet", key, topic, strings.TrimSuffix(made, last) + "*", now, errMalformed},
	} {
		got, err := decode(c.key, c.topic, c.token, c.now)
		assert.Equal(t, c.want, err, c.name)
		if c.want == nil {
			assert.True(t, end.Equal(got), c.name)
		}
	}
}
