package server

import (
	"context"
	"fmt"
	"strings"

	"github.com/picloud/picloud/host/backup"
	"github.com/picloud/picloud/host/backup/archive"
	"github.com/picloud/picloud/host/config"
	"github.com/picloud/picloud/host/events/schedule"
)

// makeBackup makes what makes backups, when it is asked to and by the schedule of the settings.
func (s *Server) makeBackup(ctx context.Context) error {
	s.backup = backup.New(backup.Config{
		Store: s.store, Files: s.services.Files, SecretFile: s.secretFile(), Version: s.version, Log: s.log,
	})
	s.onStop(s.backup.Stop)
	c := s.settings
	if c.BackupSchedule == "" {
		return nil
	}
	when, err := schedule.Parse(c.BackupSchedule, "")
	if err != nil {
		return &config.FieldError{Field: "backup_schedule", Value: c.BackupSchedule, Reason: err.Error()}
	}
	recipients, err := archive.Recipients(c.BackupRecipient)
	if err != nil {
		return fmt.Errorf("backup_recipient: %w", err)
	}
	var place backup.Place
	if strings.HasPrefix(c.BackupTo, "s3://") {
		place, err = backup.OpenBucket(backup.BucketConfig{
			URL: c.BackupTo, Endpoint: c.BackupS3Endpoint, Region: c.BackupS3Region, AccessKey: c.BackupS3AccessKey, SecretKey: c.BackupS3SecretKey,
		})
	} else {
		place, err = backup.OpenDirectory(c.BackupTo)
	}
	if err != nil {
		return fmt.Errorf("backup_to: %w", err)
	}
	if len(recipients) == 0 {
		s.log.Warn("scheduled backups are not encrypted, and so without the key of secrets: keep a copy of that, or name a backup_recipient")
	}
	s.schedule = backup.NewSchedule(backup.ScheduleConfig{
		Service: s.backup, When: when, Place: place, Keep: c.BackupKeep, Recipients: recipients, Registerer: s.metrics,
	})
	return nil
}
