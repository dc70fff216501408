package conformance

import _ "embed"

// Functions is the list of the real engine's standard functions, one signature a line: what
// the oracle answers to --functions.
//
//go:embed functions.txt
var Functions string
