package backup

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/picloud/picloud/host/background"
	"github.com/picloud/picloud/host/backup/archive"
	"github.com/picloud/picloud/host/events/schedule"
	"github.com/picloud/picloud/host/store"
)

// Place is where backups are kept.
type Place interface {
	// Put keeps what is read to its end under a name, all or nothing.
	Put(ctx context.Context, name string, from io.Reader) error
	// Names lists what is kept.
	Names(ctx context.Context) ([]string, error)
	// Remove removes one.
	Remove(ctx context.Context, name string) error
	// RemoveUnfinished removes what a process has left that ended while it put something.
	RemoveUnfinished(ctx context.Context, now time.Time) error
}

// ScheduleConfig is what a [Schedule] is made of.
type ScheduleConfig struct {
	Service    *Service
	When       *schedule.Schedule
	Place      Place
	Keep       int             // how many are kept, the newest; 0: all
	Recipients []age.Recipient // who can decrypt them; none: they are not encrypted
	Registerer prometheus.Registerer
}

// Schedule makes backups at their times, on one of the nodes that share a database. One whose time came
// while no node ran is made at the next start. What fails is tried again, after a pause.
type Schedule struct {
	*background.Task
	config  ScheduleConfig
	backups store.Backups
	now     func() time.Time
	log     *slog.Logger

	success, size, damaged prometheus.Gauge
	failures               prometheus.Counter
}

const (
	scheduleEvery = 10 * time.Second // how late a backup may begin
	schedulePause = 10 * time.Minute // the longest pause after failures
)

// NewSchedule makes a schedule that waits for its Start.
func NewSchedule(c ScheduleConfig) *Schedule {
	s := &Schedule{config: c, backups: c.Service.config.Store.Backups(), now: c.Service.config.Now, log: c.Service.config.Log}
	s.success = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "picloud_backup_last_success_timestamp_seconds", Help: "When the last scheduled backup of this node was whole; 0: none was since its start.",
	})
	s.size = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "picloud_backup_last_size_bytes", Help: "How many bytes the last scheduled backup of this node had.",
	})
	s.damaged = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "picloud_backup_last_damaged_files", Help: "How many files were damaged when the last scheduled backup of this node was made, which has them as they were.",
	})
	s.failures = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "picloud_backup_failures_total", Help: "Scheduled backups that failed on this node.",
	})
	if c.Registerer != nil {
		c.Registerer.MustRegister(s.success, s.size, s.damaged, s.failures)
	}
	s.Task = background.NewTask(background.TaskConfig{Name: "scheduled backup", Every: scheduleEvery, MaxPause: schedulePause, Log: s.log, Run: s.run})
	return s
}

// run makes a backup if it is time.
func (s *Schedule) run(ctx context.Context) error {
	last, ever, err := s.backups.Begun(ctx)
	if err != nil {
		return err
	}
	now := s.now().UTC().Truncate(time.Microsecond)
	if !ever { // from now on
		_, err := s.backups.Begin(ctx, now, time.Time{})
		return err
	}
	if next, ok := s.config.When.Next(last); !ok || next.After(now) {
		return nil
	}
	if mine, err := s.backups.Begin(ctx, now, last); err != nil || !mine {
		return err
	}
	if err := s.make(ctx, now); err != nil {
		s.failures.Inc()
		// It is still to be made, here or elsewhere.
		_, undone := s.backups.Begin(background.Grace(ctx), last, now)
		if undone != nil {
			s.log.Error("the next attempt at the backup is at its next time", "error", undone)
		}
		return err
	}
	return nil
}

// The names of backups have their times and the mark of the instance, of which others may keep theirs in the
// same place.
const (
	namePrefix = "picloud-"
	nameTime   = "20060102T150405Z"
	markLength = 8
)

// mark returns what distinguishes the names of this instance's backups from those of others, also of one that
// was restored from them: it is of the directory of the files. "": that has no mark.
func (s *Schedule) mark(ctx context.Context) (string, error) {
	root, err := s.config.Service.config.Store.Files().Root(ctx, "")
	if err != nil || root == "" {
		return "", err
	}
	return "-" + root[:min(markLength, len(root))], nil
}

func (s *Schedule) name(at time.Time, mark string) string {
	name := namePrefix + at.UTC().Format(nameTime) + mark + archive.Suffix
	if len(s.config.Recipients) > 0 {
		name += archive.Encrypted
	}
	return name
}

// isName reports whether a name could be that of a scheduled backup of the instance with a mark.
func isName(name, mark string) bool {
	at, ok := strings.CutSuffix(strings.TrimSuffix(name, archive.Encrypted), mark+archive.Suffix)
	if !ok {
		return false
	}
	_, err := time.Parse(namePrefix+nameTime, at)
	return err == nil
}

// make makes a backup and removes those that are too many then.
func (s *Schedule) make(ctx context.Context, at time.Time) error {
	began := s.now()
	if err := s.config.Place.RemoveUnfinished(ctx, began); err != nil { // which the next one tries again
		s.log.Error("unfinished backups cannot be removed", "error", err)
	}
	mark, err := s.mark(ctx)
	if err != nil {
		return err
	}
	name := s.name(at, mark)
	end, size, err := s.put(ctx, name)
	if err != nil {
		return fmt.Errorf("backup %s: %w", name, err)
	}
	s.success.Set(float64(s.now().Unix()))
	s.size.Set(float64(size))
	s.damaged.Set(float64(end.DamagedFiles))
	s.log.Info("backup made", "name", name, "bytes", size, "files", end.Files, "took", s.now().Sub(began).Round(time.Millisecond))
	if err := s.retain(ctx, mark); err != nil { // which the next one tries again
		s.log.Error("old backups cannot be removed", "error", err)
	}
	return nil
}

// put makes a backup while it is being sent to its place.
func (s *Schedule) put(ctx context.Context, name string) (end archive.End, size int64, err error) {
	service := s.config.Service
	if err := service.begin(); err != nil {
		return end, 0, err
	}
	defer service.busy.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(service.ctx, cancel)()
	read, write := io.Pipe()
	counted := &counter{to: write}
	written := make(chan error, 1)
	go func() {
		var err error
		end, err = s.encrypted(ctx, counted)
		written <- err
		_ = write.CloseWithError(err)
	}()
	err = s.config.Place.Put(ctx, name, read)
	_ = read.CloseWithError(cmp.Or(err, io.ErrClosedPipe)) // so that the writer does not wait
	if failed := <-written; failed != nil && err == nil {
		err = failed
	}
	return end, counted.bytes, err
}

func (s *Schedule) encrypted(ctx context.Context, to io.Writer) (archive.End, error) {
	sealed, err := archive.Encrypt(to, s.config.Recipients...)
	if err != nil {
		return archive.End{}, err
	}
	end, err := s.config.Service.write(ctx, sealed, len(s.config.Recipients) > 0, func() {})
	if err != nil {
		return end, err
	}
	return end, sealed.Close()
}

// counter counts what is written.
type counter struct {
	to    io.Writer
	bytes int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.bytes += int64(n)
	return n, err
}

// retain removes the oldest backups of this instance that are too many. What else is in the place stays.
func (s *Schedule) retain(ctx context.Context, mark string) error {
	if s.config.Keep == 0 {
		return nil
	}
	names, err := s.config.Place.Names(ctx)
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !isName(name, mark) })
	slices.Sort(names) // which is by their times
	for _, name := range names[:max(len(names)-s.config.Keep, 0)] {
		if err := s.config.Place.Remove(ctx, name); err != nil {
			return err
		}
		s.log.Info("old backup removed", "name", name)
	}
	return nil
}
