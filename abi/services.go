package abi

import "github.com/tinylib/msgp/msgp"

//go:generate go run github.com/tinylib/msgp -io=false -tests=false

// The requests and responses of the operations on an app's data and scripts and on
// the network. The app is never among them: it comes from the execution. A
// msgp.Raw holds any value of a script (see doc.go).

// KVGetRequest is the request of [OpKVGet], [OpKVHas] and [OpKVDelete].
type KVGetRequest struct {
	Collection string `msg:"collection"`
	Key        string `msg:"key"`
}

// KVGetResponse is the response of [OpKVGet].
type KVGetResponse struct {
	Found bool     `msg:"found"`
	Value msgp.Raw `msg:"value,omitempty"` // absent unless found
}

// KVFoundResponse is the response of [OpKVHas] and [OpKVDelete].
type KVFoundResponse struct {
	Found bool `msg:"found"` // there was such a key
}

// KVSetRequest is the request of [OpKVSet].
type KVSetRequest struct {
	Collection string   `msg:"collection"`
	Key        string   `msg:"key"`
	Value      msgp.Raw `msg:"value"`
	TTLMillis  *int64   `msg:"ttl_ms,omitempty"`    // nil: kept for ever; else at least 1
	IfAbsent   bool     `msg:"if_absent,omitempty"` // leave an existing value alone
}

// KVSetResponse is the response of [OpKVSet] and [OpKVCompareAndSet].
type KVSetResponse struct {
	Set bool `msg:"set"` // false: the condition did not hold and nothing has changed
}

// KVListRequest is the request of [OpKVList].
type KVListRequest struct {
	Collection string `msg:"collection"`
	Prefix     string `msg:"prefix,omitempty"`
	Cursor     string `msg:"cursor,omitempty"` // of the page before, "" for the first
	Limit      int    `msg:"limit,omitempty"`  // 1 to 1000; 0: 50
}

// KVListResponse is the response of [OpKVList], in the order of the keys' bytes.
type KVListResponse struct {
	Items  []KVItem `msg:"items"`
	Cursor string   `msg:"cursor"` // of the next page, "" when this is the last
}

// KVItem is a key with its value.
type KVItem struct {
	Key   string   `msg:"key"`
	Value msgp.Raw `msg:"value"`
}

// KVIncrRequest is the request of [OpKVIncr].
type KVIncrRequest struct {
	Collection string `msg:"collection"`
	Key        string `msg:"key"`
	By         int64  `msg:"by"`
}

// KVIncrResponse is the response of [OpKVIncr].
type KVIncrResponse struct {
	Value int64 `msg:"value"` // after the addition
}

// KVCompareAndSetRequest is the request of [OpKVCompareAndSet].
type KVCompareAndSetRequest struct {
	Collection string   `msg:"collection"`
	Key        string   `msg:"key"`
	Old        msgp.Raw `msg:"old"` // unit: the key must be missing
	New        msgp.Raw `msg:"new"` // unit: delete the key
}

// Document is a stored document in its envelope.
type Document struct {
	ID        string   `msg:"id"`
	Data      msgp.Raw `msg:"data"`
	CreatedAt string   `msg:"created_at"` // RFC 3339, UTC
	UpdatedAt string   `msg:"updated_at"`
	Version   int64    `msg:"version"` // from 1, raised by each update
}

// DocsCreateRequest is the request of [OpDocsCreate].
type DocsCreateRequest struct {
	Collection string   `msg:"collection"`
	Data       msgp.Raw `msg:"data"` // a map
}

// DocsCreateResponse is the response of [OpDocsCreate].
type DocsCreateResponse struct {
	ID string `msg:"id"`
}

// DocsGetRequest is the request of [OpDocsGet] and [OpDocsDelete].
type DocsGetRequest struct {
	Collection string `msg:"collection"`
	ID         string `msg:"id"`
}

// DocsGetResponse is the response of [OpDocsGet].
type DocsGetResponse struct {
	Document *Document `msg:"document"` // nil: not found
}

// DocsDeleteResponse is the response of [OpDocsDelete].
type DocsDeleteResponse struct {
	Found bool `msg:"found"` // there was such a document
}

