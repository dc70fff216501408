package abi

import "github.com/tinylib/msgp/msgp"

//go:generate go run github.com/tinylib/msgp -io=false -tests=false

// TestRequest is the request of [OpTest].
type TestRequest struct {
	Do   TestAction `msg:"do"`
	Args msgp.Raw   `msg:"args"` // an array
}

// TestAction is what a test asks for.
type TestAction string

// What a test asks for, with its arguments and the value of the response.
const (
	TestCall    TestAction = "call"          // script or route, request (a map): the response
	TestFire    TestAction = "fire"          // trigger or script, event (a map): the outcome
	TestDeliver TestAction = "deliver"       // no arguments: the outcomes of what was delivered
	TestSet     TestAction = "clock.set"     // time (RFC 3339)
	TestAdvance TestAction = "clock.advance" // milliseconds
	TestFake    TestAction = "fake_http"     // pattern
	TestAnswer  TestAction = "answer"        // response (a map), or nil and the message of an error: what the operation asked about
)

// TestResponse is the response of [OpTest], and of any operation of a test under which a request over HTTP
// waits for a fake. What the operation itself responds then comes with the response to [TestAnswer].
type TestResponse struct {
	Response []byte   `msg:"response"` // of what was asked
	Ask      *TestAsk `msg:"ask"`      // nil: there is a response
}

// TestAsk has a fake of the test answer a request over HTTP.
type TestAsk struct {
	Fake    int      `msg:"fake"`    // the number of it, in the order in which they were made, from 0
	Request msgp.Raw `msg:"request"` // #{method, url, headers, body, body_raw}
}
