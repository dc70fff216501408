package conformance

import _ "embed"

// Functions is the list of the real engine's standard functions, one signature a line: what
// the oracle prints for --functions.
//
//go:embed functions.txt
var Functions string
