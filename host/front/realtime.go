package front

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/picloud/picloud/host/api/problem"
	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/realtime"
	"github.com/picloud/picloud/host/store"
)

const (
	// topicsPath is followed by the name of a topic, percent-encoded.
	topicsPath = "/realtime/topics/"
	// defaultApp has the topic of a request that names no app, by its host neither.
	defaultApp = "default"

	subscribeLimit = 10 * time.Second // until a stream begins
)

// subscribe answers with the messages of a topic as server-sent events:
//
//	?app=             slug or id; when absent the app whose host it is, or default
//	?token=           of a topic that needs one, or Authorization: Bearer
//	?last_event_id=   the last message that the client has, or Last-Event-ID
func (s *Server) subscribe(c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), subscribeLimit)
	defer cancel()
	r := of(c)
	raw, _, _ := strings.Cut(string(r.edge.Target), "?")
	topic, err := url.PathUnescape(raw[strings.LastIndexByte(raw, '/')+1:])
	if err != nil {
		return problem.InvalidField("path.topic", "is not percent-encoded", raw).Send(c)
	}
	named := c.Query("app")
	if named == "" {
		named, _ = s.routes.AppOf(string(r.edge.Host))
	}
	app, err := s.findApp(ctx, cmp.Or(named, defaultApp))
	if err != nil {
		return s.refused(c, noTopic(err))
	}
	method, origin, asked := string(r.edge.Method), c.Get(fiber.HeaderOrigin), c.Get(fiber.HeaderAccessControlRequestMethod)
	if method == http.MethodOptions && origin != "" && asked != "" && app.CORS != nil {
		answerPreflight(c, app.CORS, origin, asked, func() []string { return []string{http.MethodGet, http.MethodHead} })
		return nil
	}
	if method != http.MethodGet && method != http.MethodHead {
		if TellMethods(c, method, []string{http.MethodGet, http.MethodHead}) {
			return nil
		}
		return s.refuse(c, http.StatusMethodNotAllowed, fault.MethodNotAllowed, "a topic answers GET only")
	}
	share(c, app.CORS)
	c.Set(fiber.HeaderCacheControl, "no-store")
	subscription, err := s.realtime.Subscribe(ctx, realtime.Request{
		AppID: app.ID, Topic: topic, Token: cmp.Or(c.Query("token"), Bearer(c.Get(fiber.HeaderAuthorization))),
		LastID: cmp.Or(c.Get("Last-Event-ID"), c.Query("last_event_id")),
	})
	switch fault.Of(err) {
	case fault.NotFound:
		return s.refused(c, noTopic(err))
	case fault.Invalid:
		return s.refused(c, problem.At(err, "last_event_id", "query.last_event_id"))
	}
	if err != nil {
		return s.refused(c, err)
	}
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set("X-Accel-Buffering", "no") // a proxy that kept it until the end would make it no stream
	if method == http.MethodHead {
		return subscription.Close()
	}
	head := openHead(c)
	c.Context().HijackSetNoResponse(true)
	c.Context().Hijack(func(conn net.Conn) { s.sendEvents(r, conn, head, subscription) })
	return nil
}

// openHead is the head of a response without an end: that of the connection is the end of the body, in
// HTTP/1.0, too.
func openHead(c *fiber.Ctx) []byte {
	head := []byte("HTTP/1.1 200 OK\r\nDate: " + time.Now().UTC().Format(http.TimeFormat) + "\r\nConnection: close\r\n")
	for name, value := range c.Response().Header.All() {
		if string(name) != fiber.HeaderContentLength && string(name) != fiber.HeaderConnection {
			head = append(append(append(append(head, name...), ": "...), value...), "\r\n"...)
		}
	}
	return append(head, "\r\n"...)
}

// sendEvents sends the events of a subscription until it ends. It has taken the connection over from
// fasthttp, whose buffers and stack would cost more than all else of a subscriber who waits.
func (s *Server) sendEvents(r *request, conn net.Conn, head []byte, subscription *realtime.Subscription) {
	defer func() {
		if defect := recover(); defect != nil {
			s.log.Error("a stream of events panicked", "request_id", r.id, "panic", defect, "stack", string(debug.Stack()))
		}
	}()
	defer subscription.Close()
	r.edge.LetGo()
	defer watchDisconnect(r.edge.Connection(), subscription.Gone)()
	text, err := head, error(nil)
	for err == nil {
		if _, err = conn.Write(text); err == nil {
			text, err = subscription.Next()
		}
	}
}

// noTopic makes an app that is not there, and a topic that is the app's own, a topic that is not there.
func noTopic(err error) error {
	if fault.Unknown(err) || fault.Of(err) == fault.NotFound {
		return fault.Missing("topic")
	}
	return err
}

// findApp finds an app by slug, also one that it had before, or id.
func (s *Server) findApp(ctx context.Context, ref string) (store.App, error) {
	if id, err := uuid.Parse(ref); err == nil {
		return s.store.Apps().Get(ctx, id.String())
	}
	app, err := s.store.Apps().GetBySlug(ctx, ref)
	if fault.Of(err) == fault.NotFound {
		return s.store.Apps().GetByAlias(ctx, ref)
	}
	return app, err
}
