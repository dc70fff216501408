package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/picloud/picloud/host/background/turns"
)

// Bounds of a group, which ends with the first that it comes to.
const (
	mostShares   = 64
	longestGroup = 4 * time.Millisecond // from its beginning; the share under way then is the last
)

// Bounds of a share that is not the first of its group: what goes beyond keeps those before it waiting.
const (
	mostStatements = 128
	mostBytes      = 64 << 10 // of their arguments
)

// standing is where in a group a share may be.
type standing int

const (
	anywhere standing = iota
	inFront           // since it takes long: those who ran before need not wait for it
	byItself
)

// commits has short transactions that wait for the one connection that writes share a commit, since most of what a
// commit takes is the disk. It is no service that runs beside them: the connection goes from hand to hand.
//
// Who finds nobody at work begins a transaction of the database, a group, and runs in it. Whoever has run hands the
// open group to the next in line, or, if there is none or the group has come to a bound, commits it. All who ran
// wait for that commit; meanwhile others come, and the first of them begins the next group. So a lone transaction
// waits for nobody, and the more there are, the more share.
//
// A share that takes long is the first of its group, and so keeps nobody waiting but those who come behind it. What turns
// out to only when it runs is undone before the statement that would be too much, and comes again.
//
// The share of each is a savepoint: what fails, panics or is too late is undone by itself. Statements of a group are not
// interrupted, since that would undo what others did: a context that has ended is seen before each. If the
// group as a whole is undone, as by a full disk, each of its shares is run again in a group of its own, and what
// it fails with there is its own.
type commits struct {
	db      *database
	longest time.Duration // longestGroup

	mu   sync.Mutex
	busy bool // somebody has the connection, or is about to get it from the pool
	line line
}

// Errors of shares of which nothing is kept, and which are to be run again.
var (
	errUndone = errors.New("the transaction that this one shared was undone")
	errLong   = errors.New("this is too much for a transaction that others share")
)

// group is an open transaction that shares are run in, one after the other. Whoever has the connection has the group.
type group struct {
	tx      *sql.Tx
	queryer queryer
	release func() // of its context
	began   time.Time
	shares  int  // that were run in it
	ended   bool // nothing can be run in it any more

	done   chan struct{} // closed when it is committed or undone
	err    error         // nil if it is committed; to be read when it is done
	undoer *transaction  // the share that has had all of it undone; nil: none has
}

// run runs fn as a share of somebody's transaction. The error is fn's, or that of the commit.
func (c *commits) run(ctx context.Context, appID string, at standing, fn func(tx *transaction) error) error {
	err := c.share(ctx, appID, at, fn)
	if errors.Is(err, errLong) {
		err = c.share(ctx, appID, inFront, fn)
	}
	if errors.Is(err, errUndone) {
		err = c.share(ctx, appID, byItself, fn)
	}
	return err
}

// share runs fn in a group.
func (c *commits) share(ctx context.Context, appID string, at standing, fn func(tx *transaction) error) error {
	turns.Wait(ctx) // for the disk, if for nobody before
	g, err := c.enter(ctx, appID, at)
	if err != nil {
		return err
	}
	tx := &transaction{queryer: g.queryer, sql: g.tx, deed: openDeed(ctx)}
	defer tx.leave() // of an fn that panics
	err = c.hand(g, at, func() error { return g.run(ctx, c.db, tx, fn) })
	if !errors.Is(err, errLong) { // else nothing of the group matters to it
		<-g.done
		if g.err != nil && g.undoer != tx { // also of a refusal, which may be due to what is undone
			err = g.err
		}
	}
	if err != nil {
		tx.giveBack()
		return err
	}
	tx.leave()
	for _, fn := range tx.afterCommit {
		fn()
	}
	return nil
}

// enter waits for the connection, which comes with the group that is open, or begins one.
func (c *commits) enter(ctx context.Context, appID string, at standing) (*group, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	if !c.busy {
		c.busy = true
		c.mu.Unlock()
		return c.begin(ctx)
	}
	w := &waiting{at, make(chan *group, 1)}
	c.line.join(appID, w)
	c.mu.Unlock()
	var g *group
	select {
	case g = <-w.turn:
	case <-ctx.Done():
		c.mu.Lock()
		left := c.line.leave(appID, w)
		c.mu.Unlock()
		if left {
			return nil, ctx.Err()
		}
		g = <-w.turn // it came at the same time
	}
	if g == nil {
		return c.begin(ctx)
	}
	return g, nil
}

// begin begins a group. Until it has begun the context can end that; from then on the group is others', too.
func (c *commits) begin(ctx context.Context) (*group, error) {
	if c.db.statements != nil {
		c.db.statements.prepareMissing(ctx)
	}
	within, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	tx, err := c.db.Write.BeginTx(within, nil)
	if err == nil && !stop() {
		err = errors.Join(ctx.Err(), tx.Rollback())
	}
	if err != nil {
		cancel()
		c.next()
		return nil, err
	}
	return &group{tx: tx, queryer: uninterrupted{c.db.within(tx)}, release: cancel, began: time.Now(), done: make(chan struct{})}, nil
}

// hand does something in the group, and hands it on or ends it, also if that panics.
func (c *commits) hand(g *group, at standing, do func() error) error {
	defer func() {
		c.mu.Lock()
		if at != byItself && !g.ended && g.shares < mostShares && time.Since(g.began) < c.longest {
			if w := c.line.next(func(w *waiting) bool { return w.at == anywhere }); w != nil {
				c.mu.Unlock()
				w.turn <- g
				return
			}
		}
		c.mu.Unlock()
		g.end()
		c.next()
	}()
	return do()
}

