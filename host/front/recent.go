package front

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/picloud/picloud/host/fault"
)

const (
	// recentPatience is how long requests to an app are kept in mind for who has asked for them.
	recentPatience = time.Minute
	// maxRecent is how many are, of an app.
	maxRecent = 1000
	// maxWatched is how many apps can be watched at once: 1000 requests of each take 2 MiB at most.
	maxWatched = 100
)

// Recent is the requests to apps that have been answered lately by this node, of those apps for which
// somebody asks. It is safe for concurrent use; a nil one has none.
type Recent struct {
	watched atomic.Int32 // apps that are in the map: while there are none, nothing is done
	mu      sync.Mutex
	apps    map[string]*recent // by id
	forgot  time.Time          // when those were looked for last that nobody asks for
	now     func() time.Time
}

// recent is those to one app.
type recent struct {
	items []Answered // the last ones
	next  int64      // number of the next one
	asked time.Time
}

// NewRecent makes a Recent.
func NewRecent() *Recent { return &Recent{apps: map[string]*recent{}, now: time.Now} }

// After returns the requests to an app from a number on, and the number of the next one to come. From 0
// there are none yet: from now on they are kept in mind, for a minute after the last time that somebody
// asks. Of more than a thousand the last are returned. It is
// [fault.Overloaded] where too many apps are followed.
func (r *Recent) After(appID string, number int64) (items []Answered, next int64, err error) {
	if r == nil {
		return nil, 1, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forget()
	of := r.apps[appID]
	if of == nil {
		if len(r.apps) >= maxWatched {
			return nil, 0, fault.New(fault.Overloaded, "requests are followed of too many apps at once")
		}
		of = &recent{next: 1}
		r.apps[appID] = of
		r.watched.Store(int32(len(r.apps)))
	}
	of.asked = r.now()
	if number <= 0 || number > of.next {
		return nil, of.next, nil
	}
	n := min(int(of.next-number), len(of.items))
	return append(items, of.items[len(of.items)-n:]...), of.next, nil
}

// forget forgets the apps for which nobody asks any more.
func (r *Recent) forget() {
	r.forgot = r.now()
	for id, of := range r.apps {
		if r.now().Sub(of.asked) > recentPatience {
			delete(r.apps, id)
		}
	}
	r.watched.Store(int32(len(r.apps)))
}

// add keeps a request in mind, if somebody asks for those to its app.
func (r *Recent) add(a Answered) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, of := r.now(), r.apps[a.AppID]
	if of != nil && now.Sub(of.asked) > recentPatience || now.Sub(r.forgot) > recentPatience {
		r.forget()
		of = r.apps[a.AppID]
	}
	if of != nil {
		if len(of.items) == maxRecent {
			of.items = append(of.items[:0], of.items[maxRecent/2:]...)
		}
		of.items, of.next = append(of.items, a), of.next+1
	}
}

// wanted reports whether somebody asks for requests to any app.
func (r *Recent) wanted() bool { return r != nil && r.watched.Load() > 0 }
