package dispatch

import (
	"sync"
	"time"

	"github.com/picloud/picloud/host/store"
)

// rateSeconds is how far back a rate looks.
const rateSeconds = 60

// rates counts what was done of the lanes of queues, second by second.
type rates struct {
	mu    sync.Mutex
	lanes map[string]*window
	sweep int64 // the second from which on windows that have nothing more are forgotten
}

// window has what was done in each of the last seconds.
type window struct {
	counts [rateSeconds]uint32 // by the second modulo their number
	last   int64               // the latest second that is counted
}

// slide makes a window that of a second: what is older is forgotten.
func (w *window) slide(now int64) {
	for s := max(w.last+1, now-rateSeconds+1); s <= now; s++ {
		w.counts[s%rateSeconds] = 0
	}
	w.last = max(w.last, now)
}

// add counts messages of a lane as done.
func (r *rates) add(lane string, n int, now time.Time) {
	second := now.Unix()
	r.mu.Lock()
	defer r.mu.Unlock()
	if second >= r.sweep {
		for name, w := range r.lanes {
			if w.last <= second-rateSeconds {
				delete(r.lanes, name)
			}
		}
		r.sweep = second + rateSeconds
	}
	if r.lanes == nil {
		r.lanes = map[string]*window{}
	}
	w := r.lanes[lane]
	if w == nil {
		w = &window{last: second}
		r.lanes[lane] = w
	}
	w.slide(second)
	w.counts[second%rateSeconds] += uint32(n)
}

// of returns how many messages of a lane were done a second, over the last minute.
func (r *rates) of(lane string, now time.Time) float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.lanes[lane]
	if w == nil {
		return 0
	}
	w.slide(now.Unix())
	sum := 0
	for _, n := range w.counts {
		sum += int(n)
	}
	return float64(sum) / rateSeconds
}

// count takes down which messages of a queue are done. A message counts when its handler has ended well, and so
// on the node that has handled it.
func (r *rates) count(claimed []store.Event, settled []store.Settlement) {
	if claimed[0].Source != store.EventQueue {
		return
	}
	done := 0
	for _, s := range settled {
		if outcomeOf(s) == "done" {
			done++
		}
	}
	if done > 0 {
		r.add(claimed[0].Lane, done, time.Now())
	}
}

// QueueRate returns how many messages of a lane were done a second on this node, over the last minute.
func (d *Dispatcher) QueueRate(lane string) float64 { return d.rates.of(lane, time.Now()) }
