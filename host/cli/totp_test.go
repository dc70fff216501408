package cli

import (
	"strings"
	"testing"

	"github.com/boombuler/barcode/qr"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is drawn has each module of the code, within a light margin of two.
func TestDrawQR(t *testing.T) {
	const text = "otpauth://totp/PiCloud:ada?secret=JBSWY3DPEHPK3PXP&issuer=PiCloud"
	drawn, err := drawQR(text)
	require.NoError(t, err)
	code, err := qr.Encode(text, qr.L, qr.Auto)
	require.NoError(t, err)
	size := code.Bounds().Dx()
	lines := strings.Split(strings.TrimSuffix(drawn, "\n"), "\n")
	require.Len(t, lines, (size+5)/2)
	for row, line := range lines {
		line = strings.TrimSuffix(strings.TrimPrefix(line, "\x1b[97;40m"), "\x1b[0m")
		cells := []rune(line)
		require.Len(t, cells, size+4)
		for column, cell := range cells {
			x, y := column-2, row*2-2
			for half, light := range []bool{cell == '█' || cell == '▀', cell == '█' || cell == '▄'} {
				want := true
				if x >= 0 && x < size && y+half >= 0 && y+half < size {
					red, _, _, _ := code.At(x, y+half).RGBA()
					want = red > 0
				}
				require.Equal(t, want, light, "module %d,%d", x, y+half)
			}
		}
	}
	assert.Contains(t, drawn, "█")
	_, err = drawQR(strings.Repeat("x", 10_000))
	assert.ErrorContains(t, err, "draw the QR code")
}
