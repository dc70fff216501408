package files

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/picloud/picloud/abi"
	"github.com/picloud/picloud/host/store"
)

func quotaExceeded(quota, used int64) error {
	return &abi.OpError{Code: abi.OpCodeQuota,
		Message: fmt.Sprintf("data: the files of the app may have %d bytes in all and have %d: there is no room for these", quota, used)}
}

// unavailable logs a failure of the file system and says of it what a caller
// may know.
func (s *Service) unavailable(ctx context.Context, what string, cause error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.config.Log.Error(what, "error", cause)
	message := "the file storage is not available"
	if errors.Is(cause, syscall.ENOSPC) || errors.Is(cause, syscall.EDQUOT) {
		message = "the file storage is full"
	}
	return &abi.OpError{Code: abi.OpCodeUnavailable, Message: message}
}

// corrupted logs that the bytes of a file are not what was stored.
func (s *Service) corrupted(file store.File, reason string) error {
	s.config.Log.Error("file corrupted", "app", file.AppID, "file", file.ID, "blob", file.Blob, "reason", reason)
	return &abi.OpError{Code: abi.OpCodeCorrupted, Message: fmt.Sprintf("file %s: its bytes are not what was stored", file.ID)}
}
