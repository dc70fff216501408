package cli

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/alecthomas/kong"
)

// othersVariables are what begins with PICLOUD_ and is no setting: those of our tests, and those
// that Kubernetes sets in every container beside a service called picloud.
var othersVariables = regexp.MustCompile(`^PICLOUD_(TEST_.*|REQUIRE_.*|KILL_ROUNDS` +
	`|SERVICE_(HOST|PORT(_.*)?)|PORT(_[0-9]+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?)$`)

// checkVariables finds variables that look like settings and are none. The slip of a pen is an
// error, as it is in the configuration file; a variable that resembles no setting may be somebody's
// own, and is warned of.
func checkVariables(model *kong.Application, environ []string, notices *notices) error {
	known := []string{tokenVariable}
	_ = kong.Visit(model, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok {
			known = append(known, flag.Envs...)
		}
		return next(nil)
	})
	for _, variable := range environ {
		name, _, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, "PICLOUD_") || slices.Contains(known, name) || othersVariables.MatchString(name) {
			continue
		}
		if meant := closest(name, known); meant != "" {
			return &usageError{fmt.Errorf("unknown variable %s: did you mean %s?", name, meant)}
		}
		notices.warn("unknown variable %s is ignored", name)
	}
	return nil
}

// closest returns which of the known names a mistyped one was probably meant to be, or "".
func closest(name string, known []string) string {
	best, least := "", 3 // edits, which is too many
	for _, candidate := range known {
		if edits := levenshtein.ComputeDistance(name, candidate); edits < least {
			best, least = candidate, edits
		}
	}
	return best
}
