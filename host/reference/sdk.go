package reference

// SDK is what scripts can use, for editors and other programs: the content of sdk.json.
type SDK struct {
	Version  string     `json:"sdk_version" doc:"What ctx.sdk_version is"`
	Modules  []Module   `json:"modules"`
	Standard []Standard `json:"standard" doc:"Functions of Rhai's own"`
}

// Module is a module, or what belongs together without one.
type Module struct {
	Name  string `json:"name"`
	Title string `json:"title"`
	About string `json:"about" doc:"Markdown"`
	Items []Item `json:"items"`
	Tests bool   `json:"tests,omitempty" doc:"It is there in files of tests alone"`
}

// Item is a function, a method or a property.
type Item struct {
	Name       string    `json:"name"`
	Kind       string    `json:"kind" enum:"function,method,property"`
	Full       string    `json:"full" doc:"What people ask for: kv.get"`
	On         string    `json:"on,omitempty" doc:"The type whose method it is"`
	Global     bool      `json:"global,omitempty" doc:"It is called without the name of a module"`
	Call       string    `json:"call" doc:"How it is written, with types"`
	Overloads  [][]Param `json:"overloads,omitempty" doc:"The parameters that it can be called with"`
	Returns    string    `json:"returns" doc:"A type; () for nothing"`
	Says       string    `json:"says" doc:"A line of Markdown"`
	More       string    `json:"more,omitempty" doc:"Markdown"`
	Capability string    `json:"capability,omitempty" doc:"What an execution needs for it"`
	Errors     []Failure `json:"errors,omitempty" doc:"How it fails, beside what all may"`
	Since      string    `json:"since" doc:"Version of the SDK"`
	Example    string    `json:"example,omitempty"`
}

// Param is a parameter of a function.
type Param struct {
	Name       string   `json:"name"`
	Types      []string `json:"types" doc:"Any of these"`
	Properties []Param  `json:"properties,omitempty" doc:"That a map may have"`
}

// Failure is a way to fail.
type Failure struct {
	Code string `json:"code"`
	When string `json:"when" doc:"Markdown"`
}

// Standard is a function of Rhai's own.
type Standard struct {
	Name     string   `json:"name"`
	Group    string   `json:"group"`
	Calls    []string `json:"calls" doc:"How it is written, with types: one for each number of parameters"`
	Property bool     `json:"property,omitempty" doc:"It can be read as a property, too: x.len"`
	Says     string   `json:"says" doc:"A line of Markdown"`

	Overloads [][]Param `json:"overloads"`
}
