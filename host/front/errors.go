package front

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/front/http1"
)

// failed answers the error of a handler: of the services, of fiber, or a defect.
func (s *Server) failed(c *fiber.Ctx, err error) error {
	var known *fiber.Error
	if !errors.As(err, &known) {
		return s.refused(c, err)
	}
	detail := known.Message
	if known.Code == http.StatusInternalServerError {
		detail = "internal error"
	}
	return s.refuse(c, known.Code, fault.OfStatus(known.Code), detail)
}

// refused answers an error of the services.
func (s *Server) refused(c *fiber.Ctx, err error) error {
	p, ours := problem.Of(err)
	if ours {
		problem.Log(c.Context(), s.log, RequestID(c), err)
	}
	return send(c, p)
}

// refuse answers what is wrong with a request before any service sees it.
func (s *Server) refuse(c *fiber.Ctx, status int, code fault.Code, detail string) error {
	return send(c, problem.New(status, code, detail))
}

// send answers a problem: as such below /api and of topics, in the data plane's form elsewhere.
func send(c *fiber.Ctx, p *problem.Problem) error {
	if isAPI(c.Path()) {
		return p.Send(c)
	}
	p.SetHeaders(c)
	return c.Status(p.Status).JSON(problem.Execution(abi.ErrorCode(p.Code), p.Detail, ""))
}

// isAPI reports whether errors at a path are problems.
func isAPI(path string) bool {
	return strings.HasPrefix(path+"/", "/api/") && !strings.HasPrefix(path, executePath) || strings.HasPrefix(path, topicsPath)
}

// refuseHead writes the answer to a request that no handler sees, or to a connection.
func refuseHead(refusal *http1.Refusal, head *http1.Head) []byte {
	code := fault.OfStatus(refusal.Status)
	switch refusal.Status {
	case http.StatusServiceUnavailable:
		code = fault.Overloaded
	case http.StatusHTTPVersionNotSupported:
		code = fault.NotImplemented
	}
	if head == nil {
		head = &http1.Head{}
	}
	detail := strings.ToUpper(refusal.Reason[:1]) + refusal.Reason[1:]
	path, _, _ := strings.Cut(string(head.Target), "?")
	mediaType, body := "application/json", any(problem.Execution(abi.ErrorCode(code.String()), detail, ""))
	if isAPI(path) {
		p := problem.New(refusal.Status, code, detail)
		mediaType, body = p.ContentType(""), p
	}
	content, _ := json.Marshal(body) // of strings and numbers
	answer := fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nX-Request-Id: %s\r\nConnection: close\r\n",
		refusal.Status, http.StatusText(refusal.Status), time.Now().UTC().Format(http.TimeFormat), mediaType, len(content), requestID(head))
	if refusal.Status == http.StatusServiceUnavailable {
		answer = append(answer, "Retry-After: 1\r\n"...)
	}
	answer = append(answer, "\r\n"...)
	if string(head.Method) == http.MethodHead {
		return answer
	}
	return append(answer, content...)
}
