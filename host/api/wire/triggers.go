package wire

import "time"

// SchedulePreview is the body of POST apps/{app}/triggers:preview.
type SchedulePreview struct {
	Schedule string     `json:"schedule" minLength:"1" maxLength:"200" doc:"Six fields with seconds first, five without, a descriptor as @daily, or @every 90m"`
	Timezone string     `json:"timezone,omitempty" maxLength:"100" doc:"Of the IANA database; UTC when absent"`
	After    *time.Time `json:"after,omitempty" doc:"Now when absent"`
}

// SchedulePreviewed answers it.
type SchedulePreviewed struct {
	Next  []time.Time `json:"next" doc:"The next five times, by the zone's clock"`
	Words string      `json:"words" doc:"When it fires, in English"`
}
