package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"

	"github.com/picloud/picloud/host/backup/archive"
	"github.com/picloud/picloud/host/client"
)

// BackupCmd is `picloud backup`.
type BackupCmd struct {
	Remote
	File           string   `arg:"" help:"File to write, which must not be there yet; - is standard output." complete:"files"`
	Recipient      []string `placeholder:"KEY" help:"Encrypt it for the private key that belongs to this public key of age, age1...; may be repeated."`
	Passphrase     bool     `help:"Encrypt it with a passphrase of at least 12 characters, which is asked for."`
	PassphraseFile string   `placeholder:"FILE" complete:"files" help:"Encrypt it with the passphrase that is the first line of a file."`
}

// Help is shown by --help.
func (BackupCmd) Help() string {
	return `The server goes on meanwhile. The backup has the whole instance as it is when the
command begins: the database and the files of all apps. It is checked as it arrives,
encrypted on this machine if asked, and has its name once it is whole.

Whoever has a backup that is not encrypted has all data of all apps. The key of
secrets is not in it: keep a copy of secret.key of the server's data directory, or
of PICLOUD_SECRET_KEY, in another place.

Files that are damaged on the server are in it as they are, and are told of; the exit
status is 3 then.

Only owners may make one. picloud verify checks it, picloud restore brings it back.`
}

// A savedBackup is what was written.
type savedBackup struct {
	File      string       `json:"file"`
	Bytes     int64        `json:"bytes"`
	Encrypted bool         `json:"encrypted"`
	Backup    archive.Head `json:"backup"`
	Has       archive.End  `json:"has"`
}

// Run makes the backup.
func (cmd *BackupCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	if cmd.File == "-" {
		return cmd.print(ctx, r, c)
	}
	if _, err := os.Lstat(cmd.File); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fmt.Errorf("%s is there already: name another file", cmd.File)
		}
		return &usageError{err}
	}
	recipients, err := cmd.recipients(ctx, r)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(cmd.File), "."+filepath.Base(cmd.File)+"-*") // of mode 0600
	if err != nil {
		return &usageError{err}
	}
	saved := savedBackup{File: cmd.File, Encrypted: len(recipients) > 0}
	saved.Backup, saved.Has, err = receive(ctx, r, c, file, recipients)
	if err == nil {
		err = file.Sync()
	}
	if info, failed := file.Stat(); failed == nil {
		saved.Bytes = info.Size()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), cmd.File)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	WarnOfDamage(r.notices.warn, saved.Has)
	err = r.printDone(saved, "%s is a backup %s: %s with %d bytes, and the database with %d. It has %d bytes%s.",
		cmd.File, saved.Backup, plural(saved.Has.Files, "file"), saved.Has.FileBytes, saved.Has.DatabaseBytes(), saved.Bytes, whether(saved.Encrypted, " and is encrypted"))
	if err != nil {
		return err
	}
	return damaged(cmd.File, saved.Has)
}

// print writes the backup to standard output. What is cut off fails, and has no end.
func (cmd *BackupCmd) print(ctx context.Context, r *Remote, c *client.Client) error {
	if terminal(r.stdout) {
		return &usageError{errors.New("a backup is nothing for a terminal: name a file, or send it on with |")}
	}
	recipients, err := cmd.recipients(ctx, r)
	if err != nil {
		return err
	}
	_, has, err := receive(ctx, r, c, r.stdout, recipients)
	if err != nil {
		return err
	}
	WarnOfDamage(r.notices.warn, has)
	return damaged("the backup", has)
}

// damaged is the error of a backup that has damaged files.
func damaged(name string, has archive.End) error {
	if has.DamagedFiles == 0 {
		return nil
	}
	return &partlyError{fmt.Errorf("%s is whole; damaged on the server before: %s", name, plural(has.DamagedFiles, "file"))}
}

func whether(is bool, says string) string {
	if is {
		return says
	}
	return ""
}

// mostNamed is how many damaged files are named.
const mostNamed = 10

// WarnOfDamage tells of files that were damaged already when the backup was made.
func WarnOfDamage(warn func(format string, args ...any), end archive.End) {
	for i, damage := range end.Damaged {
		if i == mostNamed {
			warn("... and of %s more", plural(end.DamagedFiles-mostNamed, "file"))
			return
		}
		warn("%s, on the server and so in the backup", damage)
	}
}

