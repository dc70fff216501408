package bridge

import (
	"sync"

	"github.com/picloud/picloud/plugins/rhai/lib"
	"github.com/picloud/picloud/plugins/rhai/vm"
)

// Library returns Rhai's standard library and the modules of PiCloud. It is built once
// and must not be changed.
func Library() *vm.Library { return library() }

var (
	library = sync.OnceValue(func() *vm.Library { return newLibrary(func(l *vm.Library, register func(*vm.Library)) { register(l) }) })

	// testedLibrary is what the modules have that a test imports: Library, in which the fakes of the test are
	// called back while an operation asks another server.
	testedLibrary = sync.OnceValue(func() *vm.Library { return newLibrary((*vm.Library).Calling) })
)

// newLibrary makes a Library. asking registers the functions that may ask other servers.
func newLibrary(asking func(l *vm.Library, register func(*vm.Library))) *vm.Library {
	l := lib.Standard().Extend()
	registerLog(l)
	registerKV(l)
	registerDocs(l)
	registerFiles(l)
	asking(l, registerHTTP)
	asking(l, registerInvoke)
	registerTransaction(l)
	registerEvents(l)
	registerSecrets(l)
	registerWeb(l)
	registerJSON(l)
	registerHTML(l)
	registerTemplate(l)
	registerEncodings(l)
	registerURL(l)
	registerRegex(l)
	registerRandom(l)
	registerUUID(l)
	registerCrypto(l)
	registerSigning(l)
	registerTime(l)
	return l
}

// The kinds of handle. Those of collections and topics have their name.
const (
	kvCollection    = vm.KindHandle
	docsCollection  = vm.KindHandle + 1
	filesCollection = vm.KindHandle + 2

	responseStream = vm.KindHandle + 3 // the out of a streamed response
	queueTopic     = vm.KindHandle + 4
)

// registerCollection adds module::collection(name).
func registerCollection(l *vm.Library, module string, kind vm.Kind, typeName string) {
	registerHandle(l, module+"::collection", kind, typeName)
}

// registerHandle adds a function from a name to a handle.
func registerHandle(l *vm.Library, function string, kind vm.Kind, typeName string) {
	l.Func(function, func(_ *vm.Thread, args []vm.Value) (vm.Value, *vm.Error) {
		return vm.NewHandle(kind, &vm.Handle{Type: typeName, Name: args[0].AsString()}), nil
	}, vm.KindString)
}
