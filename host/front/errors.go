package front

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/fault"
)

// failed answers what fiber and fasthttp refuse, and defects.
func (s *Server) failed(c *fiber.Ctx, err error) error {
	var known *fiber.Error
	if !errors.As(err, &known) {
		err = s.refused(c, err)
		if c.Response().StatusCode() != http.StatusServiceUnavailable { // the request was not to blame, nor was it left half read
			c.Set(fiber.HeaderConnection, "close")
		}
		return err
	}
	status, detail := known.Code, known.Message
	switch status {
	case http.StatusRequestEntityTooLarge:
		detail = fmt.Sprintf("the body of a request must not be larger than %d bytes", s.maxBody)
		drain(c.Context().Conn())
	case http.StatusRequestHeaderFieldsTooLarge:
		detail = fmt.Sprintf("the head of a request must not be larger than %d bytes", maxHeaderBytes)
	case http.StatusBadRequest:
		detail = "malformed HTTP request" // fasthttp's text may quote what it read
	case http.StatusInternalServerError:
		detail = "internal error"
	}
	c.Set(fiber.HeaderConnection, "close")
	c.Set(fiber.HeaderXRequestID, RequestID(c))
	return s.refuse(c, status, fault.OfStatus(status), detail)
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

// send answers a problem: as such below /api, in the data plane's form elsewhere.
func send(c *fiber.Ctx, p *problem.Problem) error {
	if strings.HasPrefix(c.Path()+"/", "/api/") && !strings.HasPrefix(c.Path(), executePath) {
		return p.Send(c)
	}
	p.SetHeaders(c)
	return c.Status(p.Status).JSON(problem.Execution(abi.ErrorCode(p.Code), p.Detail, ""))
}
