package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"gopkg.in/yaml.v3"
)

// load reads a YAML file whose keys are the flags' names with underscores or
// hyphens. A key that is no setting is an error, so that a slip of the pen does
// not go unnoticed. (kong-yaml ignores such keys.)
func load(r io.Reader) (kong.Resolver, error) {
	resolver, err := read(r)
	if err != nil {
		return nil, fmt.Errorf("configuration file: %w", err)
	}
	return resolver, nil
}

func read(r io.Reader) (kong.Resolver, error) {
	var file map[string]yaml.Node
	if err := yaml.NewDecoder(r).Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	values := map[string]string{}
	for key, node := range file {
		name := strings.ReplaceAll(key, "_", "-")
		if node.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("line %d: %s must be a single value", node.Line, key)
		}
		if !slices.Contains(names(), name) {
			return nil, fmt.Errorf("line %d: unknown setting %s", node.Line, key)
		}
		values[name] = node.Value
	}
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		value, ok := values[flag.Name]
		for _, variable := range flag.Envs {
			if _, set := os.LookupEnv(variable); set {
				ok = false // kong would let the file win
			}
		}
		if !ok {
			return nil, nil
		}
		return value, nil
	}), nil
}

// names lists the flags of a [Config] that a file may set.
func names() []string {
	var config struct{ Config }
	parser := kong.Must(&config)
	var names []string
	for _, flag := range parser.Model.Flags {
		if flag.Name != "help" && flag.Target.Type() != reflect.TypeFor[kong.ConfigFlag]() {
			names = append(names, flag.Name)
		}
	}
	return names
}
