package manifest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/picloud/picloud/host/api/wire"
)

// ParsePattern reads what a route answers, written as "[METHOD ][HOST]/PATH":
//
//	GET /todos/:id
//	/hooks/*
//	POST *.example.com/upload
//
// Without a method, or with ANY, every method matches; without a host, every host.
func ParsePattern(pattern string) (wire.RouteCreate, error) {
	method, target, found := strings.Cut(strings.TrimSpace(pattern), " ")
	if !found {
		method, target = "", method
	}
	target = strings.TrimSpace(target)
	host, path, found := strings.Cut(target, "/")
	switch {
	case target == "":
		return wire.RouteCreate{}, errors.New(`route is empty, want "[METHOD ][HOST]/PATH" such as "GET /todos/:id"`)
	case !found:
		return wire.RouteCreate{}, fmt.Errorf(`route %q has no path: want "[METHOD ][HOST]/PATH" such as "GET /todos/:id"`, pattern)
	case strings.ContainsAny(target, " \t"):
		return wire.RouteCreate{}, fmt.Errorf("route %q has a space in its path", pattern)
	}
	method = strings.ToUpper(method)
	if method == "ANY" {
		method = ""
	}
	return wire.RouteCreate{Method: method, Host: strings.ToLower(host), Path: "/" + path}, nil
}

// Pattern writes a route as [ParsePattern] reads it, with ANY for every method.
func Pattern(method, host, path string) string {
	if method == "" {
		method = "ANY"
	}
	return method + " " + host + path
}
