//go:build !unix

package front

import "net"

// watchDisconnect cannot look at a connection here: an execution whose client has gone runs to its
// end.
func watchDisconnect(net.Conn, func()) (stop func()) { return func() {} }
