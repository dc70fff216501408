// Package secrets reads what an administrator has set for the app to know and nobody to see: the
// keys of other services, for example. What of it a plugin logs, or fails with, is masked in the log.
//
// A name is 1 to 128 letters, digits, and _ - and . that do not come first. Errors are [*sdk.Error]:
// invalid for a name that is not allowed, denied without the capability AppSecretRead, and unavailable.
package secrets

import "github.com/picloud/picloud/guest-sdk/internal/host"

type named struct {
	Name string `json:"name"`
}

// Get returns the value of a secret; found is false when there is none.
func Get(name string) (value string, found bool, err error) {
	response, err := host.Call[struct {
		Found bool   `json:"found"`
		Value string `json:"value"`
	}](host.SecretsGet, named{name})
	return response.Value, response.Found, err
}

// Has reports whether there is a secret.
func Has(name string) (bool, error) {
	response, err := host.Call[struct {
		Found bool `json:"found"`
	}](host.SecretsHas, named{name})
	return response.Found, err
}

// List returns the names of all secrets, in their order.
func List() (names []string, err error) {
	response, err := host.Call[struct {
		Names []string `json:"names"`
	}](host.SecretsList, struct{}{})
	return response.Names, err
}
