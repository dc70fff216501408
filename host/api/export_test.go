package api

// For the tests, which are of package api_test because they run a whole server.
const (
	AdminPrefix  = adminPrefix
	MaxFormParts = maxFormParts
	MaxFormField = maxFormField
	MaxFormExtra = maxFormExtra
)
