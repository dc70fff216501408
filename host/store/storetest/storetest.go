// Package storetest holds the suite that every store must pass: what package store promises, as
// tests.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

// Opener opens one database, again if called again, as several nodes do. The caller closes the
// store.
type Opener func(now func() time.Time, listeners store.Listeners) (store.Store, error)

func (open Opener) mustOpen(tb testing.TB, now func() time.Time) store.Store {
	tb.Helper()
	s, err := open(now, nil)
	if err != nil {
		tb.Fatalf("opening the store: %v, because of %v", err, errors.Unwrap(err))
	}
	return s
}

// Exercise runs the suite. Each call of fresh makes an empty database that lives as long as the
// test.
func Exercise(t *testing.T, fresh func(tb testing.TB) Opener) {
	for _, topic := range []struct {
		name string
		test func(t *testing.T, fresh func(tb testing.TB) Opener)
	}{
		{"Opening", testOpening},
		{"Apps", onOne(testApps)},
		{"Aliases", onOne(testAliases)},
		{"Deletions", onOne(testDeletions)},
		{"DeletionsUnheard", onUnheard(testDeletions)},
		{"DeletionsTogether", testDeletionsTogether},
		{"Members", onOne(testMembers)},
		{"Scripts", onOne(testScripts)},
		{"Cases", onOne(testCases)},
		{"Versions", onOne(testVersions)},
		{"VersionsOfPlugins", onOne(testVersionsOfPlugins)},
		{"Imports", onOne(testImports)},
		{"Wasm", onOne(testWasm)},
		{"Routes", onOne(testRoutes)},
		{"Domains", onOne(testDomains)},
		{"Quotas", onOne(testQuotas)},
		{"CPUUsage", onOne(testCPUUsage)},
		{"Users", onOne(testUsers)},
		{"ActiveUsers", onOne(testActiveUsers)},
		{"OwnedByUsers", onOne(testOwnedByUsers)},
		{"Sessions", onOne(testSessions)},
		{"SlidingSessions", onOne(testSlidingSessions)},
		{"Invites", onOne(testInvites)},
		{"LoginPlaces", onOne(testLoginPlaces)},
		{"SecondFactors", onOne(testSecondFactors)},
		{"SealedFactors", onOne(testSealedFactors)},
		{"APIKeys", onOne(testAPIKeys)},
		{"Executions", onOne(testExecutions)},
		{"ExecutionQueries", onOne(testExecutionQueries)},
		{"Compaction", onOne(testCompaction)},
		{"CompactionTogether", onOne(testCompactionTogether)},
		{"SegmentsTogether", testSegmentsTogether},
		{"ExecutionIDs", onOne(testExecutionIDs)},
		{"ExecutionModel", onOne(testExecutionModel)},
		{"Logs", onOne(testLogs)},
		{"Series", onOne(testSeries)},
		{"Transactions", onOne(testTransactions)},
		{"OwnedTransactions", onOne(testOwned)},
		{"Snapshots", onOne(testSnapshots)},
		{"Restored", onOne(testRestored)},
		{"ImportMarks", onOne(testImportMarks)},
		{"Revisions", onOne(testRevisions)},
		{"PrunedRevisions", onOne(testPrunedRevisions)},
		{"Listening", testListening},
		{"Cascades", onOne(testCascades)},
		{"Texts", onOne(testTexts)},
		{"Pages", onOne(testPages)},
		{"Failures", onOne(testFailures)},
		{"Listeners", onOne(testListeners)},
		{"AfterCommit", onOne(testAfterCommit)},
		{"Foretold", testForetold},
		{"KV", onOne(testKV)},
		{"KVUnheard", onUnheard(testKV)},
		{"KVLargePages", testKVLargePages},
		{"Docs", onOne(testDocs)},
		{"DocsUnheard", onUnheard(testDocs)},
		{"Files", onOne(testFiles)},
		{"FilesUnheard", onUnheard(testFiles)},
		{"Usage", onOne(testUsage)},
		{"UsageUnheard", onUnheard(testUsage)},
		{"LogUsage", onOne(testLogUsage)},
		{"Triggers", onOne(testTriggers)},
		{"Claims", onOutbox(testClaims)},
		{"Rooms", onOutbox(testRooms)},
		{"Leases", onOutbox(testLeases)},
		{"Batches", onOutbox(testBatches)},
		{"Events", onOutbox(testEventLists)},
		{"DeadLetters", onOutbox(testDeadLetters)},
		{"Excerpts", onOutbox(testExcerpts)},
		{"Idempotency", onOne(testIdempotency)},
		{"Topics", onOne(testTopics)},
		{"Published", onOne(testPublished)},
		{"LateCommits", onOne(testLateCommits)},
		{"PublishedListening", testPublishedListening},
		{"EventsListening", testEventsListening},
		{"Audit", onOne(testAudit)},
		{"AuditUnheard", onUnheard(testAudit)},
		{"AuditOnce", onOne(testAuditOnce)},
		{"AuditSummed", onOne(testAuditSummed)},
		{"AuditOfAMoment", onOne(testAuditOfAMoment)},
		{"AuditQueries", onOne(testAuditQueries)},
		{"Relay", onOne(testRelay)},
		{"RelayAbandoned", onOne(testRelayAbandoned)},
		{"RelayListening", testRelayListening},
		{"Secrets", onOne(testSecrets)},
		{"Backups", onOne(testBackups)},
		{"Dump", onOne(testDump)},
	} {
		t.Run(topic.name, func(t *testing.T) { topic.test(t, fresh) })
	}
}

