package sqlstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

const (
	// wasmSize is a column of the scripts s.
	wasmSize = `COALESCE((SELECT m.size FROM wasm_modules m WHERE m.sha256 = s.wasm), 0)`

	// A trigger deletes the modules that no kept version has any more.
	wasmInsert = `INSERT INTO wasm_modules (sha256, size, data) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
	wasmHashes = `SELECT DISTINCT wasm FROM scripts s WHERE wasm IS NOT NULL AND ` + liveScript + ` ORDER BY wasm`
	wasmGet    = `SELECT m.sha256, m.data FROM scripts s JOIN wasm_modules m ON m.sha256 = s.wasm WHERE s.id = $1 AND ` + liveScript
)

// moduleOf is a module by its hash; nil for none.
func moduleOf(data []byte) *wasmModule {
	if data == nil {
		return nil
	}
	sum := sha256.Sum256(data)
	return &wasmModule{SHA256: hex.EncodeToString(sum[:]), Data: data}
}

// wasmModule is a module that a script is given. Nil gives it none.
type wasmModule store.WasmModule

func (m *wasmModule) giveTo(script *store.Script) {
	script.Wasm = nil
	if m != nil {
		script.WasmSHA256, script.WasmSize = m.SHA256, int64(len(m.Data))
	}
}

// keep comes before a script refers to the module, in one transaction with it.
func (m *wasmModule) keep(ctx context.Context, tx queryer) error {
	if m == nil {
		return nil
	}
	_, err := tx.ExecContext(ctx, wasmInsert, m.SHA256, len(m.Data), m.Data)
	return err
}

// checkWasm refuses a plugin without a module and a module of anything else.
func checkWasm(script store.Script) error {
	switch {
	case script.Kind != abi.KindPlugin && script.WasmSHA256 != "":
		return fault.Refuse("wasm", "only a plugin has a module")
	case script.Kind == abi.KindPlugin && script.WasmSHA256 == "":
		return fault.Refuse("wasm", "a plugin must have a module")
	case script.Kind == abi.KindPlugin && script.Source != "":
		return fault.Refuse("source", "a plugin has no source")
	}
	return nil
}

func scanWasm(row scanner) (m store.WasmModule, err error) {
	err = row.Scan(&m.SHA256, &m.Data)
	return m, err
}

func (r scripts) Wasm(ctx context.Context, id string) (store.WasmModule, error) {
	return one(ctx, r.s.reader(), "wasm module", scanWasm, wasmGet, id)
}

func (r scripts) WasmHashes(ctx context.Context) ([]string, error) {
	return many(ctx, r.s.reader(), "wasm modules", text, wasmHashes)
}