// DocsFindRequest is the request of [OpDocsFind] and, with the filter alone, of
// [OpDocsCount].
type DocsFindRequest struct {
	Collection string   `msg:"collection"`
	Filter     msgp.Raw `msg:"filter,omitempty"` // a map; absent: every document
	Sort       msgp.Raw `msg:"sort,omitempty"`   // a map of path to 1 or -1, or an array of such pairs; absent: by id
	Cursor     string   `msg:"cursor,omitempty"`
	Limit      int      `msg:"limit,omitempty"`   // 1 to 1000; 0: 50
	Explain    bool     `msg:"explain,omitempty"` // tell how the documents are found, and not which
}

// DocsFindResponse is the response of [OpDocsFind].
type DocsFindResponse struct {
	Items   []Document     `msg:"items"`
	Cursor  string         `msg:"cursor"`            // of the next page, "" when this is the last
	Explain *DocsExplained `msg:"explain,omitempty"` // nil unless it was asked for
}

// DocsExplained tells how documents are found.
type DocsExplained struct {
	Plan   string `msg:"plan"`   // "index", "terms", "ids" or "all"
	Path   string `msg:"path"`   // that the index is on, "" without one
	Range  bool   `msg:"range"`  // the index was asked for a range of the filter
	Sort   bool   `msg:"sort"`   // the index has the order of the sort
	Looked int    `msg:"looked"` // how many documents were looked at
}

// DocsUpdateRequest is the request of [OpDocsUpdate], which replaces the data,
// and of [OpDocsPatch], which merges into it (RFC 7396).
type DocsUpdateRequest struct {
	Collection string   `msg:"collection"`
	ID         string   `msg:"id"`
	Data       msgp.Raw `msg:"data"`                 // a map
	IfVersion  *int64   `msg:"if_version,omitempty"` // the version it must be at; nil: any
}

// DocsUpdateResponse is the response of [OpDocsUpdate] and [OpDocsPatch].
type DocsUpdateResponse struct {
	Document Document `msg:"document"` // as it is now
}

// DocsCountResponse is the response of [OpDocsCount].
type DocsCountResponse struct {
	Count int64 `msg:"count"`
}

// DocsIndex is an index on a path of the documents of a collection.
type DocsIndex struct {
	Path  string `msg:"path"`
	State string `msg:"state"` // "building" or "ready": then it is used
	Built int64  `msg:"built"` // documents that have been put into it while it was built
}

// DocsIndexRequest is the request of [OpDocsIndex].
type DocsIndexRequest struct {
	Collection string `msg:"collection"`
	Path       string `msg:"path"`
}

// DocsIndexResponse is the response of [OpDocsIndex].
type DocsIndexResponse struct {
	Index DocsIndex `msg:"index"` // as it is now, whether it was there or not
}

// DocsIndexesRequest is the request of [OpDocsIndexes].
type DocsIndexesRequest struct {
	Collection string `msg:"collection"`
}

// DocsIndexesResponse is the response of [OpDocsIndexes].
type DocsIndexesResponse struct {
	Items []DocsIndex `msg:"items"` // in the order of their paths
}

// FileInfo is what is known of a stored file besides its bytes.
type FileInfo struct {
	ID          string `msg:"id"`
	Name        string `msg:"name"`
	ContentType string `msg:"content_type"`
	Size        int64  `msg:"size"`       // bytes
	SHA256      string `msg:"sha256"`     // in hex
	CreatedAt   string `msg:"created_at"` // RFC 3339, UTC
	UpdatedAt   string `msg:"updated_at"`
}

// FilesCreateRequest is the request of [OpFilesCreate].
type FilesCreateRequest struct {
	Collection  string  `msg:"collection"`
	Name        string  `msg:"name"`
	ContentType string  `msg:"content_type"`
	Data        *[]byte `msg:"data"` // required: nil is refused, empty is not
}

// FilesGetRequest is the request of [OpFilesHead] and [OpFilesDelete].
type FilesGetRequest struct {
	Collection string `msg:"collection"`
	ID         string `msg:"id"`
}

// FilesReadRequest is the request of [OpFilesGet].
type FilesReadRequest struct {
	Collection string `msg:"collection"`
	ID         string `msg:"id"`
	Offset     int64  `msg:"offset,omitempty"` // bytes; beyond the end there are none
	Length     *int64 `msg:"length,omitempty"` // bytes at most; nil: all there are
}

// FilesInfoResponse is the response of [OpFilesCreate], [OpFilesHead] and [OpFilesUpdate].
type FilesInfoResponse struct {
	File *FileInfo `msg:"file"` // nil: not found, for OpFilesHead alone
}