// subject is a store under test, with the things most tests begin with.
type subject struct {
	store.Store
	clock   *clock
	changes *changes
	ctx     context.Context
}

// onOne runs a test on a store of its own.
func onOne(test func(t *testing.T, s subject)) func(*testing.T, func(testing.TB) Opener) {
	return onStore(&changes{}, test)
}

// onUnheard runs a test on a store of its own to whose changes nobody listens.
func onUnheard(test func(t *testing.T, s subject)) func(*testing.T, func(testing.TB) Opener) {
	return onStore(&changes{deaf: true}, test)
}

func onStore(changes *changes, test func(t *testing.T, s subject)) func(*testing.T, func(testing.TB) Opener) {
	return func(t *testing.T, fresh func(testing.TB) Opener) {
		clock := &clock{now: start}
		opened, err := fresh(t)(clock.Now, changes)
		require.NoError(t, err, "opening the store: %v", errors.Unwrap(err))
		t.Cleanup(func() { require.NoError(t, opened.Close()) })
		test(t, subject{Store: opened, clock: clock, changes: changes, ctx: context.Background()})
	}
}

// start is the time at which the clock of each test stands, with more digits than a store keeps.
var start = time.Date(2026, 7, 1, 12, 0, 0, 123456789, time.FixedZone("east", 2*3600))

// kept is a time as a store gives it back.
func kept(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// clock stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func (s subject) app(t testing.TB, slug string) store.App {
	t.Helper()
	app, err := s.Apps().Create(s.ctx, store.App{Slug: slug, Name: "App " + slug})
	require.NoError(t, err)
	return app
}

func (s subject) script(t testing.TB, app store.App, name string) store.Script {
	t.Helper()
	script, err := s.Scripts().Create(s.ctx, store.Script{AppID: app.ID, Name: name, Kind: abi.KindEndpoint, Source: "40 + 2"})
	require.NoError(t, err)
	return script
}

func (s subject) route(t testing.TB, script store.Script, path string) store.Route {
	t.Helper()
	route, err := s.Routes().Create(s.ctx, anyRoute(script, path))
	require.NoError(t, err)
	return route
}

func anyRoute(script store.Script, path string) store.Route {
	return store.Route{
		AppID: script.AppID, ScriptID: script.ID, HostKind: store.HostAny,
		Path: path, PathKind: store.PathExact, Dispatch: store.DispatchSync,
	}
}

func (s subject) user(t testing.TB, name string) store.User {
	t.Helper()
	user, err := s.Users().Create(s.ctx, store.User{Username: name, PasswordHash: "$argon2id$" + name, Role: store.RoleMember})
	require.NoError(t, err)
	return user
}

// execution is a run of a script that ended well, with a line for each message.
func execution(script store.Script, id string, started time.Time, messages ...string) store.Execution {
	e := store.Execution{
		ID: id, AppID: script.AppID, ScriptID: script.ID, ScriptVersion: script.Version, RequestID: "request of " + id,
		InvocationType: abi.InvocationHTTP, Status: 200, StartedAt: started, Duration: 1500 * time.Microsecond, Operations: 17,
	}
	for i, message := range messages {
		e.Lines = append(e.Lines, store.LogLine{At: started.Add(time.Duration(i) * time.Millisecond), Level: abi.LogInfo, Message: message})
	}
	return e
}

// notFound fails the test unless err says that a resource was not found.
func notFound(t testing.TB, err error, resource string) {
	t.Helper()
	require.Equal(t, fault.NotFound, fault.Of(err))
	require.EqualError(t, err, resource+" not found")
}

