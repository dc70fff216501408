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

// numbersAsArguments takes the mark away where values are decoded, and spells the words of an enum as it has them.
func numbersAsArguments() kong.Option {
	decoders := kong.NewRegistry().RegisterDefaults()
	return kong.OptionFunc(func(parser *kong.Kong) error {
		for _, t := range []reflect.Type{
			reflect.TypeFor[string](), reflect.TypeFor[int](), reflect.TypeFor[int64](), reflect.TypeFor[time.Duration](),
		} {
			decoder := decoders.ForType(t)
			unshield := kong.MapperFunc(func(ctx *kong.DecodeContext, target reflect.Value) error {
				token := ctx.Scan.Peek()
				if text, ok := token.Value.(string); ok {
					if meant := spelled(strings.TrimPrefix(text, shield), ctx.Value.EnumSlice()); meant != text {
						ctx.Scan.Pop()
						ctx.Scan.PushTyped(meant, kong.FlagValueToken)
					}
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

// spelled returns which of some words is meant by one, of which hyphens and underscores are the same: the
// API has app_admin and dead_letter, and commands have dead-letter. Another word is as it was.
func spelled(word string, words []string) string {
	hyphens := func(s string) string { return strings.ReplaceAll(s, "_", "-") }
	for _, w := range words {
		if w != "" && hyphens(w) == hyphens(word) {
			return w
		}
	}
	return word
}