// FilesGetResponse is the response of [OpFilesGet].
type FilesGetResponse struct {
	Found bool   `msg:"found"`
	Data  []byte `msg:"data"`
}

// FilesUpdateRequest is the request of [OpFilesUpdate]. What is nil stays.
type FilesUpdateRequest struct {
	Collection  string  `msg:"collection"`
	ID          string  `msg:"id"`
	Name        *string `msg:"name,omitempty"`
	ContentType *string `msg:"content_type,omitempty"`
	Data        *[]byte `msg:"data,omitempty"`
}

// FilesDeleteResponse is the response of [OpFilesDelete].
type FilesDeleteResponse struct {
	Found bool `msg:"found"` // there was such a file
}

// FilesListRequest is the request of [OpFilesList].
type FilesListRequest struct {
	Collection string `msg:"collection"`
	Cursor     string `msg:"cursor,omitempty"`
	Limit      int    `msg:"limit,omitempty"` // 1 to 1000; 0: 50
}

// FilesListResponse is the response of [OpFilesList], in the order of the ids.
type FilesListResponse struct {
	Items  []FileInfo `msg:"items"`
	Cursor string     `msg:"cursor"` // of the next page, "" when this is the last
}

// HTTPRequest is the request of [OpHTTPRequest].
type HTTPRequest struct {
	Method           string   `msg:"method"`
	URL              string   `msg:"url"`
	Headers          Lists    `msg:"headers,omitempty"`
	Query            Lists    `msg:"query,omitempty"`              // added to the URL's
	Body             msgp.Raw `msg:"body,omitempty"`               // see [EncodeBody]; absent: none
	TimeoutMillis    int64    `msg:"timeout_ms,omitempty"`         // 0: the operator's
	MaxResponseBytes int64    `msg:"max_response_bytes,omitempty"` // 0: the operator's
	FollowRedirects  *bool    `msg:"follow_redirects,omitempty"`   // nil: true
}

// HTTPResponse is the response of [OpHTTPRequest].
type HTTPResponse struct {
	Status     int               `msg:"status"`
	Headers    map[string]string `msg:"headers"`     // names in lower case; repeated values, joined by ", "
	HeadersAll Lists             `msg:"headers_all"` // the values one by one, as Set-Cookie needs it
	Body       msgp.Raw          `msg:"body"`        // parsed if it is JSON, else as BodyRaw; unit when empty
	BodyRaw    msgp.Raw          `msg:"body_raw"`    // a string, or a blob when it is not UTF-8
}

// ClockSleepRequest is the request of [OpClockSleep].
type ClockSleepRequest struct {
	Nanoseconds int64 `msg:"ns"` // 0 or more
}

// TimeZoneRequest is the request of [OpTimeZone].
type TimeZoneRequest struct {
	Zone string `msg:"zone"` // an IANA name: "Europe/Berlin"
	Unix int64  `msg:"unix"` // seconds since 1970 UTC; with Local set, of the wall clock there
	// Local asks for the offset at a wall clock time. Of a time that occurs twice the
	// first is meant, one that is skipped is read with the offset before it.
	Local bool `msg:"local,omitempty"`
}

// TimeZoneResponse is the response of [OpTimeZone].
type TimeZoneResponse struct {
	Offset       int    `msg:"offset"` // seconds east of UTC
	Abbreviation string `msg:"abbreviation"`
}

// RequestSaveFileRequest is the request of [OpRequestSaveFile].
type RequestSaveFileRequest struct {
	Field      string `msg:"field"`           // of the form
	Collection string `msg:"collection"`      // of files
	Index      *int   `msg:"index,omitempty"` // among the fields of this name, from 0; nil: the last
}

// StreamStartRequest is the request of [OpStreamStart].
type StreamStartRequest struct {
	Head msgp.Raw `msg:"head"` // a structured response without a body, see [NewResponse]
}

// StreamWriteRequest is the request of [OpStreamWrite].
type StreamWriteRequest struct {
	Value msgp.Raw `msg:"value"` // see [EncodeBody]
}

// StreamEventRequest is the request of [OpStreamEvent].
type StreamEventRequest struct {
	Event string   `msg:"event,omitempty"` // its type; "": message
	ID    *string  `msg:"id,omitempty"`
	Retry *int64   `msg:"retry,omitempty"` // milliseconds until a client that was cut off comes back
	Data  msgp.Raw `msg:"data,omitempty"`  // see [EncodeBody]; a blob must be UTF-8
}

