package wire

// CORS says which pages of other origins may use what answers a request.
type CORS struct {
	Origins     []string `json:"origins" yaml:"origins" doc:"https://a.example, https://*.a.example, or * for all; empty: no page of another origin may"`
	Methods     []string `json:"methods,omitempty" yaml:"methods" doc:"Empty: those that routes have"`
	Headers     []string `json:"headers,omitempty" yaml:"headers" doc:"Of requests; empty: those that are asked for"`
	Expose      []string `json:"expose,omitempty" yaml:"expose" doc:"Headers of responses that pages may read"`
	Credentials bool     `json:"credentials,omitempty" yaml:"credentials" doc:"Cookies and Authorization are sent"`
	MaxAge      int64    `json:"max_age,omitempty" yaml:"max_age" doc:"Seconds that a browser may keep the answer to a preflight"`
}
