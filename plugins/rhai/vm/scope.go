package vm

import "sort"

// Scopes are the variables of a function by their names, and for how long each was in sight. Code
// that is compiled while the function runs, that of an eval say, finds its variables here.
//
// Time is counted in declarations and ends of blocks, in the order of the code.
type Scopes struct {
	outer *Scope // what the function sees beside its own: it runs in another's window
	vars  map[string][]ScopeVar
	clock int32
}

// ScopeVar is a variable in [Scopes].
type ScopeVar struct {
	Register uint16
	Level    int // variables declared before it
	Const    bool

	from, to int32 // when it was declared, and when its block ended
	outside  int32 // the number, of its name, of the variable that was in sight outside of its block; -1: none
}

// Scope is what can be seen at a place of the code.
type Scope struct {
	scopes *Scopes
	at     int32 // the time
}

// forever is the end of a block that has none: a function's own.
const forever = 1<<31 - 1

// NewScopes makes the scopes of a function that runs in a window in which outer is in sight, or in
// one of its own if outer is nil.
func NewScopes(outer *Scope) *Scopes { return &Scopes{outer: outer, vars: map[string][]ScopeVar{}} }

// Declare brings a variable into sight. It returns its number among those of its name.
func (s *Scopes) Declare(name string, v ScopeVar) (number int32) {
	s.clock++
	v.from, v.to, v.outside = s.clock, forever, -1
	s.vars[name] = append(s.vars[name], v)
	return int32(len(s.vars[name]) - 1)
}

// Leave ends the scope of a variable. outside is the number of the one of its name that is in sight
// outside of its block, -1 if there is none.
func (s *Scopes) Leave(name string, number, outside int32) {
	s.clock++
	v := &s.vars[name][number]
	v.to, v.outside = s.clock, outside
}

// Now returns what is in sight at this place of the code.
func (s *Scopes) Now() *Scope { return &Scope{s, s.clock} }

// Find returns the variable that a name means there, nil if there is none.
func (s *Scope) Find(name string) *ScopeVar {
	for ; s != nil; s = s.scopes.outer {
		vars := s.scopes.vars[name]
		for n := int32(sort.Search(len(vars), func(i int) bool { return vars[i].from > s.at })) - 1; n >= 0; n = vars[n].outside {
			if vars[n].to > s.at {
				return &vars[n]
			}
		}
	}
	return nil
}
