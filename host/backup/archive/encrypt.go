package archive

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"filippo.io/age"
)

// ageMagic begins what age encrypted.
const ageMagic = "age-encryption.org/"

// Recipients reads the public keys of those who can decrypt a backup, as age-keygen prints them. The error
// has nothing of them: one may be a private key.
func Recipients(texts []string) (recipients []age.Recipient, err error) {
	for i, text := range texts {
		recipient, err := age.ParseRecipients(strings.NewReader(text))
		if err != nil {
			return nil, fmt.Errorf("key %d of %d is no public key of age-keygen, which begins with age1", i+1, len(texts))
		}
		recipients = append(recipients, recipient...)
	}
	return recipients, nil
}

// minPassphrase is the fewest characters that a passphrase has: whoever has a backup can guess for as long as
// they like.
const minPassphrase = 12

// Passphrase is who can decrypt a backup by knowing it. It has 12 characters at least.
func Passphrase(passphrase string) (age.Recipient, error) {
	if n := utf8.RuneCountInString(passphrase); n < minPassphrase {
		return nil, fmt.Errorf("the passphrase must have at least %d characters, got %d", minPassphrase, n)
	}
	return age.NewScryptRecipient(passphrase)
}

// Encrypt encrypts what is written for recipients; for none it is written as it is. Closing ends the
// encryption and does not close to.
func Encrypt(to io.Writer, recipients ...age.Recipient) (io.WriteCloser, error) {
	if len(recipients) == 0 {
		return open{to}, nil
	}
	return age.Encrypt(to, recipients...)
}

// open is not encrypted.
type open struct{ io.Writer }

func (open) Close() error { return nil }

// Secrets decrypt backups.
type Secrets struct {
	Identities []age.Identity // private keys
	// Passphrase returns the one of a backup that is encrypted with one; it is asked only then.
	Passphrase func() (string, error)
}

// Identities reads private keys as age-keygen writes them to a file.
func Identities(from io.Reader) ([]age.Identity, error) { return age.ParseIdentities(from) }

// errPassphrase says that there was no passphrase where one is needed.
var errPassphrase = errors.New("the backup is encrypted with a passphrase")

// Decrypt returns what was encrypted, or from itself if it was not.
func Decrypt(from io.Reader, secrets Secrets) (io.Reader, error) {
	buffered := bufio.NewReader(from)
	magic, err := buffered.Peek(len(ageMagic))
	if err != nil && err != io.EOF {
		return nil, err
	}
	if !bytes.Equal(magic, []byte(ageMagic)) {
		return buffered, nil
	}
	plain, err := age.Decrypt(buffered, append([]age.Identity{asked{secrets.Passphrase}}, secrets.Identities...)...)
	var none *age.NoIdentityMatchError
	switch {
	case errors.As(err, &none) && len(secrets.Identities) == 0:
		return nil, errors.New("the backup is encrypted: name the file of a private key that decrypts it with --identity")
	case errors.As(err, &none):
		return nil, errors.New("the backup is encrypted for other keys than that of --identity")
	case err != nil:
		return nil, fmt.Errorf("the backup cannot be decrypted: %w", err)
	}
	return plain, nil
}

// asked is an identity that asks for a passphrase when there is one.
type asked struct {
	passphrase func() (string, error)
}

func (a asked) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	for _, stanza := range stanzas {
		if stanza.Type != "scrypt" {
			return nil, age.ErrIncorrectIdentity
		}
	}
	if a.passphrase == nil {
		return nil, errPassphrase
	}
	passphrase, err := a.passphrase()
	if err != nil {
		return nil, err
	}
	identity, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, err
	}
	key, err := identity.Unwrap(stanzas)
	if errors.Is(err, age.ErrIncorrectIdentity) {
		return nil, errors.New("the passphrase is not that of the backup")
	}
	return key, err
}
