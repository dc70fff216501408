package segment_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/store"
	"github.com/picloud/picloud/host/store/sqlstore/segment"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.UTC)

// rows are executions as they come, each kind of value among them.
func rows(n int) []segment.Row {
	scripts := []string{uuid.NewString(), uuid.NewString(), "a script"}
	list := make([]segment.Row, n)
	for i := range list {
		list[i] = segment.Row{Position: int64(10 + 3*i), Execution: store.Execution{
			ID: uuid.Must(uuid.NewV7()).String(), AppID: "app", ScriptID: scripts[i%3], ScriptVersion: 7, RequestID: uuid.NewString(),
			InvocationType: abi.InvocationHTTP, Status: 200, ResponseBytes: int64(i), Method: "GET", Path: fmt.Sprint("/", i), Route: "/:id",
			StartedAt: start.Add(time.Duration(i%5) * time.Second), Duration: time.Duration(i) * time.Microsecond, Operations: 1 << 40,
			Lines: []store.LogLine{},
		}}
		r := &list[i]
		switch i % 4 {
		case 1:
			r.ID = fmt.Sprint("id ", i)
			r.Outcome, r.ErrorMessage, r.ErrorLine, r.ErrorColumn = abi.CodeScriptError, "no 🐛", 3, 4
			r.Trace = &store.Trace{Calls: []store.Call{{Name: "kv.get", StartUS: 1, Outcome: "ok"}}, More: 2}
		case 2:
			r.EventID, r.RootID, r.ParentID = uuid.NewString(), "ROOT", "0197A111-2222-7333-8444-555555555555" // whose case stays
			for seq := range i % 7 {
				r.Lines = append(r.Lines, store.LogLine{ExecutionID: r.ID, ScriptVersion: 7, Seq: seq, At: start.Add(-time.Duration(seq) * time.Second),
					Level: abi.LogWarn, Message: fmt.Sprint("line ", seq)})
			}
		case 3:
			r.StartedAt = time.UnixMicro(-5).UTC()
			r.Lines = []store.LogLine{{ExecutionID: r.ID, ScriptVersion: 7, At: start, Level: abi.LogInfo, Data: json.RawMessage(`{"a":1}`)}}
		}
	}
	return list
}

func TestRoundTrip(t *testing.T) {
	for _, n := range []int{1, 2, 5, 1000} {
		want := rows(n)
		body, rest := segment.Encode(want)
		got, err := segment.Decode(body)
		require.NoError(t, err)
		more, err := segment.DecodeRest(rest, n)
		require.NoError(t, err)
		require.Equal(t, n, got.Len())
		for i := range n {
			row := got.Row(i)
			more.Lines(i, &row)
			require.NoError(t, more.Trace(i, &row))
			require.Equal(t, want[i], row, "row %d of %d", i, n)
			require.Equal(t, want[i].Position, got.Position(i))
			require.Equal(t, want[i].StartedAt, got.StartedAt(i))
			require.Equal(t, want[i].AppID, got.App(i))
			require.Equal(t, want[i].ScriptID, got.Script(i))
			require.Equal(t, want[i].RootID, got.Root(i))
			require.Equal(t, want[i].Outcome != "", got.Failed(i))
			require.Equal(t, want[i].ID, got.ID(i))
		}
	}
}

func TestWithoutLines(t *testing.T) {
	row := segment.Row{Execution: store.Execution{ID: "a", StartedAt: start}}
	_, rest := segment.Encode([]segment.Row{row})
	require.Empty(t, rest)
	more, err := segment.DecodeRest(rest, 1)
	require.NoError(t, err)
	more.Lines(0, &row)
	require.NoError(t, more.Trace(0, &row))
	require.Empty(t, row.Lines)
	require.Nil(t, row.Trace)
	require.False(t, more.Has(0, func(string) bool { return true }))
}

// Whatever is broken is found, unless it changes nothing, as the size of zstd's window does not; and it is no panic.
func TestDamaged(t *testing.T) {
	body, rest := segment.Encode(rows(20))
	for name, part := range map[string][]byte{"body": body, "rest": rest} {
		decode := func(part []byte) (any, error) {
			if name == "body" {
				return segment.Decode(part)
			}
			return segment.DecodeRest(part, 20)
		}
		whole, err := decode(part)
		require.NoError(t, err)
		for i := range part {
			broken := append([]byte{}, part...)
			broken[i] ^= 0x55
			if got, err := decode(broken); err == nil {
				require.Equal(t, whole, got, "byte %d of the %s", i, name)
			} else {
				require.ErrorIs(t, err, segment.ErrDamaged, "byte %d of the %s", i, name)
			}
			if i > 0 {
				_, err := decode(part[:i])
				require.ErrorIs(t, err, segment.ErrDamaged, "%d bytes of the %s", i, name)
			}
		}
	}
	_, err := segment.DecodeRest(rest, 19)
	require.ErrorIs(t, err, segment.ErrDamaged)
}

// FuzzDecode reads what nobody has written, behind a checksum that is right.
func FuzzDecode(f *testing.F) {
	for _, n := range []int{1, 4, 9} {
		body, rest := segment.Raw(rows(n))
		f.Add(body)
		f.Add(rest)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		part := segment.Compress(raw)
		if s, err := segment.Decode(part); err == nil {
			for i := range s.Len() {
				s.Row(i)
			}
		}
		for _, n := range []int{1, 4, 9} {
			if d, err := segment.DecodeRest(part, n); err == nil {
				for i := range n {
					d.Lines(i, new(segment.Row))
					_ = d.Trace(i, new(segment.Row))
				}
			}
		}
	})
}

func BenchmarkSegment(b *testing.B) {
	const n = 1000
	list := rows(n)
	body, rest := segment.Encode(list)
	b.Run("Encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			segment.Encode(list)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/execution")
		b.ReportMetric(float64(len(body)+len(rest))/n, "bytes/execution")
	})
	b.Run("Decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s, err := segment.Decode(body)
			if err != nil {
				b.Fatal(err)
			}
			s.Row(n / 2)
		}
	})
}
