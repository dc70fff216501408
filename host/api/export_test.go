package api

// For the tests, which are of package api_test because they run a whole server.
const (
	AdminPrefix  = adminPrefix
	MaxFormParts = maxFormParts
	MaxFormField = maxFormField
	MaxFormExtra = maxFormExtra
)

// OfData are the ids of operations of which not each one is recorded.
var OfData = ofData

// ReadOnly are the ids of operations of which nothing is recorded.
var ReadOnly = &readOnly
