package cli

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/boombuler/barcode/qr"
	"golang.org/x/term"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
)

// TOTPCmd groups the commands on the user's own second factor.
type TOTPCmd struct {
	Remote
	Show          TOTPShowCmd          `cmd:"" help:"Show whether you have a second factor."`
	Begin         TOTPBeginCmd         `cmd:"" help:"Show what an authenticator is set up with; logins need no code before it is confirmed."`
	Confirm       TOTPConfirmCmd       `cmd:"" help:"Have logins need a code, and print recovery codes."`
	Disable       TOTPDisableCmd       `cmd:"" help:"Have logins need no code any more."`
	RecoveryCodes TOTPRecoveryCodesCmd `cmd:"" help:"Print new recovery codes; the ones before end."`
}

// TOTPShowCmd is `picloud totp show`.
type TOTPShowCmd struct{}

// Run shows the second factor.
func (TOTPShowCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	factor, err := c.TOTP(ctx)
	if err != nil {
		return err
	}
	return printOne(r, factor, []column[wire.TOTP]{
		{"ENABLED", func(f wire.TOTP) string { return yesOrNo(f.Enabled) }},
		{"SINCE", func(f wire.TOTP) string {
			if f.EnabledAt == nil {
				return ""
			}
			return localTime(*f.EnabledAt)
		}},
		{"RECOVERY CODES", func(f wire.TOTP) string { return strconv.Itoa(f.RecoveryCodes) }},
	})
}

// TOTPBeginCmd is `picloud totp begin`.
type TOTPBeginCmd struct {
	PasswordStdin bool `help:"Read your password from standard input, up to the first line feed."`
}

// Run makes a key and shows it: on a terminal as a QR code, too.
func (cmd *TOTPBeginCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	password, err := r.asker(cmd.PasswordStdin).ask(ctx, "password", "Your password: ")
	if err != nil {
		return err
	}
	key, err := c.BeginTOTP(ctx, wire.TOTPBegin{Password: password})
	if err != nil || r.Output == "json" {
		if err == nil {
			err = r.printJSON(key)
		}
		return err
	}
	if file, ok := r.stdout.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		drawn, err := drawQR(key.URL)
		if err != nil {
			return err
		}
		fmt.Fprintf(r.stdout, "%s\n", drawn)
	}
	_, err = fmt.Fprintf(r.stdout, "Secret:  %s\nAddress: %s\n\nSet up an authenticator with one of them, and then run: picloud totp confirm CODE\n",
		client.Printable(key.Secret), client.Printable(key.URL))
	return err
}

// drawQR draws a QR code in characters that are two modules high, dark ones as spaces: with the light
// margin that readers need, and legible on dark and on light terminals.
func drawQR(text string) (string, error) {
	code, err := qr.Encode(text, qr.L, qr.Auto)
	if err != nil {
		return "", fmt.Errorf("draw the QR code: %w", err)
	}
	const margin = 2
	bounds := code.Bounds()
	light := func(x, y int) bool {
		if x < 0 || y < 0 || x >= bounds.Dx() || y >= bounds.Dy() {
			return true
		}
		red, _, _, _ := code.At(bounds.Min.X+x, bounds.Min.Y+y).RGBA()
		return red > 0
	}
	var b strings.Builder
	for y := -margin; y < bounds.Dy()+margin; y += 2 {
		b.WriteString("\x1b[97;40m")
		for x := -margin; x < bounds.Dx()+margin; x++ {
			switch upper, lower := light(x, y), light(x, y+1); {
			case upper && lower:
				b.WriteRune('█')
			case upper:
				b.WriteRune('▀')
			case lower:
				b.WriteRune('▄')
			default:
				b.WriteByte(' ')
			}
		}
		b.WriteString("\x1b[0m\n")
	}
	return b.String(), nil
}

// TOTPConfirmCmd is `picloud totp confirm`.
type TOTPConfirmCmd struct {
	Code string `arg:"" help:"The code that the authenticator shows."`
}

// Run confirms the second factor.
func (cmd *TOTPConfirmCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	codes, err := c.ConfirmTOTP(ctx, wire.TOTPConfirm{Code: cmd.Code})
	if err != nil {
		return err
	}
	return r.printRecoveryCodes(codes, "Logins need a code of the authenticator from now on. Keep these recovery codes: each stands in for one, once.")
}

func (r *Remote) printRecoveryCodes(codes wire.RecoveryCodes, says string) error {
	return r.printDone(codes, "%s\n\n    %s\n", says, client.Printable(strings.Join(codes.Codes, "\n    ")))
}

// Proof has the flags of commands that need the user's password or a code.
type Proof struct {
	Code          string `xor:"proof" help:"A code of the authenticator, or a recovery code; else your password is asked for."`
	PasswordStdin bool   `xor:"proof" help:"Read your password from standard input, up to the first line feed."`
}

func (p *Proof) get(ctx context.Context, r *Remote) (proof wire.TOTPProof, err error) {
	if p.Code != "" {
		return wire.TOTPProof{Code: p.Code}, nil
	}
	proof.Password, err = r.asker(p.PasswordStdin).ask(ctx, "password", "Your password: ")
	return proof, err
}

// TOTPDisableCmd is `picloud totp disable`.
type TOTPDisableCmd struct{ Proof }

// Run gives up the second factor.
func (cmd *TOTPDisableCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	proof, err := cmd.get(ctx, r)
	if err != nil {
		return err
	}
	if err := c.DisableTOTP(ctx, proof); err != nil {
		return err
	}
	return r.printDone(wire.TOTP{}, "Logins need no code any more.")
}

// TOTPRecoveryCodesCmd is `picloud totp recovery-codes`.
type TOTPRecoveryCodesCmd struct{ Proof }

// Run makes new recovery codes.
func (cmd *TOTPRecoveryCodesCmd) Run(ctx context.Context, r *Remote, c *client.Client) error {
	proof, err := cmd.get(ctx, r)
	if err != nil {
		return err
	}
	codes, err := c.RenewRecoveryCodes(ctx, proof)
	if err != nil {
		return err
	}
	return r.printRecoveryCodes(codes, "These recovery codes are good from now on, and those before are not:")
}
