package compile

import (
	"slices"

	"github.com/picloud/picloud/plugins/rhai/syntax"
)

// reads lists what a script can see of the variables that exist before it runs, so that nobody need
// make what it does not look at: "ctx" for one that is used as a whole, "ctx.request" or
// "ctx.request.path" where only that property is reached for. It lists the names of all variables if
// the script may make code at run time.
func (c *compiler) reads(scope []string) (paths []string) {
	seen := map[string]bool{}
	add := func(path string) {
		if !seen[path] {
			seen[path] = true
			paths = append(paths, path)
		}
	}
	everything := func() {
		for _, name := range scope {
			add(name)
		}
	}
	var visit func(n any) bool
	walk := func(stmts []syntax.Stmt) {
		for _, s := range stmts {
			syntax.Walk(s, visit)
		}
	}
	visit = func(n any) bool {
		switch n := n.(type) {
		case *syntax.Property, *syntax.Index, *syntax.MethodCall:
			chain := flatten(n.(syntax.Expr))
			if isGiven(chain.root, scope) {
				add(chain.path())
			} else {
				syntax.Walk(chain.root, visit)
			}
			for _, s := range chain.steps {
				c.count(1)
				syntax.Walk(s.index, visit)
				for _, a := range s.args {
					syntax.Walk(a, visit)
				}
			}
			return false
		case *syntax.Variable:
			if isGiven(n, scope) {
				add(n.Name)
			}
		case *syntax.Call:
			if n.Name == "eval" {
				everything()
			}
		case *syntax.StringLit:
			if n.Value == "eval" { // a function pointer's name
				everything()
			}
		case *syntax.Closure:
			walk(n.Func.Body.Stmts)
		}
		return !c.stopped()
	}
	walk(c.ast.Body)
	for _, fn := range c.ast.Functions {
		walk(fn.Body.Stmts)
	}
	return paths
}

// isGiven reports whether e may be one of the variables of scope. One that is declared later by the
// same name is taken for it.
func isGiven(e syntax.Expr, scope []string) bool {
	v, ok := e.(*syntax.Variable)
	return ok && slices.Contains(scope, v.Name)
}

// readDepth is how many properties of a variable a path names.
const readDepth = 2

// path returns the way from the root as far as it is known. A method sees all of what it is called
// on, but for the blind ones.
func (c *chain) path() string {
	path := c.root.(*syntax.Variable).Name
	for i, s := range c.steps {
		if i == readDepth {
			break
		}
		name := s.name
		if s.index != nil {
			text, ok := s.index.(*syntax.StringLit)
			if !ok {
				break
			}
			name = text.Value
		}
		if s.method && !blindMethods[name] {
			break
		}
		path += "." + name
	}
	return path
}

// blindMethods do not look at what they are called on.
var blindMethods = map[string]bool{"save_file": true}
