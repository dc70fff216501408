package sdk

import "github.com/picloud/picloud/abi"

// InvocationType says what caused an execution.
type InvocationType = abi.InvocationType

// The causes of an execution.
const (
	InvokedByHTTP    = abi.InvocationHTTP    // a route
	InvokedByExecute = abi.InvocationExecute // the execute endpoint or a test run
	InvokedByTrigger = abi.InvocationTrigger // an event, which is in Context.Event
	InvokedByScript  = abi.InvocationInvoke  // another script of the app, with Context.Args
)

// Context says which execution this is.
type Context struct {
	SDKVersion     string         `json:"sdk_version"` // of the contract between host and plugin: "1.0"
	ExecutionID    string         `json:"execution_id"`
	RequestID      string         `json:"request_id"` // of the HTTP request that began it all, the same in everything it causes
	ScriptID       string         `json:"script_id"`
	ScriptName     string         `json:"script_name"`
	AppID          string         `json:"app_id"`
	InvocationType InvocationType `json:"invocation_type"`
	Event          Value          `json:"event"` // what happened, As an [Event]; null unless triggered
	Args           Value          `json:"args"`  // what the caller gave; null unless invoked
}
