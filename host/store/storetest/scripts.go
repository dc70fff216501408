package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

func testScripts(t *testing.T, s subject) {
	app := s.app(t, "scripts")

	t.Run("create and find", func(t *testing.T) {
		script, err := s.Scripts().Create(s.ctx, store.Script{
			AppID: app.ID, Name: "hello", Kind: abi.KindModule, Source: `"hi"`,
			Limits: abi.Limits{MaxOperations: 5_000_000_000, TimeoutMS: 1}, ReadOnly: true,
		})
		require.NoError(t, err)
		require.Equal(t, store.Script{
			ID: script.ID, AppID: app.ID, Name: "hello", Kind: abi.KindModule, Source: `"hi"`, SourceSize: 4,
			Limits: abi.Limits{MaxOperations: 5_000_000_000, TimeoutMS: 1}, ReadOnly: true,
			Version: 1, CreatedAt: kept(start), UpdatedAt: kept(start),
		}, script)
		byID, err := s.Scripts().Get(s.ctx, script.ID)
		require.NoError(t, err)
		require.Equal(t, script, byID)
		byName, err := s.Scripts().GetByName(s.ctx, app.ID, "hello")
		require.NoError(t, err)
		require.Equal(t, script, byName)
	})

	t.Run("missing", func(t *testing.T) {
		_, err := s.Scripts().Get(s.ctx, "nothing")
		notFound(t, err, "script")
		_, err = s.Scripts().GetByName(s.ctx, app.ID, "nothing")
		notFound(t, err, "script")
		_, err = s.Scripts().Update(s.ctx, "nothing", store.ScriptChange{})
		notFound(t, err, "script")
		notFound(t, s.Scripts().Delete(s.ctx, "nothing"), "script")
		_, err = s.Scripts().Create(s.ctx, store.Script{AppID: "nowhere", Name: "x", Kind: abi.KindEndpoint})
		notFound(t, err, "app")
	})

	t.Run("a name is unique in its app", func(t *testing.T) {
		first := s.script(t, app, "only")
		_, err := s.Scripts().Create(s.ctx, store.Script{AppID: app.ID, Name: "only", Kind: abi.KindEndpoint})
		conflict(t, err, store.Conflict("script", "name", "only", first.ID))
		_, err = s.Scripts().Create(s.ctx, store.Script{ID: first.ID, AppID: app.ID, Name: "free", Kind: abi.KindEndpoint})
		conflict(t, err, store.Conflict("script", "id", first.ID, first.ID))
		s.script(t, s.app(t, "another"), "only")

		second := s.script(t, app, "second")
		_, err = s.Scripts().Update(s.ctx, second.ID, store.ScriptChange{Name: new("only")})
		conflict(t, err, store.Conflict("script", "name", "only", first.ID))
	})

	t.Run("update", func(t *testing.T) {
		script := s.script(t, app, "changing")
		s.clock.advance(time.Second)
		one, err := s.Scripts().Update(s.ctx, script.ID, store.ScriptChange{Source: new("2")})
		require.NoError(t, err)
		want := script
		want.Source, want.SourceSize, want.Version, want.UpdatedAt = "2", 1, 2, kept(s.clock.Now())
		require.Equal(t, want, one)

		two, err := s.Scripts().Update(s.ctx, script.ID, store.ScriptChange{
			Name: new("changed"), Kind: new(abi.KindModule), Limits: &abi.Limits{MemoryMB: 8}, ReadOnly: new(true),
			ExpectVersion: 2,
		})
		require.NoError(t, err)
		require.Equal(t, "2", two.Source)
		require.Equal(t, int64(3), two.Version)
		require.Equal(t, abi.Limits{MemoryMB: 8}, two.Limits)
		require.True(t, two.UpdatedAt.After(one.UpdatedAt), "the clock stands still: %v, then %v", one.UpdatedAt, two.UpdatedAt)
		got, err := s.Scripts().Get(s.ctx, script.ID)
		require.NoError(t, err)
		require.Equal(t, two, got)
	})

	t.Run("the clock goes back", func(t *testing.T) {
		script := s.script(t, app, "clockwork")
		s.clock.advance(-time.Hour)
		defer s.clock.advance(time.Hour)
		for range 3 {
			next, err := s.Scripts().Update(s.ctx, script.ID, store.ScriptChange{})
			require.NoError(t, err)
			require.Equal(t, script.UpdatedAt.Add(time.Microsecond), next.UpdatedAt)
			script = next
		}
	})

	t.Run("update of another version", func(t *testing.T) {
		script := s.script(t, app, "versioned")
		_, err := s.Scripts().Update(s.ctx, script.ID, store.ScriptChange{Source: new("lost"), ExpectVersion: 7})
		require.Equal(t, store.Stale("script", 7, 1), err)
		got, err := s.Scripts().Get(s.ctx, script.ID)
		require.NoError(t, err)
		require.Equal(t, script, got)
	})

	t.Run("concurrent updates of one version", func(t *testing.T) {
		script := s.script(t, app, "contended")
		errs := all(8, func(i int) error {
			_, err := s.Scripts().Update(s.ctx, script.ID, store.ScriptChange{Source: new(fmt.Sprint(i)), ExpectVersion: 1})
			return err
		})
		won := -1
		for i, err := range errs {
			if err == nil {
				require.Equal(t, -1, won, "two updates of one version")
				won = i
				continue
			}
			require.Equal(t, fault.Stale, fault.Of(err))
		}
		got, err := s.Scripts().Get(s.ctx, script.ID)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(won), got.Source)
		require.Equal(t, int64(2), got.Version)
	})

	t.Run("concurrent updates of any version", func(t *testing.T) {
		script := s.script(t, app, "busy")
		require.NoError(t, errors.Join(all(8, func(i int) error {
			_, err := s.Scripts().Update(s.ctx, script.ID, store.ScriptChange{Source: new(fmt.Sprint(i))})
			return err
		})...))
		got, err := s.Scripts().Get(s.ctx, script.ID)
		require.NoError(t, err)
		require.Equal(t, int64(9), got.Version)
		require.Equal(t, script.UpdatedAt.Add(8*time.Microsecond), got.UpdatedAt)
	})

	t.Run("a source of 1 MiB", func(t *testing.T) {
		source := strings.Repeat("// 0123456789 äöü\n", 1<<20/20)
		script, err := s.Scripts().Create(s.ctx, store.Script{AppID: app.ID, Name: "large", Kind: abi.KindEndpoint, Source: source})
		require.NoError(t, err)
		got, err := s.Scripts().Get(s.ctx, script.ID)
		require.NoError(t, err)
		require.True(t, got.Source == source, "the source came back with %d bytes of %d", len(got.Source), len(source))
	})

	t.Run("listing", func(t *testing.T) {
		app := s.app(t, "listing")
		for _, name := range []string{"b", "ä", "a", "B", "a/b", "c"} {
			s.script(t, app, name)
		}
		list := collect(t, 2, func(page store.PageRequest) (store.Page[store.Script], error) {
			return s.Scripts().List(s.ctx, app.ID, page)
		})
		require.Equal(t, []string{"B", "a", "a/b", "b", "c", "ä"}, project(list, func(x store.Script) string { return x.Name }))
		for _, script := range list {
			full, err := s.Scripts().Get(s.ctx, script.ID)
			require.NoError(t, err)
			full.Source = ""
			require.Equal(t, full, script)
		}
		none, err := s.Scripts().List(s.ctx, "nowhere", store.PageRequest{})
		require.NoError(t, err)
		require.Equal(t, store.Page[store.Script]{Items: []store.Script{}}, none)
	})
}

