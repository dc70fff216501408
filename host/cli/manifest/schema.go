package manifest

import _ "embed"

// Schema is the JSON schema of a manifest, for editors: draft 2020-12.
//
//go:embed schema.json
var Schema string
