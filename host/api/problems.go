package api

import (
	"fmt"
	"html"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/picloud/picloud/host/fault"
)

// problemTypes answers a page of the kinds of problems, to which the type of each leads.
func problemTypes(c *fiber.Ctx) error {
	var b strings.Builder
	b.WriteString("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Problems of PiCloud's API</title></head><body>\n<h1>Problems</h1>\n<dl>\n")
	told := map[string]bool{}
	for _, code := range fault.Codes() {
		if name := code.String(); !told[name] {
			told[name] = true
			fmt.Fprintf(&b, "<dt id=%q>%s (%d)</dt><dd>%s</dd>\n", name, name, code.Status(), html.EscapeString(code.Meaning()))
		}
	}
	b.WriteString("</dl>\n</body></html>\n")
	c.Type("html", "utf-8")
	return c.SendString(b.String())
}