func (cmd *BackupCmd) recipients(ctx context.Context, r *Remote) ([]age.Recipient, error) {
	recipients, err := archive.Recipients(cmd.Recipient)
	if err != nil {
		return nil, &usageError{fmt.Errorf("--recipient: %w", err)}
	}
	if !cmd.Passphrase && cmd.PassphraseFile == "" {
		return recipients, nil
	}
	if len(recipients) > 0 {
		return nil, &usageError{errors.New("a backup is encrypted for recipients or with a passphrase, not both")}
	}
	var passphrase string
	if cmd.PassphraseFile != "" {
		passphrase, err = firstLine(cmd.PassphraseFile)
	} else {
		passphrase, err = r.asker(false).twice(ctx, "passphrase", "Passphrase of the backup: ")
	}
	if err != nil {
		return nil, err
	}
	recipient, err := archive.Passphrase(passphrase)
	if err != nil {
		return nil, &usageError{err}
	}
	return []age.Recipient{recipient}, nil
}

// firstLine reads the first line of a file, which must not be empty.
func firstLine(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", &usageError{err}
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if line = strings.TrimSuffix(line, "\r"); line == "" {
		return "", &usageError{fmt.Errorf("%s: its first line is empty", path)}
	}
	return line, nil
}

// receive writes a backup to a file, and checks it on the way.
func receive(ctx context.Context, r *Remote, c *client.Client, to io.Writer, recipients []age.Recipient) (head archive.Head, end archive.End, err error) {
	sent, err := c.Backup(ctx)
	if err != nil {
		return head, end, err
	}
	defer sent.Close()
	sealed, err := archive.Encrypt(to, recipients...)
	if err != nil {
		return head, end, err
	}
	bar := r.progressBytes("backup", -1)
	head, end, err = archive.Read(io.TeeReader(counted(sent, bar), sealed), archive.Taker{})
	if err := errors.Join(err, bar.Finish()); err != nil {
		return head, end, fmt.Errorf("the backup did not arrive whole: %w", err)
	}
	return head, end, sealed.Close()
}

// BackupSecrets are the flags of commands that read backups.
type BackupSecrets struct {
	Identity       string `placeholder:"FILE" complete:"files" help:"File with the private key of an encrypted backup, as age-keygen writes it."`
	PassphraseFile string `placeholder:"FILE" complete:"files" help:"File whose first line is the passphrase of an encrypted backup; else it is asked for."`

	asked   string // the passphrase
	notices *notices
}

// AfterApply is called by the parser.
func (s *BackupSecrets) AfterApply(notices *notices) error {
	s.notices = notices
	return nil
}

// Warn tells of what went another way than may be expected.
func (s *BackupSecrets) Warn(format string, args ...any) { s.notices.warn(format, args...) }

// Open returns the backup in a file, decrypted.
func (s *BackupSecrets) Open(ctx context.Context, path string) (io.ReadCloser, error) {
	if path == "-" {
		return nil, &usageError{errors.New("a backup is read more than once: keep it in a file, and name that")}
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, &usageError{err}
	}
	plain, err := s.decrypt(ctx, file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{plain, file}, nil
}

func (s *BackupSecrets) decrypt(ctx context.Context, from io.Reader) (io.Reader, error) {
	var secrets archive.Secrets
	if s.Identity != "" {
		file, err := os.Open(s.Identity)
		if err != nil {
			return nil, &usageError{err}
		}
		defer file.Close()
		if secrets.Identities, err = archive.Identities(file); err != nil {
			return nil, &usageError{fmt.Errorf("--identity: %w", err)}
		}
	}
	secrets.Passphrase = func() (string, error) {
		switch {
		case s.PassphraseFile != "":
			return firstLine(s.PassphraseFile)
		case s.asked != "": // a backup that is restored is read twice
			return s.asked, nil
		}
		asker := asker{lines: linesOf(os.Stdin), stderr: os.Stderr}
		var err error
		s.asked, err = asker.ask(ctx, "passphrase", "Passphrase of the backup: ")
		return s.asked, err
	}
	return archive.Decrypt(from, secrets)
}
