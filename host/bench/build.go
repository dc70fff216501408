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
	sandboxTests = "host/bench/bin/sandbox.test"
)

// build builds the programs from the working tree.
func build(ctx context.Context, root string) error {
	for _, b := range []struct {
		binary  string
		command []string
		pkg     string
	}{
		{serverBinary, []string{"build"}, "./host/cmd/picloud"},
		{engineBinary, []string{"build"}, "./host/cmd/rhai"},
		{sandboxTests, []string{"test", "-c"}, "./host/sandbox"},
	} {
		path, err := filepath.Abs(filepath.Join(root, b.binary))
		if err != nil {
			return err
		}
		if err := command(ctx, root, "go", append(b.command, "-o", path, b.pkg)...); err != nil {
			return err
		}
	}
	return nil
}

// command runs a program to its end and shows its output on standard error.
func command(ctx context.Context, dir, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Stdout, c.Stderr = dir, os.Stderr, os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s %v: %w", name, args, err)
	}
	return nil
}