// next gives the connection to who is next in line, to begin a group.
func (c *commits) next() {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.line.next(func(*waiting) bool { return true })
	if w == nil {
		c.busy = false
		return
	}
	w.turn <- nil
}

const (
	shareBegin = `SAVEPOINT share`
	shareKeep  = `RELEASE share`
	shareUndo  = `ROLLBACK TO share`
)

// run runs fn and undoes what it did if it fails or panics, or the context has ended. The first share needs no
// savepoint: the whole is its own.
func (g *group) run(ctx context.Context, db *database, tx *transaction, fn func(tx *transaction) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	whole := g.shares == 0
	g.shares++
	var among *bounded
	if !whole {
		if err := g.do(shareBegin); err != nil {
			g.undo(errors.Join(errUndone, err))
			return err
		}
		among = &bounded{g.queryer, mostStatements, mostBytes}
		tx.queryer = among
	}
	kept := false
	defer func() {
		switch {
		case kept:
		case whole:
			g.undo(nil)
		case g.do(shareUndo) != nil || g.do(shareKeep) != nil: // the database has undone all of it
			g.undo(errUndone)
			g.undoer = tx
		}
	}()
	err := fn(tx)
	if err == nil {
		err = db.record(ctx, tx)
	}
	if among.over() { // whatever was made of it
		return errLong
	}
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if !whole {
		if err := g.do(shareKeep); err != nil {
			return err
		}
	}
	kept = true
	return nil
}

// do runs a statement about the savepoint, whatever became of a context.
func (g *group) do(statement string) error {
	_, err := g.queryer.ExecContext(context.Background(), statement)
	return err
}

// undo ends the group with nothing kept, and with an error for those who have shares in it.
func (g *group) undo(err error) {
	_ = g.tx.Rollback() // which has been rolled back in any case when the connection goes back
	g.ended, g.err = true, err
}

// end commits the group, unless it has ended.
func (g *group) end() {
	if !g.ended {
		g.ended = true
		if err := g.tx.Commit(); err != nil {
			if g.err = err; g.shares > 1 {
				g.err = errors.Join(errUndone, err)
			}
		}
	}
	g.release()
	close(g.done)
}

// uninterrupted runs statements that are not interrupted when their context ends, and none after that.
type uninterrupted struct{ queryer }

func (u uninterrupted) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return u.queryer.ExecContext(unlessEnded(ctx), query, args...)
}

func (u uninterrupted) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return u.queryer.QueryContext(unlessEnded(ctx), query, args...)
}

func (u uninterrupted) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return u.queryer.QueryRowContext(unlessEnded(ctx), query, args...)
}

// unlessEnded returns a context that does not end, or ctx if it has.
func unlessEnded(ctx context.Context) context.Context {
	if ctx.Err() != nil {
		return ctx
	}
	return context.Background()
}

// bounded runs the statements of a share that is not the first of its group, until they are too much.
type bounded struct {
	queryer
	statements, bytes int // that may still be run, and be given to them
}

// over reports whether they were too much.
func (b *bounded) over() bool { return b != nil && (b.statements < 0 || b.bytes < 0) }

func (b *bounded) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return b.queryer.ExecContext(b.unlessOver(ctx, args), query, args...)
}

func (b *bounded) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return b.queryer.QueryContext(b.unlessOver(ctx, args), query, args...)
}

func (b *bounded) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return b.queryer.QueryRowContext(b.unlessOver(ctx, args), query, args...)
}

// unlessOver returns the context to run a statement in: one that has ended if it would be too much.
func (b *bounded) unlessOver(ctx context.Context, args []any) context.Context {
	b.statements--
	for _, arg := range args {
		switch arg := arg.(type) {
		case string:
			b.bytes -= len(arg)
		case []byte:
			b.bytes -= len(arg)
		}
	}
	if b.over() {
		return ended
	}
	return ctx
}

// ended is a context that has ended.
var ended = func() context.Context {
	ctx, end := context.WithCancel(context.Background())
	end()
	return ctx
}()

// waiting is somebody in a line.
type waiting struct {
	at   standing
	turn chan *group // gets the open group, or nil for whoever is to begin one
}

// line has those who wait: of each app in their order, and the apps by turns.
type line struct {
	apps []*lineOfApp // the next one first
}

type lineOfApp struct {
	id   string
	line []*waiting // never empty
}

func (l *line) join(appID string, w *waiting) {
	for _, app := range l.apps {
		if app.id == appID {
			app.line = append(app.line, w)
			return
		}
	}
	l.apps = append(l.apps, &lineOfApp{appID, []*waiting{w}})
}

// next takes out who comes next, if that one is wanted; nil: nobody is.
func (l *line) next(wanted func(*waiting) bool) *waiting {
	if len(l.apps) == 0 || !wanted(l.apps[0].line[0]) {
		return nil
	}
	app := l.apps[0]
	w := app.line[0]
	app.line = app.line[1:]
	l.apps = l.apps[1:]
	if len(app.line) > 0 {
		l.apps = append(l.apps, app)
	}
	return w
}

// leave takes somebody out, and reports whether he was still there.
func (l *line) leave(appID string, w *waiting) bool {
	for i, app := range l.apps {
		if app.id != appID {
			continue
		}
		at := slices.Index(app.line, w)
		if at < 0 {
			return false
		}
		if app.line = slices.Delete(app.line, at, at+1); len(app.line) == 0 {
			l.apps = slices.Delete(l.apps, i, i+1)
		}
		return true
	}
	return false
}