// InvokeRequest is the request of [OpInvoke].
type InvokeRequest struct {
	Name string   `msg:"name"`           // of an endpoint or a plugin
	Args msgp.Raw `msg:"args,omitempty"` // any value, which it sees as ctx.args; absent: unit
}

// InvokeResponse is the response of [OpInvoke].
type InvokeResponse struct {
	// Value is what a script returned or a plugin put out, as it is: the map of a
	// structured response has its statusCode, whatever that says.
	Value msgp.Raw `msg:"value"`
}

// CryptoVerifyRequest is the request of [OpCryptoVerify].
type CryptoVerifyRequest struct {
	Algorithm string `msg:"algorithm"` // ed25519, rsa_sha256, rsa_sha512, rsa_pss_sha256, rsa_pss_sha512 or ecdsa_sha256
	Key       string `msg:"key"`       // a public key as PEM (SubjectPublicKeyInfo) or a JSON Web Key
	Data      []byte `msg:"data"`
	Signature []byte `msg:"signature"` // of ecdsa_sha256 as ASN.1, or as r and s one after the other
}

// CryptoVerifyResponse is the response of [OpCryptoVerify] and [OpCryptoVerifyPassword].
type CryptoVerifyResponse struct {
	Valid bool `msg:"valid"`
}

// CryptoHashPasswordRequest is the request of [OpCryptoHashPassword].
type CryptoHashPasswordRequest struct {
	Password  string `msg:"password"`
	Algorithm string `msg:"algorithm,omitempty"` // argon2id, which "" is, or bcrypt
}

// CryptoHashPasswordResponse is the response of [OpCryptoHashPassword].
type CryptoHashPasswordResponse struct {
	Hash string `msg:"hash"` // with its parameters: a PHC string, or bcrypt's own form
}

// CryptoVerifyPasswordRequest is the request of [OpCryptoVerifyPassword].
type CryptoVerifyPasswordRequest struct {
	Password string `msg:"password"`
	Hash     string `msg:"hash"`
}

// JWTSignRequest is the request of [OpJWTSign].
type JWTSignRequest struct {
	Claims    msgp.Raw `msg:"claims"`    // a map
	Key       string   `msg:"key"`       // the secret of HS256, else a private key as PEM
	Algorithm string   `msg:"algorithm"` // HS256, RS256, ES256 or EdDSA
}

// JWTSignResponse is the response of [OpJWTSign].
type JWTSignResponse struct {
	Token string `msg:"token"`
}

// JWTVerifyRequest is the request of [OpJWTVerify].
type JWTVerifyRequest struct {
	Token     string `msg:"token"`
	Key       string `msg:"key"`       // the secret of HS256, else a public key as PEM or a JSON Web Key
	Algorithm string `msg:"algorithm"` // the one that the token must have
	LeewayMS  int64  `msg:"leeway_ms,omitempty"`
}

// JWTVerifyResponse is the response of [OpJWTVerify].
type JWTVerifyResponse struct {
	Claims msgp.Raw `msg:"claims"` // a map
}

// GzipRequest is the request of [OpGzipCompress] and [OpGzipDecompress].
type GzipRequest struct {
	Data []byte `msg:"data"`
}

// GzipResponse is the response of [OpGzipCompress] and [OpGzipDecompress].
type GzipResponse struct {
	Data []byte `msg:"data"`
}

// TransactionResponse is the response of [OpTransactionCommit] and [OpTransactionRollback]. The
// transaction has ended in any case.
type TransactionResponse struct {
	// Again tells that nothing is kept because another transaction was in the way: it is to be begun
	// again, and what was done in it done again.
	Again bool `msg:"again"`
}

// SecretsGetRequest is the request of [OpSecretsGet] and [OpSecretsHas].
type SecretsGetRequest struct {
	Name string `msg:"name"`
}

// SecretsGetResponse is the response of [OpSecretsGet].
type SecretsGetResponse struct {
	Found bool   `msg:"found"`
	Value string `msg:"value,omitempty"` // absent unless found
}

// SecretsHasResponse is the response of [OpSecretsHas].
type SecretsHasResponse struct {
	Found bool `msg:"found"`
}

// SecretsListRequest is the request of [OpSecretsList].
type SecretsListRequest struct{}

// SecretsListResponse is the response of [OpSecretsList].
type SecretsListResponse struct {
	Names []string `msg:"names"` // in their order
}
