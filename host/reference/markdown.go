package reference

import (
	"fmt"
	"strings"
)

// Markdown returns what is told of an item below a heading of the level.
func (it Item) Markdown(level int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n\n```rhai\n%s\n```\n\n%s\n", strings.Repeat("#", level), it.Name, it.Call, strings.TrimSpace(it.Says+" "+it.More))
	if len(it.Errors) > 0 {
		b.WriteString("\nIt fails with\n\n")
		for _, f := range it.Errors {
			fmt.Fprintf(&b, "- `%s`: %s\n", f.Code, f.When)
		}
	}
	needs := ""
	if it.Capability != "" {
		needs = "Needs the capability `" + it.Capability + "`. "
	}
	fmt.Fprintf(&b, "\n%sSince version %s of the SDK.\n", needs, it.Since)
	if it.Example != "" {
		fmt.Fprintf(&b, "\n```rhai\n%s\n```\n", it.Example)
	}
	return b.String()
}

// Markdown returns what is told of a function of Rhai's own.
func (f Standard) Markdown() string {
	also := ""
	if f.Property {
		also = " Without further arguments it can be read as a property, too: `x." + f.Name + "`."
	}
	return fmt.Sprintf("# %s\n\n```rhai\n%s\n```\n\n%s%s A function of [Rhai's own](rhai.md).\n", f.Name, strings.Join(f.Calls, "\n"), f.Says, also)
}
