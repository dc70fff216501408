package compile

import "github.com/picloud/picloud/plugins/rhai/vm"

// local is a variable.
type local struct {
	name     string
	register int
	constant bool
	boxed    bool  // may hold a cell
	given    bool  // existed before the script ran: closures have their own
	hides    int32 // place of the variable of this name that was declared before, -1: none
	number   int32 // in the function's scopes, if it has any
}

// locals are the variables in sight, innermost last.
type locals struct {
	list   []local
	latest map[string]int32 // for each name, the place of the latest one, plus 1; nil while they are few
	level  int              // of the first one: how many others the function sees
	scopes *vm.Scopes       // where they can be found at run time; nil: nobody looks
}

// fewLocals is how many are found as fast one by one.
const fewLocals = 16

// declare brings a variable into sight.
func (s *locals) declare(l local) *local {
	l.hides = int32(s.find(l.name))
	if s.scopes != nil {
		l.number = s.scopes.Declare(l.name, vm.ScopeVar{Register: uint16(l.register), Level: s.level + len(s.list), Const: l.constant})
	}
	s.list = append(s.list, l)
	switch n := len(s.list); {
	case s.latest != nil:
		s.latest[l.name] = int32(n)
	case n > fewLocals:
		s.latest = make(map[string]int32, 4*fewLocals)
		for i := range s.list {
			s.latest[s.list[i].name] = int32(i + 1)
		}
	}
	return &s.list[len(s.list)-1]
}

// find returns the place of the variable that a name means, -1 if there is none.
func (s *locals) find(name string) int {
	if s.latest != nil {
		return int(s.latest[name]) - 1
	}
	for i := len(s.list) - 1; i >= 0; i-- {
		if s.list[i].name == name {
			return i
		}
	}
	return -1
}

// leave ends the scope of all but the first n variables.
func (s *locals) leave(n int) {
	gone := s.list[n:]
	if s.latest != nil {
		for i := len(gone) - 1; i >= 0; i-- {
			s.latest[gone[i].name] = gone[i].hides + 1
		}
	}
	s.list = s.list[:n]
	if s.scopes == nil {
		return
	}
	for _, l := range gone {
		outside := int32(-1)
		if at := s.find(l.name); at >= 0 {
			outside = s.list[at].number
		}
		s.scopes.Leave(l.name, l.number, outside)
	}
}
