package bridge

import (
	"encoding/binary"

	"github.com/picloud/picloud/plugins/rhai/vm"
)

// registerUUID adds uuid::v4 and uuid::v7, which return the text of a UUID (RFC 9562). Those of
// version 7 begin with the time; within a run each is greater than the one before.
func registerUUID(l *vm.Library) {
	l.Func("uuid::v4", func(t *vm.Thread, _ []vm.Value) (vm.Value, *vm.Error) {
		var id [16]byte
		fill(hostOf(t).source(), id[:])
		return uuidText(id, 4), nil
	})
	l.Func("uuid::v7", func(t *vm.Thread, _ []vm.Value) (vm.Value, *vm.Error) {
		h := hostOf(t)
		var id [16]byte
		fill(h.source(), id[:])
		// 48 bits of milliseconds and 12 of their fraction (section 6.2, method 3).
		now := h.now()
		at := uint64(now/1e6)<<12 | uint64(now%1e6)<<12/1e6
		h.uuidTime = max(h.uuidTime+1, at)
		binary.BigEndian.PutUint64(id[:], h.uuidTime>>12<<16|h.uuidTime&0xfff)
		return uuidText(id, 7), nil
	})
}

// uuidText returns the text of a UUID, once it has its version and variant.
func uuidText(id [16]byte, version byte) vm.Value {
	id[6] = id[6]&0x0f | version<<4
	id[8] = id[8]&0x3f | 0x80
	text := make([]byte, 0, 36)
	for i, b := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			text = append(text, '-')
		}
		text = append(text, hexDigits[b>>4], hexDigits[b&15])
	}
	return vm.String(string(text))
}
