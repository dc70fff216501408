package config

import (
	"fmt"
	"log/slog"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// A setting is a field of a [Config] with what its tags say of it. The check, the value in logs and
// --help come from these:
//
//	min, max   bounds of a number or duration, or of the bytes of a text
//	secret     not shown in logs and errors
type setting struct{ *kong.Value }

// settings lists the settings of c in the order of their fields, but for the file they are read
// from.
func (c *Config) settings() []setting {
	holder := struct{ Config }{*c}
	var all []setting
	for _, flag := range kong.Must(&holder, kong.NoDefaultHelp()).Model.Flags {
		if flag.Target.Type() != reflect.TypeFor[kong.ConfigFlag]() {
			all = append(all, setting{flag.Value})
		}
	}
	return all
}

// key returns the name of the setting in the file and the log: max_body_bytes.
func (s setting) key() string { return strings.ReplaceAll(s.Name, "-", "_") }

// shown returns the value for logs and errors.
func (s setting) shown() slog.Value {
	if s.Tag.Has("secret") {
		return slog.StringValue(mask(s.Target.String()))
	}
	return slog.AnyValue(s.Target.Interface())
}

// check returns a [*FieldError] if the value is out of its bounds. A text without a default may be
// empty: it is not set then.
func (s setting) check() error {
	low, high, bounded := s.bounds()
	if !bounded {
		return nil
	}
	var size int64
	verb := "be"
	if s.Target.Kind() == reflect.String {
		if size = int64(s.Target.Len()); size == 0 && !s.HasDefault {
			return nil
		}
		verb = "have"
	} else {
		size = s.Target.Int()
	}
	if size < low || size > high {
		return &FieldError{s.key(), s.shown().String(), fmt.Sprintf("must %s between %s", verb, s.describe(low, " and ", high))}
	}
	return nil
}

// bounds returns what min and max say. A number that cannot be read is a fault of ours, and panics.
func (s setting) bounds() (low, high int64, bounded bool) {
	if !s.Tag.Has("min") {
		return 0, 0, false
	}
	return s.number("min"), s.number("max"), true
}

func (s setting) number(tag string) int64 {
	text := s.Tag.Get(tag)
	if s.isDuration() {
		d, err := time.ParseDuration(text)
		if err != nil {
			panic(err)
		}
		return int64(d)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func (s setting) isDuration() bool { return s.Target.Type() == reflect.TypeFor[time.Duration]() }

// describe writes bounds in the setting's unit.
func (s setting) describe(low int64, to string, high int64) string {
	switch {
	case s.isDuration():
		return fmt.Sprint(time.Duration(low), to, time.Duration(high))
	case s.Target.Kind() == reflect.String:
		return fmt.Sprint(low, to, high, " bytes")
	default:
		return fmt.Sprint(low, to, high)
	}
}

// help returns the text of --help for a flag, with its bounds.
func help(value *kong.Value) string {
	s := setting{value}
	if low, high, bounded := s.bounds(); bounded {
		with := *value
		with.Help = fmt.Sprintf("%s (%s).", strings.TrimSuffix(value.Help, "."), s.describe(low, " to ", high))
		value = &with
	}
	return kong.DefaultHelpValueFormatter(value)
}

// mask hides a secret. Of a URL only the scheme, host and path are no secret.
func mask(secret string) string {
	if secret == "" {
		return ""
	}
	if u, err := url.Parse(secret); err == nil && u.Scheme != "" && u.Host != "" {
		shown := u.Scheme + "://"
		if u.User != nil {
			shown += "***@"
		}
		return shown + u.Host + strings.TrimSuffix(u.Path, "/")
	}
	return "***"
}
