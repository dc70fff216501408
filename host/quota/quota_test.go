package quota

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

func TestApps(t *testing.T) {
	defaults := Limits{RequestsPerSecond: 5, Executions: 16, KVBytes: 100}
	a := NewApps(defaults)
	defaults.RequestBurst = 5
	assert.Equal(t, defaults, a.Of("a"))
	a.Set("a", store.Quota{KVBytes: new(int64(0)), CPUMillis: new(int64(7)), RequestsPerSecond: new(int64(9))})
	want := Limits{RequestsPerSecond: 9, RequestBurst: 5, Executions: 16, CPUMillis: 7}
	assert.Equal(t, want, a.Of("a"))
	assert.Equal(t, defaults, a.Of("b"), "another app's are its own")
	a.Replace(map[string]store.Quota{"b": {RequestBurst: new(int64(20))}})
	assert.Equal(t, defaults, a.Of("a"))
	assert.EqualValues(t, 20, a.Of("b").RequestBurst)
	a.Remove("b")
	assert.Equal(t, defaults, a.Of("b"))
	assert.Empty(t, *a.own.Load())

	var none *Apps
	none.Set("a", store.Quota{})
	assert.Zero(t, none.Of("a"))
}

// Each part of a quota is bounded, and becomes the limit of the same name.
func TestFields(t *testing.T) {
	require.Len(t, Fields, reflect.TypeFor[store.Quota]().NumField())
	require.Len(t, Fields, reflect.TypeFor[Limits]().NumField())
	for i, field := range Fields {
		var set store.Quota
		*field.Set(&set) = new(field.Most)
		text, err := json.Marshal(set)
		require.NoError(t, err)
		assert.Contains(t, string(text), `{"`+field.Name+`":`)
		assert.NoError(t, Check(set), field.Name)
		limits := reflect.ValueOf(Limits{}.with(set))
		assert.Equal(t, field.Most, limits.Field(i).Int(), field.Name)
		assert.Equal(t, reflect.TypeFor[store.Quota]().Field(i).Name, limits.Type().Field(i).Name)
		for _, wrong := range []int64{-1, field.Most + 1} {
			*field.Set(&set) = new(wrong)
			err := Check(set)
			require.Equal(t, fault.Invalid, fault.Of(err), field.Name)
			assert.True(t, strings.HasPrefix(err.Error(), field.Name+": must be between 0 and "), err)
		}
	}
}

func TestWarning(t *testing.T) {
	for _, c := range []struct {
		used, quota int64
		want        string
	}{
		{0, 0, ""}, {5, 0, ""}, {79, 100, ""}, {80, 100, "80 % of the quota are used"}, {799, 1000, ""}, {99, 100, "99 % of the quota are used"},
		{1000, 100, "1000 % of the quota are used"}, {1 << 62, 1 << 50, "409600 % of the quota are used"}, {0, 1, ""}, {1, 1, "100 % of the quota are used"},
	} {
		assert.Equal(t, c.want, Warning(c.used, c.quota), "%+v", c)
	}
}
