//go:build !linux

package compiler

import "syscall"

func ofItsOwnGroup() *syscall.SysProcAttr { return nil }

// confine bounds nothing: a process has only its own bounds.
func confine(Bounds) {}
