package budget

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// memory returns how many bytes the process may use: the machine's, or less if its control group
// says so.
func memory() int64 {
	most := int64(fallback)
	var machine unix.Sysinfo_t
	if unix.Sysinfo(&machine) == nil {
		most = int64(machine.Totalram) * int64(machine.Unit)
	}
	for _, path := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && limit > 0 {
			most = min(most, limit)
		}
	}
	return most
}