func testImports(t *testing.T, s subject) {
	app := s.app(t, "importing")
	first, second := s.script(t, app, "b-first"), s.script(t, app, "a-second")
	stranger := s.script(t, s.app(t, "elsewhere"), "stranger")

	require.NoError(t, s.Scripts().SetImports(s.ctx, first.ID, []string{"math", "text", "math"}))
	require.NoError(t, s.Scripts().SetImports(s.ctx, second.ID, []string{"math"}))
	require.NoError(t, s.Scripts().SetImports(s.ctx, stranger.ID, []string{"math"}))

	names, err := s.Scripts().Imports(s.ctx, first.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"math", "text"}, names)

	importers := func(name string) []string {
		list, err := s.Scripts().Importers(s.ctx, app.ID, name)
		require.NoError(t, err)
		return project(list, func(x store.Script) string { return x.Name })
	}
	require.Equal(t, []string{"a-second", "b-first"}, importers("math"))
	require.Equal(t, []string{"b-first"}, importers("text"))
	require.Empty(t, importers("nothing"))

	require.NoError(t, s.Scripts().SetImports(s.ctx, first.ID, []string{"text"}))
	require.Equal(t, []string{"a-second"}, importers("math"))
	require.NoError(t, s.Scripts().SetImports(s.ctx, first.ID, nil))
	require.Empty(t, importers("text"))
	require.NoError(t, s.Scripts().Delete(s.ctx, second.ID))
	require.Empty(t, importers("math"))

	notFound(t, s.Scripts().SetImports(s.ctx, "nothing", []string{"math"}), "script")
	invalid(t, s.Scripts().SetImports(s.ctx, first.ID, []string{""}), "import", "must not be empty")
}
