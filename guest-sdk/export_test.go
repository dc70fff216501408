package sdk

// FailureText is what a plugin tells the host, which native tests have no other way to see.
var FailureText = failureText
