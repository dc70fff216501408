package front

// For the tests, which are of package front_test because they run a whole server.
const (
	MaxHeaderBytes = maxHeaderBytes
	WatchAfter     = watchAfter
)
