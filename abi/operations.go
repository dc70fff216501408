package abi

// Op numbers an operation on the wire between the interpreter guest and the
// host. Numbers are never reused.
type Op uint32

// The operations. Their request and response types are in [Operations].
const (
	// OpYield does nothing. A guest that works long calls it every now and then,
	// since Go can neither preempt it nor collect garbage while it runs.
	OpYield Op = 0
	// OpLogWrite appends one line to the execution's log.
	OpLogWrite Op = 1
	// OpClockMonotonic reads a clock that only moves forward, and the wall clock beside it.
	OpClockMonotonic Op = 2
	// OpTimeZone asks what a time zone's offset is at a time.
	OpTimeZone Op = 3
	// OpClockSleep waits. It ends early when the execution does.
	OpClockSleep Op = 4

	OpKVGet           Op = 10
	OpKVSet           Op = 11
	OpKVHas           Op = 12
	OpKVDelete        Op = 13
	OpKVList          Op = 14
	OpKVIncr          Op = 15
	OpKVCompareAndSet Op = 16

	OpDocsCreate Op = 20
	OpDocsGet    Op = 21
	OpDocsFind   Op = 22
	OpDocsUpdate Op = 23
	OpDocsPatch  Op = 24
	OpDocsDelete Op = 25
	OpDocsCount  Op = 26
	// OpDocsIndex has a path of a collection's documents indexed, OpDocsIndexes lists what is.
	OpDocsIndex   Op = 27
	OpDocsIndexes Op = 28

	OpFilesCreate Op = 30
	OpFilesHead   Op = 31
	OpFilesGet    Op = 32
	OpFilesUpdate Op = 33
	OpFilesDelete Op = 34
	OpFilesList   Op = 35

	OpHTTPRequest Op = 40

	// OpInvoke runs another script of the app, in a sandbox of its own, and returns its
	// value. It needs no capability: what is invoked has those of its caller.
	OpInvoke Op = 50

	// OpRequestSaveFile stores a file of the request's form, without passing it through the guest.
	OpRequestSaveFile Op = 60

	// OpStreamStart begins a streamed response, OpStreamWrite and OpStreamEvent add to it: a part,
	// or a server-sent event. Both wait until the client takes what was sent before.
	OpStreamStart Op = 61
	OpStreamWrite Op = 62
	OpStreamEvent Op = 63

	// OpCryptoVerify checks a signature, OpCryptoHashPassword and OpCryptoVerifyPassword are for
	// passwords that a script keeps, and the others make and check JSON Web Tokens and compress.
	// They need no capability: they only compute.
	OpCryptoVerify         Op = 70
	OpCryptoHashPassword   Op = 71
	OpCryptoVerifyPassword Op = 72
	OpJWTSign              Op = 73
	OpJWTVerify            Op = 74
	OpGzipCompress         Op = 75
	OpGzipDecompress       Op = 76

	// OpQueuePush puts messages into a topic's queue, OpPubSubPublish hands one to every trigger that
	// subscribes to its topic.
	OpQueuePush     Op = 80
	OpPubSubPublish Op = 81
	// OpInvokeAsync has another script of the app run later. As with OpInvoke it needs no capability.
	OpInvokeAsync        Op = 82
	OpDeadLettersList    Op = 83
	OpDeadLettersGet     Op = 84
	OpDeadLettersReplay  Op = 85
	OpDeadLettersResolve Op = 86
	// OpPubSubToken makes a token that lets somebody subscribe to a topic from outside.
	OpPubSubToken Op = 87

	// OpTransactionBegin begins a transaction: from then on the operations on kv and docs are kept by
	// OpTransactionCommit, or undone by OpTransactionRollback, all of them. They need no capability:
	// what is done in the transaction needs its own.
	OpTransactionBegin    Op = 90
	OpTransactionCommit   Op = 91
	OpTransactionRollback Op = 92

	// OpSecretsGet reads a secret of the app, OpSecretsHas tells whether there is one, and
	// OpSecretsList the names of all.
	OpSecretsGet  Op = 95
	OpSecretsHas  Op = 96
	OpSecretsList Op = 97

	// OpEnd is above every operation's number.
	OpEnd = OpSecretsList + 1

	// OpTest is what a script asks of whoever runs it as a test, see [TestRequest]. It is none of the
	// [Operations]: in any other execution, and for plugins, there is no such operation.
	OpTest Op = 1000
)

