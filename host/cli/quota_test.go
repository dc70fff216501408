package cli

import "testing"

func TestReadQuotas(t *testing.T) {
	for _, c := range []struct {
		read func(string) (int64, error)
		text string
		want int64 // -1: refused
	}{
		{readBytes, "5", 5}, {readBytes, "5KiB", 5120}, {readBytes, "2 MiB", 2 << 20}, {readBytes, "1GiB", 1 << 30}, {readBytes, "1TiB", 1 << 40},
		{readBytes, "5kB", 5000}, {readBytes, "3GB", 3_000_000_000}, {readBytes, "5K", -1}, {readBytes, "-5", -1}, {readBytes, "1.5GiB", -1},
		{readBytes, "9999999999TiB", -1}, {readBytes, "GiB", -1},
		{readMillis, "90m", 5_400_000}, {readMillis, "1ms", 1}, {readMillis, "90", -1}, {readMillis, "-1h", -1},
		{readCount, "7", 7}, {readCount, "7.5", -1}, {readCount, "-7", -1}, {readCount, "many", -1},
	} {
		got, err := c.read(c.text)
		if err != nil {
			got = -1
		}
		if got != c.want {
			t.Errorf("%q is read as %d, want %d (%v)", c.text, got, c.want, err)
		}
	}
}
