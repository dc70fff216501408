package reference

import (
	"regexp"
	"slices"
	"strings"
)

var (
	// noFunction is Rhai's error of a call that there is no function for, with the types it was called with.
	noFunction = regexp.MustCompile(`Function not found: ([A-Za-z_][\w:]*) \(((?:[^()]|\(\))*)\)`)
	// noModule is Rhai's error of a module that there is not.
	noModule = regexp.MustCompile(`Module not found: (\w+)`)
)

// shownAs are the names of types in errors that the reference has others for.
var shownAs = map[string]string{"&str | ImmutableString | String": "string", "i64": "int", "f64": "float"}

// maxTold is how many functions are listed in advice.
const maxTold = 4

// Advised returns the message of a script's error with advice at the end of its first line, if there is any: for a
// function that there is not, those that were meant or what it takes. A script of tests has functions of its own.
func Advised(message string, tests bool) string {
	advice := Advice(message, tests)
	if advice == "" {
		return message
	}
	first, calls, _ := strings.Cut(message, "\n")
	return strings.TrimSuffix(first+"; "+advice+"\n"+calls, "\n")
}

// Advice returns what [Advised] adds, "" for nothing.
func Advice(message string, tests bool) string {
	if strings.HasPrefix(message, "Runtime error") { // a script has thrown it
		return ""
	}
	if found := noFunction.FindStringSubmatch(message); found != nil {
		first, _, _ := strings.Cut(found[2], ", ")
		if name := shownAs[first]; name != "" {
			first = name
		}
		return adviceOf(found[1], first, tests)
	}
	if found := noModule.FindStringSubmatch(message); found != nil {
		var modules []string
		for _, m := range Read().Modules {
			if m.hasFunctions() && (tests || !m.Tests) {
				modules = append(modules, m.Name)
			}
		}
		if near := nearest(found[1], modules); len(near) > 0 {
			return "did you mean " + strings.Join(near, " or ") + "?"
		}
	}
	return ""
}

// hasFunctions reports whether there are functions that are called with the module's name.
func (m Module) hasFunctions() bool {
	return slices.ContainsFunc(m.Items, func(it Item) bool { return it.Kind == "function" && !it.Global })
}

// adviceOf is the advice for a name, with the type of the first argument.
func adviceOf(name, first string, tests bool) string {
	calls := map[string][]string{} // by name, of what is called as it was
	module, function, qualified := strings.Cut(name, "::")
	if !qualified {
		function = name
	}
	method := !qualified && isHandle(first) // a handle has none of Rhai's own functions
	for _, m := range Read().Modules {
		for _, it := range m.Items {
			switch {
			case it.Kind == "property", m.Tests && !tests:
			case qualified && it.Kind == "function" && !it.Global && m.Name == module,
				!qualified && it.On == first && it.On != "",
				!qualified && !method && it.Global:
				calls[it.Name] = append(calls[it.Name], it.Call)
			}
		}
	}
	if !qualified && !method {
		for _, f := range Read().Standard {
			if f.Name == function || f.takes(first) {
				calls[f.Name] = append(calls[f.Name], f.Calls...)
			}
		}
	}
	if there := calls[function]; there != nil {
		return "there is " + told(there)
	}
	var known []string
	for name := range calls {
		known = append(known, name)
	}
	slices.Sort(known)
	near := nearest(function, known)
	switch {
	case len(near) > 0:
		var all []string
		for _, name := range near {
			all = append(all, calls[name]...)
		}
		return "did you mean " + told(all) + "?"
	case len(known) > 0 && (qualified || method): // few enough to be listed
		return "there are " + strings.Join(known, ", ")
	}
	return ""
}

// takes reports whether a function can be called with a first argument of a type; "" is none.
func (f Standard) takes(first string) bool {
	return slices.ContainsFunc(f.Overloads, func(params []Param) bool {
		if len(params) == 0 {
			return first == ""
		}
		return first != "" && (slices.Contains(params[0].Types, first) || slices.Contains(params[0].Types, "any"))
	})
}

// isHandle reports whether a type is of ours: a collection, a topic, a stream.
func isHandle(kind string) bool {
	return slices.ContainsFunc(Read().Modules, func(m Module) bool {
		return slices.ContainsFunc(m.Items, func(it Item) bool { return it.On == kind && kind != "" && kind != "map" })
	})
}

func told(calls []string) string {
	more := ""
	if len(calls) > maxTold {
		calls, more = calls[:maxTold], ", …"
	}
	return strings.Join(calls, " or ") + more
}
