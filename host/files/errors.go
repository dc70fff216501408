package files

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/picloud/picloud/host/fault"
	"github.com/picloud/picloud/host/store"
)

func tooLarge(most int64) error {
	return &fault.Error{Code: fault.TooLarge, Field: "data", Reason: fmt.Sprintf("must be at most %d bytes", most), Limit: most}
}

func overQuota(quota, used int64) error {
	return &fault.Error{
		Code: fault.Quota, Text: fmt.Sprintf("data: the files of the app may have %d bytes in all and have %d: there is no room for these", quota, used),
		Limit: quota, Current: used,
	}
}

// unavailable logs a failure of the file system and says of it what a caller may know.
func (s *Service) unavailable(ctx context.Context, what string, cause error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.config.Log.Error(what, "error", cause)
	if errors.Is(cause, syscall.ENOSPC) || errors.Is(cause, syscall.EDQUOT) {
		return fault.New(fault.Unavailable, "the file storage is full")
	}
	return fault.New(fault.Unavailable, "the file storage is not available")
}

// corrupted logs that the bytes of a file are not what was stored.
func (s *Service) corrupted(file store.File, reason string) error {
	s.config.Log.Error("file corrupted", "app", file.AppID, "file", file.ID, "blob", file.Blob, "reason", reason)
	return fault.New(fault.Corrupted, "file %s: its bytes are not what was stored", file.ID)
}
