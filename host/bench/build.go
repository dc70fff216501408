package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Where the programs under measurement are built, below the repository.
const (
	serverBinary = "host/bench/bin/picloud"
	engineBinary = "host/bench/bin/rhai"
)

// build makes the programs as they are in the working tree.
func build(ctx context.Context, root string) error {
	for binary, pkg := range map[string]string{
		serverBinary: "./host/cmd/picloud",
		engineBinary: "./plugins/rhai/cmd/rhai",
	} {
		path, err := filepath.Abs(filepath.Join(root, binary))
		if err != nil {
			return err
		}
		if err := command(ctx, root, "go", "build", "-o", path, pkg); err != nil {
			return err
		}
	}
	return nil
}

// command runs a program to its end, showing what it says on standard error.
func command(ctx context.Context, dir, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Stdout, c.Stderr = dir, os.Stderr, os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s %v: %w", name, args, err)
	}
	return nil
}
