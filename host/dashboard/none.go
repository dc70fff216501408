//go:build nodashboard

package dashboard

import (
	"github.com/gofiber/fiber/v2"
)

// Built reports whether the program has the dashboard: the build tag nodashboard leaves it out.
const Built = false

func mount(*fiber.App) {}
