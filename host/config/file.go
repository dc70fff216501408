package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"gopkg.in/yaml.v3"
)

// load reads a YAML file whose keys are the flags' names with underscores or hyphens. A key that is
// no setting is an error, so that a slip of the pen does not go unnoticed. (kong-yaml ignores such
// keys.)
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
	known := new(Config).settings()
	values := map[string]string{}
	for key, node := range file {
		name := strings.ReplaceAll(key, "_", "-")
		if node.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("line %d: %s must be a single value", node.Line, key)
		}
		if !slices.ContainsFunc(known, func(s setting) bool { return s.Name == name }) {
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
