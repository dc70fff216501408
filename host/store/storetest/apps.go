package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/store"
)

func testApps(t *testing.T, s subject) {
	t.Run("create and find", func(t *testing.T) {
		app, err := s.Apps().Create(s.ctx, store.App{Slug: "shop", Name: "The Shop"})
		require.NoError(t, err)
		require.NotEmpty(t, app.ID)
		require.Equal(t, store.App{ID: app.ID, Slug: "shop", Name: "The Shop", CreatedAt: kept(start), UpdatedAt: kept(start)}, app)

		byID, err := s.Apps().Get(s.ctx, app.ID)
		require.NoError(t, err)
		require.Equal(t, app, byID)
		bySlug, err := s.Apps().GetBySlug(s.ctx, "shop")
		require.NoError(t, err)
		require.Equal(t, app, bySlug)
	})

	t.Run("missing", func(t *testing.T) {
		_, err := s.Apps().Get(s.ctx, "nobody")
		notFound(t, err, "app")
		_, err = s.Apps().GetBySlug(s.ctx, "nobody")
		notFound(t, err, "app")
		_, err = s.Apps().Update(s.ctx, "nobody", store.AppChange{Name: new("x")})
		notFound(t, err, "app")
		notFound(t, s.Apps().Delete(s.ctx, "nobody"), "app")
	})

	t.Run("slug and id are unique", func(t *testing.T) {
		first := s.app(t, "first")
		_, err := s.Apps().Create(s.ctx, store.App{Slug: "first"})
		conflict(t, err, store.Conflict("app", "slug", "first", first.ID))
		require.EqualError(t, err, `app slug "first" is already in use`)
		_, err = s.Apps().Create(s.ctx, store.App{ID: first.ID, Slug: "another"})
		conflict(t, err, store.Conflict("app", "id", first.ID, first.ID))

		second := s.app(t, "second")
		_, err = s.Apps().Update(s.ctx, second.ID, store.AppChange{Slug: new("first")})
		conflict(t, err, store.Conflict("app", "slug", "first", first.ID))
		unchanged, err := s.Apps().Get(s.ctx, second.ID)
		require.NoError(t, err)
		require.Equal(t, second, unchanged)
	})

	t.Run("update", func(t *testing.T) {
		app := s.app(t, "old")
		s.clock.advance(time.Minute)
		renamed, err := s.Apps().Update(s.ctx, app.ID, store.AppChange{Name: new("New")})
		require.NoError(t, err)
		require.Equal(t, "old", renamed.Slug)
		require.Equal(t, "New", renamed.Name)
		require.Equal(t, app.CreatedAt, renamed.CreatedAt)
		require.Equal(t, kept(s.clock.Now()), renamed.UpdatedAt)
		same, err := s.Apps().Update(s.ctx, app.ID, store.AppChange{Slug: new("old")})
		require.NoError(t, err, "a slug does not conflict with itself")
		got, err := s.Apps().Get(s.ctx, app.ID)
		require.NoError(t, err)
		require.Equal(t, same, got)
	})

	t.Run("delete", func(t *testing.T) {
		app := s.app(t, "brief")
		require.NoError(t, s.Apps().Delete(s.ctx, app.ID))
		_, err := s.Apps().Get(s.ctx, app.ID)
		notFound(t, err, "app")
		s.app(t, "brief") // the slug is free again
	})

	t.Run("slug must not be empty", func(t *testing.T) {
		_, err := s.Apps().Create(s.ctx, store.App{Name: "nameless"})
		invalid(t, err, "slug", "must not be empty")
	})

	t.Run("many at once with one slug", func(t *testing.T) {
		errs := all(8, func(int) error {
			_, err := s.Apps().Create(s.ctx, store.App{Slug: "wanted"})
			return err
		})
		made := 0
		for _, err := range errs {
			if err == nil {
				made++
				continue
			}
			conflictOn(t, err, "slug")
		}
		require.Equal(t, 1, made)
	})
}

func testMembers(t *testing.T, s subject) {
	app, other := s.app(t, "club"), s.app(t, "other")
	zoe, adam := s.user(t, "Zoe"), s.user(t, "adam")

	require.NoError(t, s.Apps().SetMember(s.ctx, app.ID, zoe.ID, store.RoleViewer))
	require.NoError(t, s.Apps().SetMember(s.ctx, app.ID, adam.ID, store.RoleAppAdmin))
	require.NoError(t, s.Apps().SetMember(s.ctx, app.ID, zoe.ID, store.RoleEditor), "changing a role")
	require.NoError(t, s.Apps().SetMember(s.ctx, other.ID, zoe.ID, store.RoleViewer))

	role, err := s.Apps().Member(s.ctx, app.ID, zoe.ID)
	require.NoError(t, err)
	require.Equal(t, store.RoleEditor, role)
	_, err = s.Apps().Member(s.ctx, other.ID, adam.ID)
	notFound(t, err, "member")

	for user, want := range map[string]map[string]store.AppRole{
		zoe.ID:   {app.ID: store.RoleEditor, other.ID: store.RoleViewer},
		adam.ID:  {app.ID: store.RoleAppAdmin},
		"nobody": {},
	} {
		roles, err := s.Apps().RolesOf(s.ctx, user)
		require.NoError(t, err)
		require.Equal(t, want, roles)
	}

	members, err := s.Apps().Members(s.ctx, app.ID)
	require.NoError(t, err)
	require.Equal(t, []store.Member{
		{AppID: app.ID, UserID: adam.ID, Username: "adam", Role: store.RoleAppAdmin},
		{AppID: app.ID, UserID: zoe.ID, Username: "Zoe", Role: store.RoleEditor},
	}, members)

	slugs := func(user store.User) []string {
		apps := collect(t, 1, func(page store.PageRequest) (store.Page[store.App], error) {
			return s.Apps().ListOf(s.ctx, user.ID, page)
		})
		return project(apps, func(a store.App) string { return a.Slug })
	}
	require.Equal(t, []string{"club", "other"}, slugs(zoe))
	require.Equal(t, []string{"club"}, slugs(adam))

	notFound(t, s.Apps().SetMember(s.ctx, "nowhere", zoe.ID, store.RoleViewer), "app")
	notFound(t, s.Apps().SetMember(s.ctx, app.ID, "nobody", store.RoleViewer), "user")
	require.NoError(t, s.Apps().RemoveMember(s.ctx, app.ID, zoe.ID))
	notFound(t, s.Apps().RemoveMember(s.ctx, app.ID, zoe.ID), "member")
	require.Equal(t, []string{"other"}, slugs(zoe))
}
