package reactor

import (
	"testing"

	"github.com/picloud/picloud/abi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tinylib/msgp/msgp"
)

// parrot returns what it is asked.
type parrot struct{}

func (parrot) Load(r *abi.LoadRequest) abi.LoadResult {
	return abi.LoadResult{Imports: []string{r.Name, r.Source}}
}

func (parrot) Run(r *abi.RunRequest) abi.RunResult {
	return abi.RunResult{Value: r.Invocation, Operations: r.UnixNano}
}

func TestLoadAndRun(t *testing.T) {
	Serve(parrot{})
	request, err := (&abi.LoadRequest{Name: "a", Source: "b", Limits: abi.DefaultLimits}).MarshalMsg(nil)
	require.NoError(t, err)
	var loaded abi.LoadResult
	_, err = loaded.UnmarshalMsg(load(request))
	require.NoError(t, err)
	assert.Equal(t, abi.LoadResult{Imports: []string{"a", "b"}}, loaded)

	request, err = (&abi.RunRequest{Invocation: msgp.AppendInt(nil, 5), UnixNano: 9}).MarshalMsg(nil)
	require.NoError(t, err)
	var result abi.RunResult
	_, err = result.Decode(run(request))
	require.NoError(t, err)
	assert.Equal(t, msgp.Raw(msgp.AppendInt(nil, 5)), result.Value)
	assert.EqualValues(t, 9, result.Operations)
}

// A value goes before the rest of a result, in its own memory if that has the room.
func TestResult(t *testing.T) {
	for _, value := range []msgp.Raw{nil, msgp.AppendInt(nil, 5), msgp.AppendString(make([]byte, 0, 500), "text"), msgp.AppendBytes(nil, make([]byte, 70_000))} {
		sent := abi.RunResult{Value: value, Operations: 9, Covered: []abi.Covered{{Module: "m", Lines: []int64{1, 2}}}}
		encoded, err := sent.Encode()
		require.NoError(t, err)
		assert.Equal(t, cap(value) == 500, cap(value) > 0 && &encoded[0] == &value[0])
		var got abi.RunResult
		rest, err := got.Decode(append(encoded, 7))
		require.NoError(t, err)
		assert.Equal(t, []byte{7}, rest)
		assert.Equal(t, sent, got)
		for cut := range min(len(encoded), 80) {
			_, err := new(abi.RunResult).Decode(encoded[:cut])
			assert.Error(t, err, "%d bytes of %d", cut, len(encoded))
		}
	}
}

func TestMalformedRequests(t *testing.T) {
	Serve(parrot{})
	for _, message := range [][]byte{nil, {0xc1}, {0x81}, {0xdf, 0xff, 0xff, 0xff, 0xff}, []byte("text")} {
		var loaded abi.LoadResult
		_, err := loaded.UnmarshalMsg(load(message))
		require.NoError(t, err)
		require.NotNil(t, loaded.Error, "load(%x)", message)
		assert.Equal(t, abi.CodeInternal, loaded.Error.Code)
		assert.Contains(t, loaded.Error.Message, "malformed load request")

		var result abi.RunResult
		_, err = result.Decode(run(message))
		require.NoError(t, err)
		require.NotNil(t, result.Error, "run(%x)", message)
		assert.Contains(t, result.Error.Message, "malformed run request")
	}
}
