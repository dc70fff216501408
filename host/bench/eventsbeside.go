package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/picloud/picloud/host/events"
	service "github.com/picloud/picloud/host/executions"
	"github.com/picloud/picloud/host/store"
)

// slowHandler is how long each event of the slow app takes.
const slowHandler = 200 * time.Millisecond

// beside is a node whose app may have a slow one beside it. One app has half of the places, as on a server.
type beside struct {
	*node
	slow   store.App // whose events wait all the time; zero: there is none
	script string    // its handler

	p50, p99 samples
}

// openBeside opens a node, with a slow app or without.
func openBeside(ctx context.Context, place eventPlace, slow bool) (*beside, error) {
	where, err := place.make()
	if err != nil {
		return nil, err
	}
	n, err := openNode(ctx, where, place.open)
	if err != nil || !slow {
		return &beside{node: n}, err
	}
	b := &beside{node: n}
	b.slow, err = n.addApp(ctx, "slow", &store.Trigger{
		Kind: store.TriggerQueue, Concurrency: eventWorkers, Queue: &store.QueueTrigger{Topic: eventTopic, MaxBatch: 1},
	})
	if err != nil {
		return nil, errors.Join(err, n.close(ctx))
	}
	b.script = n.table.Of(b.slow.ID, store.TriggerQueue)[0].ScriptID
	return b, nil
}

// flood has as many events of the slow app wait as are not done in so long.
func (b *beside) flood(ctx context.Context, long time.Duration) error {
	if b.slow.ID == "" {
		return nil
	}
	for left := eventWorkers / 2 * int(1+long/slowHandler); left > 0; left -= events.MaxMessages {
		messages := slices.Repeat([]events.Message{{Body: eventBody}}, min(left, events.MaxMessages))
		if _, err := b.emitter.Push(ctx, b.slow.ID, eventTopic, messages); err != nil {
			return err
		}
	}
	return nil
}

// sleeper runs the slow app's script slowly, and hands all other events on.
type sleeper struct {
	script string
	others runner
}

func (s sleeper) Run(ctx context.Context, in service.Invocation) (*service.Outcome, error) {
	if in.ScriptID == s.script {
		time.Sleep(slowHandler)
		return &service.Outcome{}, nil
	}
	return s.others.Run(ctx, in)
}

func (b *beside) start(_ context.Context, handler func(id string)) error {
	b.run(sleeper{b.script, handler}, eventWorkers/2)
	return nil
}

// measureBeside measures how long the events of an app take to their handler while another app's handlers are slow and
// many of its events wait, beside those of an app that is alone.
func measureBeside(ctx context.Context, s settings, r *report, place eventPlace) (err error) {
	var sides []*beside
	for _, slow := range []bool{true, false} {
		side, err := openBeside(ctx, place, slow)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, side.close(context.WithoutCancel(ctx))) }()
		sides = append(sides, side)
	}
	n := int(2 * s.load / eventPace)
	for round := range s.rounds + 1 { // the first warms up
		for _, side := range sides {
			if err := side.flood(ctx, 2*2*s.load+time.Second); err != nil {
				return err
			}
			latencies, err := paced(ctx, side, n)
			if err != nil {
				return err
			}
			if round > 0 {
				side.p50, side.p99 = append(side.p50, percentile(latencies, 50)), append(side.p99, percentile(latencies, 99))
			}
		}
	}
	with, alone := sides[0], sides[1]
	const peer = "the app alone"
	r.compare(groupBeside, place.name+", p50", "ms", "", with.p50, measured{peer, alone.p50})
	r.compare(groupBeside, place.name+", p99", "ms", "", with.p99, measured{peer, alone.p99})
	return nil
}