// MaxInvokeDepth is how deep invocations nest: the execution that a request or an event
// began is at depth 0, and one at this depth invokes no other. A script may invoke itself.
const MaxInvokeDepth = 8

// Capability names a permission an execution needs to perform an operation.
// The empty capability is held by every execution.
type Capability string

// The capabilities of executions.
const (
	AppKVRead      Capability = "AppKvRead"
	AppKVWrite     Capability = "AppKvWrite"
	AppDocsRead    Capability = "AppDocsRead"
	AppDocsWrite   Capability = "AppDocsWrite"
	AppFilesRead   Capability = "AppFilesRead"
	AppFilesWrite  Capability = "AppFilesWrite"
	AppHTTPRequest Capability = "AppHttpRequest"
	AppEventsRead  Capability = "AppEventsRead"  // see dead letters
	AppEventsWrite Capability = "AppEventsWrite" // push, publish, let subscribe, replay and resolve
	AppSecretRead  Capability = "AppSecretRead"  // read secrets
)

// Operation is one row of the contract: everything both kinds of guest and the
// dispatcher need to know of an operation.
type Operation struct {
	Op         Op
	Name       string     // as scripts' errors and logs show it: "log.write"
	Request    string     // name of the request type in this package
	Response   string     // name of the response type, "" when there is none
	Capability Capability // needed to call it
	Since      string     // SDK version that introduced it

	// InTransaction is set if it can be performed within a transaction: it takes part in it, or
	// changes nothing and does not wait.
	InTransaction bool
}

// SDKVersion is the version of the script-facing contract, ctx.sdk_version.
const SDKVersion = "1.0"

