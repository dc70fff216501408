package wire

import "time"

// Secret is a value that scripts of an app may read. Nothing shows it.
type Secret struct {
	Name      string    `json:"name"`
	Size      int       `json:"size" doc:"Of the value, bytes"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at" doc:"When the value was set"`
}

// SecretSet is the body of PUT apps/{app}/secrets/{name}.
type SecretSet struct {
	Value string `json:"value" minLength:"1" doc:"Up to 64 KiB of UTF-8"`
}

// SecretsRotated tells what POST secrets:rotate has done.
type SecretsRotated struct {
	KeyID    string `json:"key_id" doc:"Of the key that all secrets are sealed with now, but those that are left"`
	Resealed int    `json:"resealed" doc:"Secrets, of apps and of second factors, that were sealed with another key before, or with none"`
	Left     int    `json:"left" doc:"Secrets that still are, because the server does not have their key"`
}
