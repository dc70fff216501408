package catalog

// Conflict says what of the catalog is in the way of a change.
type Conflict struct {
	Field  string // that would do it; "" for the whole
	Reason string // said of the field
	Value  string // of the field; "" when it says nothing
	Other  string // id of what is in the way; "" when unknown
	text   string
}

func (e *Conflict) Error() string { return e.text }

// Invalid says which field is wrong.
type Invalid struct {
	Field  string
	Reason string
	Value  string // "" when it says nothing
}

func (e *Invalid) Error() string { return e.Field + ": " + e.Reason }

func invalid(field, reason, value string) error { return &Invalid{field, reason, value} }