// Operations is the table of all operations in the order of their numbers.
var Operations = []Operation{
	{Op: OpYield, Name: "yield", InTransaction: true, Since: "1.0"},
	{Op: OpLogWrite, Name: "log.write", Request: "LogEntry", InTransaction: true, Since: "1.0"},
	{Op: OpClockMonotonic, Name: "clock.monotonic", Response: "Clock", InTransaction: true, Since: "1.0"},
	{Op: OpTimeZone, Name: "time.zone", Request: "TimeZoneRequest", Response: "TimeZoneResponse", InTransaction: true, Since: "1.0"},
	{Op: OpClockSleep, Name: "clock.sleep", Request: "ClockSleepRequest", Since: "1.0"},
	{Op: OpKVGet, Name: "kv.get", Request: "KVGetRequest", Response: "KVGetResponse", Capability: AppKVRead, InTransaction: true, Since: "1.0"},
	{Op: OpKVSet, Name: "kv.set", Request: "KVSetRequest", Response: "KVSetResponse", Capability: AppKVWrite, InTransaction: true, Since: "1.0"},
	{Op: OpKVHas, Name: "kv.has", Request: "KVGetRequest", Response: "KVFoundResponse", Capability: AppKVRead, InTransaction: true, Since: "1.0"},
	{Op: OpKVDelete, Name: "kv.delete", Request: "KVGetRequest", Response: "KVFoundResponse", Capability: AppKVWrite, InTransaction: true, Since: "1.0"},
	{Op: OpKVList, Name: "kv.list", Request: "KVListRequest", Response: "KVListResponse", Capability: AppKVRead, InTransaction: true, Since: "1.0"},
	{Op: OpKVIncr, Name: "kv.incr", Request: "KVIncrRequest", Response: "KVIncrResponse", Capability: AppKVWrite, InTransaction: true, Since: "1.0"},
	{Op: OpKVCompareAndSet, Name: "kv.compare_and_set", Request: "KVCompareAndSetRequest", Response: "KVSetResponse", Capability: AppKVWrite, InTransaction: true, Since: "1.0"},
	{Op: OpDocsCreate, Name: "docs.create", Request: "DocsCreateRequest", Response: "DocsCreateResponse", Capability: AppDocsWrite, InTransaction: true, Since: "1.0"},
	{Op: OpDocsGet, Name: "docs.get", Request: "DocsGetRequest", Response: "DocsGetResponse", Capability: AppDocsRead, InTransaction: true, Since: "1.0"},
	{Op: OpDocsFind, Name: "docs.find", Request: "DocsFindRequest", Response: "DocsFindResponse", Capability: AppDocsRead, InTransaction: true, Since: "1.0"},
	{Op: OpDocsUpdate, Name: "docs.update", Request: "DocsUpdateRequest", Response: "DocsUpdateResponse", Capability: AppDocsWrite, InTransaction: true, Since: "1.0"},
	{Op: OpDocsPatch, Name: "docs.patch", Request: "DocsUpdateRequest", Response: "DocsUpdateResponse", Capability: AppDocsWrite, InTransaction: true, Since: "1.0"},
	{Op: OpDocsDelete, Name: "docs.delete", Request: "DocsGetRequest", Response: "DocsDeleteResponse", Capability: AppDocsWrite, InTransaction: true, Since: "1.0"},
	{Op: OpDocsCount, Name: "docs.count", Request: "DocsFindRequest", Response: "DocsCountResponse", Capability: AppDocsRead, InTransaction: true, Since: "1.0"},
	{Op: OpDocsIndex, Name: "docs.index", Request: "DocsIndexRequest", Response: "DocsIndexResponse", Capability: AppDocsWrite, Since: "1.0"},
	{Op: OpDocsIndexes, Name: "docs.indexes", Request: "DocsIndexesRequest", Response: "DocsIndexesResponse", Capability: AppDocsRead, InTransaction: true, Since: "1.0"},
	{Op: OpFilesCreate, Name: "files.create", Request: "FilesCreateRequest", Response: "FilesInfoResponse", Capability: AppFilesWrite, Since: "1.0"},
	{Op: OpFilesHead, Name: "files.head", Request: "FilesGetRequest", Response: "FilesInfoResponse", Capability: AppFilesRead, InTransaction: true, Since: "1.0"},
	{Op: OpFilesGet, Name: "files.get", Request: "FilesReadRequest", Response: "FilesGetResponse", Capability: AppFilesRead, InTransaction: true, Since: "1.0"},
	{Op: OpFilesUpdate, Name: "files.update", Request: "FilesUpdateRequest", Response: "FilesInfoResponse", Capability: AppFilesWrite, Since: "1.0"},
	{Op: OpFilesDelete, Name: "files.delete", Request: "FilesGetRequest", Response: "FilesDeleteResponse", Capability: AppFilesWrite, Since: "1.0"},
	{Op: OpFilesList, Name: "files.list", Request: "FilesListRequest", Response: "FilesListResponse", Capability: AppFilesRead, InTransaction: true, Since: "1.0"},
	{Op: OpHTTPRequest, Name: "http.request", Request: "HTTPRequest", Response: "HTTPResponse", Capability: AppHTTPRequest, Since: "1.0"},
	{Op: OpInvoke, Name: "invoke", Request: "InvokeRequest", Response: "InvokeResponse", Since: "1.0"},
	{Op: OpRequestSaveFile, Name: "request.save_file", Request: "RequestSaveFileRequest", Response: "FilesInfoResponse", Capability: AppFilesWrite, Since: "1.0"},
	{Op: OpStreamStart, Name: "stream.start", Request: "StreamStartRequest", Since: "1.0"},
	{Op: OpStreamWrite, Name: "stream.write", Request: "StreamWriteRequest", Since: "1.0"},
	{Op: OpStreamEvent, Name: "stream.event", Request: "StreamEventRequest", Since: "1.0"},
	{Op: OpCryptoVerify, Name: "crypto.verify", Request: "CryptoVerifyRequest", Response: "CryptoVerifyResponse", InTransaction: true, Since: "1.0"},
	{Op: OpCryptoHashPassword, Name: "crypto.hash_password", Request: "CryptoHashPasswordRequest", Response: "CryptoHashPasswordResponse", Since: "1.0"},
	{Op: OpCryptoVerifyPassword, Name: "crypto.verify_password", Request: "CryptoVerifyPasswordRequest", Response: "CryptoVerifyResponse", Since: "1.0"},
	{Op: OpJWTSign, Name: "jwt.sign", Request: "JWTSignRequest", Response: "JWTSignResponse", InTransaction: true, Since: "1.0"},
	{Op: OpJWTVerify, Name: "jwt.verify", Request: "JWTVerifyRequest", Response: "JWTVerifyResponse", InTransaction: true, Since: "1.0"},
	{Op: OpGzipCompress, Name: "gzip.compress", Request: "GzipRequest", Response: "GzipResponse", InTransaction: true, Since: "1.0"},
	{Op: OpGzipDecompress, Name: "gzip.decompress", Request: "GzipRequest", Response: "GzipResponse", InTransaction: true, Since: "1.0"},
	{Op: OpTransactionBegin, Name: "transaction.begin", InTransaction: true, Since: "1.0"},
	{Op: OpTransactionCommit, Name: "transaction.commit", Response: "TransactionResponse", InTransaction: true, Since: "1.0"},
	{Op: OpTransactionRollback, Name: "transaction.rollback", Response: "TransactionResponse", InTransaction: true, Since: "1.0"},
	{Op: OpQueuePush, Name: "queue.push", Request: "QueuePushRequest", Response: "QueuePushResponse", Capability: AppEventsWrite, InTransaction: true, Since: "1.0"},
	{Op: OpPubSubPublish, Name: "pubsub.publish", Request: "PubSubPublishRequest", Response: "PubSubPublishResponse", Capability: AppEventsWrite, InTransaction: true, Since: "1.0"},
	{Op: OpInvokeAsync, Name: "invoke_async", Request: "InvokeAsyncRequest", Response: "InvokeAsyncResponse", InTransaction: true, Since: "1.0"},
	{Op: OpDeadLettersList, Name: "dead_letters.list", Request: "DeadLettersListRequest", Response: "DeadLettersListResponse", Capability: AppEventsRead, InTransaction: true, Since: "1.0"},
	{Op: OpDeadLettersGet, Name: "dead_letters.get", Request: "DeadLettersGetRequest", Response: "DeadLettersGetResponse", Capability: AppEventsRead, InTransaction: true, Since: "1.0"},
	{Op: OpDeadLettersReplay, Name: "dead_letters.replay", Request: "DeadLettersGetRequest", Response: "DeadLettersReplayResponse", Capability: AppEventsWrite, InTransaction: true, Since: "1.0"},
	{Op: OpDeadLettersResolve, Name: "dead_letters.resolve", Request: "DeadLettersResolveRequest", Response: "DeadLettersResolveResponse", Capability: AppEventsWrite, InTransaction: true, Since: "1.0"},
	{Op: OpPubSubToken, Name: "pubsub.token", Request: "PubSubTokenRequest", Response: "PubSubTokenResponse", Capability: AppEventsWrite, InTransaction: true, Since: "1.0"},
	{Op: OpSecretsGet, Name: "secrets.get", Request: "SecretsGetRequest", Response: "SecretsGetResponse", Capability: AppSecretRead, InTransaction: true, Since: "1.0"},
	{Op: OpSecretsHas, Name: "secrets.has", Request: "SecretsGetRequest", Response: "SecretsHasResponse", Capability: AppSecretRead, InTransaction: true, Since: "1.0"},
	{Op: OpSecretsList, Name: "secrets.list", Request: "SecretsListRequest", Response: "SecretsListResponse", Capability: AppSecretRead, InTransaction: true, Since: "1.0"},
}

// Lookup finds the row of op; ok is false for a number that is not in the table.
func Lookup(op Op) (row Operation, ok bool) {
	if int(op) < len(rows) && rows[op].Name != "" {
		return rows[op], true
	}
	return Operation{}, false
}

// rows has each operation at the index of its number.
var rows = func() (rows [OpEnd]Operation) {
	for _, row := range Operations {
		rows[row.Op] = row
	}
	return rows
}()
