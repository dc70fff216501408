package rhai_test

import (
	"path/filepath"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/plugins/rhai"
	"github.com/picloud/picloud/plugins/rhai/conformance"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// smallLimits end any script within milliseconds.
var smallLimits = abi.Limits{
	MaxOperations: 20_000, MaxCallLevels: 32, MaxStringSize: 4096, MaxArraySize: 1000, MaxBlobSize: 1000, MaxMapSize: 100,
}.Or(abi.DefaultLimits)

// FuzzRun compiles and runs any text as a script. Whatever it does, it must end soon, stay
// within its limits and come to a value or error that can be shown.
func FuzzRun(f *testing.F) {
	for _, script := range goldenScripts(f) {
		f.Add(script)
	}
	f.Add(`for s in ["loop {}"] { try { eval(s) } catch {} } [] % ()`)
	f.Fuzz(func(t *testing.T, source string) {
		program, err := rhai.Compile(source)
		if err != nil {
			checkError(t, err)
			return
		}
		thread := vm.NewThread(program, &conformance.Recorder{}, smallLimits, nil, 1)
		rhai.Prepare(thread)
		start := time.Now()
		v, err := thread.Run()
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("ran for %v", took)
		}
		// One charge may go beyond. The error can be caught around an eval, but nothing that is
		// charged runs then.
		if n := thread.Operations(); n > 2*smallLimits.MaxOperations+int64(len(source)) {
			t.Errorf("%d operations counted, the limit is %d: %v", n, smallLimits.MaxOperations, err)
		}
		if err != nil {
			checkError(t, err)
			return
		}
		checkSize(t, v, int64(len(source)), 0)
		vm.Display(v)
		if text := vm.Debug(v); utf8.ValidString(source) && !utf8.ValidString(text) {
			t.Errorf("debug form is not UTF-8: %q", text)
		}
	})
}

// goldenScripts returns the scripts of all golden cases.
func goldenScripts(f *testing.F) (scripts []string) {
	files, _ := filepath.Glob("conformance/*.jsonl")
	for _, file := range files {
		cases, err := conformance.Load(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, c := range cases {
			scripts = append(scripts, c.Script)
		}
	}
	if len(scripts) == 0 {
		f.Fatal("no golden cases")
	}
	return scripts
}

func checkError(t *testing.T, err *vm.Error) {
	t.Helper()
	if err.Error() == "" || err.Variant == "" {
		t.Errorf("not a proper error: %#v", err)
	}
}

// checkSize fails if a part of v is larger than the limits allow. Literals may be as large
// as the script, where each byte that is not UTF-8 counts for three.
func checkSize(t *testing.T, v vm.Value, source int64, depth int) {
	t.Helper()
	if depth > 8 {
		return
	}
	size, limit := int64(0), int64(0)
	switch v.Kind() {
	case vm.KindString:
		size, limit = int64(len(v.AsString())), smallLimits.MaxStringSize
		if !utf8.ValidString(v.AsString()) {
			t.Errorf("a string is not UTF-8: %q", v.AsString())
		}
		if n := utf8.RuneCountInString(v.AsString()); n != v.Chars() {
			t.Errorf("%q is taken to have %d characters, it has %d", v.AsString(), v.Chars(), n)
		}
	case vm.KindArray:
		items := v.AsArray().Items
		size, limit = int64(len(items)), smallLimits.MaxArraySize
		for _, item := range items[:min(len(items), 20)] {
			checkSize(t, item, source, depth+1)
		}
	case vm.KindBlob:
		size, limit = int64(len(v.AsBlob().Data)), smallLimits.MaxBlobSize
	case vm.KindMap:
		m := v.AsMap()
		size, limit = int64(m.Len()), smallLimits.MaxMapSize
		for i, n := range m.Order() {
			if i < 20 {
				_, item := m.Entry(n)
				checkSize(t, *item, source, depth+1)
			}
		}
	}
	if size > max(limit, 3*source) {
		t.Errorf("a %s of size %d, the limit is %d", v.TypeName(), size, limit)
	}
}
