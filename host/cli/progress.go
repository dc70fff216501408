package cli

import (
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress returns a bar that counts items on standard error, if that is a terminal. A count of -1
// is not known.
func (r *Remote) progress(what string, count int64) *progressbar.ProgressBar {
	return progressbar.NewOptions64(count, r.barOptions(what, progressbar.OptionShowIts())...)
}

// progressBytes counts bytes instead of items.
func (r *Remote) progressBytes(what string, size int64) *progressbar.ProgressBar {
	return progressbar.NewOptions64(size, r.barOptions(what, progressbar.OptionShowBytes(true))...)
}

func (r *Remote) barOptions(what string, more progressbar.Option) []progressbar.Option {
	return []progressbar.Option{
		progressbar.OptionSetWriter(r.stderr),
		progressbar.OptionSetVisibility(terminal(r.stderr)),
		progressbar.OptionSetDescription(what),
		progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(100 * time.Millisecond),
		progressbar.OptionShowCount(),
		progressbar.OptionClearOnFinish(),
		more,
	}
}

// counted moves a bar on by what is read.
func counted(source io.Reader, bar *progressbar.ProgressBar) io.Reader {
	return io.TeeReader(source, bar)
}
