package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// credentials are what `picloud login` leaves for the other commands, in picloud/credentials.json
// under the user's configuration directory, readable by nobody else.
type credentials struct {
	URL       string    `json:"url"`
	Username  string    `json:"username"`
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
}

func credentialsPath() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find the configuration directory: %w", err)
	}
	return filepath.Join(dir, "picloud", "credentials.json"), nil
}

// loadCredentials reads the saved login; without one the result is empty.
func loadCredentials() (credentials, error) {
	path, err := credentialsPath()
	if err != nil {
		return credentials{}, nil // no home: PICLOUD_URL and PICLOUD_TOKEN still work
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return credentials{}, nil
	}
	if err != nil {
		return credentials{}, fmt.Errorf("read credentials: %w", err)
	}
	var saved credentials
	if err := json.Unmarshal(text, &saved); err != nil {
		return credentials{}, fmt.Errorf("%s is damaged (%w): remove it and log in again", path, err)
	}
	if time.Now().After(saved.ExpiresAt) {
		saved.Token = "" // the URL is still a good default
	}
	return saved, nil
}

// save replaces the saved login. The token is never in a file that others can read, not even for a
// moment.
func (c credentials) save() (path string, err error) {
	path, err = credentialsPath()
	if err != nil {
		return "", err
	}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("save credentials: %w", err)
	}
	file, err := os.CreateTemp(filepath.Dir(path), "credentials-*") // mode 0600
	if err != nil {
		return "", fmt.Errorf("save credentials: %w", err)
	}
	defer os.Remove(file.Name())
	_, err = file.Write(append(text, '\n'))
	if err := errors.Join(err, file.Close()); err != nil {
		return "", fmt.Errorf("save credentials: %w", err)
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return "", fmt.Errorf("save credentials: %w", err)
	}
	return path, nil
}

// forgetCredentials removes the saved login, if there is one.
func forgetCredentials() error {
	path, err := credentialsPath()
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget credentials: %w", err)
	}
	return nil
}
