package main

import (
	"context"
	"errors"
	"os"
	"time"
)

// idlePause is how long a server is left alone before its memory is read, so that it has given back
// what only its start needed.
const idlePause = 2 * time.Second

// measureStart measures the time from starting the process to its first answered request, once on
// an empty data directory and then with what that start left there. It also measures the memory of
// a server that has answered once and has nothing to do.
func measureStart(ctx context.Context, s settings, r *report) error {
	const group = "start"
	data, err := os.MkdirTemp("", "picloud-bench-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	var first, warm, resident samples
	for round := range s.rounds + 1 {
		server, err := startPiCloud(ctx, s, data)
		if err != nil {
			return err
		}
		ms := milliseconds(server.Started)
		if round == 0 {
			first = append(first, ms)
		} else {
			warm = append(warm, ms)
			select {
			case <-time.After(min(idlePause, s.load)):
			case <-ctx.Done():
			}
			mb, err := server.ResidentMiB()
			if err != nil {
				return errors.Join(err, server.Stop())
			}
			resident = append(resident, mb)
		}
		if err := errors.Join(ctx.Err(), server.Stop()); err != nil {
			return err
		}
	}
	r.add(group, "very first start to first answer", "ms", "", first)
	r.add(group, "start with warm cache to first answer", "ms", "below 500", warm)
	r.add(group, "resident memory, idle", "MiB", "below 80", resident)
	return nil
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1e3 }