// conflict fails the test unless err is the conflict.
func conflict(t testing.TB, err error, want error) {
	t.Helper()
	require.Equal(t, want, err)
}

// invalid fails the test unless err refuses the field.
func invalid(t testing.TB, err error, field, reason string) {
	t.Helper()
	require.Equal(t, fault.Refuse(field, "%s", reason), err)
}

// collect reads all pages of a listing and checks that none but the last is short.
func collect[T any](t testing.TB, limit int, list func(store.PageRequest) (store.Page[T], error)) (all []T) {
	t.Helper()
	request := store.PageRequest{Limit: limit}
	for {
		page, err := list(request)
		require.NoError(t, err)
		all = append(all, page.Items...)
		if page.Next == "" {
			return all
		}
		require.Len(t, page.Items, limit, "a page that is not the last")
		request.Cursor = page.Next
	}
}

// project takes one field of each of a list.
func project[T, U any](list []T, field func(T) U) []U {
	out := make([]U, len(list))
	for i, item := range list {
		out[i] = field(item)
	}
	return out
}

// all runs n goroutines at once and returns their errors.
func all(n int, run func(i int) error) []error {
	var (
		wait   sync.WaitGroup
		errs   = make([]error, n)
		signal = make(chan struct{})
	)
	for i := range n {
		wait.Go(func() {
			<-signal
			errs[i] = run(i)
		})
	}
	close(signal)
	wait.Wait()
	return errs
}

func testOpening(t *testing.T, fresh func(testing.TB) Opener) {
	ctx := context.Background()

	t.Run("several nodes at once", func(t *testing.T) {
		open := fresh(t)
		const nodes = 8
		require.NoError(t, errors.Join(all(nodes, func(i int) error {
			s, err := open(time.Now, nil)
			if err != nil {
				return errors.Join(err, errors.Unwrap(err))
			}
			_, err = s.Apps().Create(ctx, store.App{Slug: fmt.Sprint("app", i)})
			return errors.Join(err, s.Close())
		})...))
		s := open.mustOpen(t, time.Now)
		defer s.Close()
		apps, err := s.Apps().List(ctx, store.PageRequest{})
		require.NoError(t, err)
		require.Len(t, apps.Items, nodes)
	})

	t.Run("transactions of two nodes", func(t *testing.T) {
		open := fresh(t)
		nodes := []store.Store{open.mustOpen(t, time.Now), open.mustOpen(t, time.Now)}
		defer nodes[0].Close()
		defer nodes[1].Close()
		app := subject{Store: nodes[0], ctx: ctx}.app(t, "shared")
		const each = 5
		require.NoError(t, errors.Join(all(len(nodes), func(i int) error {
			for range each {
				err := nodes[i].InTx(ctx, func(tx store.Store) error {
					page, err := tx.Scripts().List(ctx, app.ID, store.PageRequest{})
					if err != nil {
						return err
					}
					// Two that see the same count would use the same name.
					name := fmt.Sprint("number-", len(page.Items))
					_, err = tx.Scripts().Create(ctx, store.Script{AppID: app.ID, Name: name, Kind: abi.KindEndpoint})
					return err
				})
				if err != nil {
					return errors.Join(err, errors.Unwrap(err))
				}
			}
			return nil
		})...))
		for _, node := range nodes {
			page, err := node.Scripts().List(ctx, app.ID, store.PageRequest{})
			require.NoError(t, err)
			require.Len(t, page.Items, len(nodes)*each)
		}
	})

	t.Run("again after closing", func(t *testing.T) {
		open := fresh(t)
		first := subject{Store: open.mustOpen(t, time.Now), ctx: ctx}
		app := first.app(t, "lasting")
		script := first.script(t, app, "hello")
		route := first.route(t, script, "/hello")
		require.NoError(t, first.Executions().Record(ctx, []store.Execution{execution(script, "e1", start, "hi")}))
		require.NoError(t, first.Close())
		require.NoError(t, first.Close(), "closing again")

		second := open.mustOpen(t, time.Now)
		defer second.Close()
		require.NoError(t, second.Ping(ctx))
		gotScript, err := second.Scripts().Get(ctx, script.ID)
		require.NoError(t, err)
		require.Equal(t, script, gotScript)
		gotRoutes, err := second.Routes().All(ctx)
		require.NoError(t, err)
		require.Equal(t, []store.Route{route}, gotRoutes)
		gotExecution, err := second.Executions().Get(ctx, "e1")
		require.NoError(t, err)
		require.Len(t, gotExecution.Lines, 1)
	})
}
