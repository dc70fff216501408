// Command services is a peer of the benchmark: a fiber server without PiCloud. It does the
// operations of package bare, one for each request GET /operation?key=...&size=...
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/gofiber/fiber/v2"

	"github.com/picloud/picloud/host/bench/bare"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: services ADDR PLACE-AS-JSON")
		os.Exit(2)
	}
	if err := serve(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "services:", err)
		os.Exit(1)
	}
}

func serve(addr, place string) error {
	var where bare.Place
	if err := json.Unmarshal([]byte(place), &where); err != nil {
		return err
	}
	database, err := bare.Open(where)
	if err != nil {
		return err
	}
	defer database.Close()
	app := fiber.New(fiber.Config{DisableStartupMessage: true})
	for name, operation := range bare.Operations {
		app.Get("/"+name, func(c *fiber.Ctx) error {
			if err := operation(c.Context(), database, bare.Input{Key: c.Query("key"), Size: c.QueryInt("size")}); err != nil {
				return err
			}
			return c.SendString("done")
		})
	}
	return app.Listen(addr)
}
