package cli

import (
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// The parser takes whatever begins with a hyphen for a flag: of `kv put c n -5`, whose value is
// JSON, too. No flag begins with a digit, so a negative number is an argument, or the value of the
// flag before it. It is handed to the parser behind a shield, which no argument of a process can
// hold, and comes out of it as it was.

const shield = "\x00"

var negativeNumber = regexp.MustCompile(`^-[0-9]`)

// shieldNumbers marks the negative numbers among the arguments.
func shieldNumbers(args []string) []string {
	shielded := make([]string, len(args))
	for i, arg := range args {
		if shielded[i] = arg; negativeNumber.MatchString(arg) {
			shielded[i] = shield + arg
		}
	}
	return shielded
}

// numbersAsArguments takes the mark away where values are decoded.
func numbersAsArguments() kong.Option {
	decoders := kong.NewRegistry().RegisterDefaults()
	return kong.OptionFunc(func(parser *kong.Kong) error {
		for _, t := range []reflect.Type{
			reflect.TypeFor[string](), reflect.TypeFor[int](), reflect.TypeFor[int64](), reflect.TypeFor[time.Duration](),
		} {
			decoder := decoders.ForType(t)
			unshield := kong.MapperFunc(func(ctx *kong.DecodeContext, target reflect.Value) error {
				token := ctx.Scan.Peek()
				if text, ok := token.Value.(string); ok && strings.HasPrefix(text, shield) {
					ctx.Scan.Pop()
					ctx.Scan.PushTyped(strings.TrimPrefix(text, shield), kong.FlagValueToken)
				}
				return decoder.Decode(ctx, target)
			})
			option := kong.TypeMapper(t, unshield)
			if t.PkgPath() == "" { // and for types made of it
				option = kong.KindMapper(t.Kind(), unshield)
			}
			if err := option.Apply(parser); err != nil {
				return err
			}
		}
		return nil
	})
}
