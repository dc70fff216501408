package main

import (
	"fmt"
	"os"
	"strconv"

	"github.com/gofiber/fiber/v2"
)

// bareFiberCommand starts this program as the peer server.
const bareFiberCommand = "bare-fiber"

// bareFiber serves GET /hello with a fixed answer, and what measureScale asks for besides. It shows
// what the HTTP server under PiCloud can do when the handler does nothing.
func bareFiber(args []string) {
	if len(args) != 1 {
		fmt.Fprintln(os.Stderr, "usage: bench", bareFiberCommand, "ADDR")
		os.Exit(2)
	}
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	app.Get("/hello", func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
		return c.SendString(`{"message":"Hello, world!"}`)
	})
	app.Get("/give", func(c *fiber.Ctx) error { return c.SendString(scaleText[:c.QueryInt("size")]) })
	app.Post("/take", func(c *fiber.Ctx) error { return c.SendString(strconv.Itoa(len(c.Body()))) })
	if err := app.Listen(args[0]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
