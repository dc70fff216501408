package store

// CORS says which pages of other origins may use what answers a request (Fetch Standard, section
// 3.2). No policy, nil, allows none.
type CORS struct {
	Origins     []string `json:"origins"`               // "https://a.example", "https://*.a.example" or "*"; none: no page may
	Methods     []string `json:"methods,omitempty"`     // none: those that routes have
	Headers     []string `json:"headers,omitempty"`     // of requests, in lower case; none: those that are asked for
	Expose      []string `json:"expose,omitempty"`      // headers of responses that pages may read, in lower case
	Credentials bool     `json:"credentials,omitempty"` // cookies and authorization are sent
	MaxAge      int64    `json:"max_age,omitempty"`     // seconds that a browser may keep the answer to a preflight
}
