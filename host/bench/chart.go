package main

import (
	"fmt"
	"image/color"
	"math"
	"os"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

const (
	chartWidth  = 22 * vg.Centimeter
	panelHeight = 9 * vg.Centimeter
)

// palette has the colors of the sides, ours first. They can be told apart without seeing red and
// green (Okabe and Ito).
var palette = []color.Color{
	color.RGBA{0xd5, 0x5e, 0x00, 0xff}, color.RGBA{0x00, 0x72, 0xb2, 0xff}, color.RGBA{0x56, 0xb4, 0xe9, 0xff},
	color.RGBA{0x99, 0x99, 0x99, 0xff}, color.RGBA{0xf0, 0xe4, 0x42, 0xff},
}

func init() { plot.DefaultFont.Variant, plotter.DefaultFont.Variant = "Sans", "Sans" }

// draw writes the chart of what was measured. Without figures to compare it writes none.
func (r *report) draw(path string) error {
	var panels []*plot.Plot
	for _, panel := range []struct {
		group, title string
		make         func(title string, figures []figure) (*plot.Plot, error)
	}{
		{groupThroughput, "GET of a hello script, requests a second (more is better)", grouped},
		{groupP99, "the same, latency p99, ms (less is better)", grouped},
		{groupEngine, "the interpreter in the sandbox: times as fast as native Rhai (more is better)", speedups},
	} {
		figures := compared(r.group(panel.group))
		if len(figures) == 0 {
			continue
		}
		p, err := panel.make(panel.title, figures)
		if err != nil {
			return fmt.Errorf("chart: %w", err)
		}
		panels = append(panels, p)
	}
	if len(panels) == 0 {
		return nil
	}
	canvas := vgsvg.New(chartWidth, panelHeight*vg.Length(len(panels)))
	background := draw.New(canvas)
	background.FillPolygon(color.White, []vg.Point{{}, {X: background.Max.X}, background.Max, {Y: background.Max.Y}})
	tiles := draw.Tiles{Rows: len(panels), Cols: 1, PadX: vg.Points(8), PadY: vg.Points(16), PadTop: vg.Points(8), PadBottom: vg.Points(8), PadRight: vg.Points(16)}
	for row, p := range panels {
		p.Draw(tiles.At(background, 0, row))
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := canvas.WriteTo(file); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}

// compared returns the figures that have peers.
func compared(figures []figure) []figure {
	var found []figure
	for _, f := range figures {
		if len(f.Peers) > 0 {
			found = append(found, f)
		}
	}
	return found
}

// grouped draws for each figure a bar for each side. Bare servers, which run no script, are left to
// the table: they would flatten the others.
func grouped(title string, figures []figure) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = title
	p.Y.Min = 0
	p.Legend.Top, p.Legend.Left = true, true
	var names []string
	sides := map[string]plotter.Values{}
	order := []string{"PiCloud"}
	for _, f := range figures {
		names = append(names, f.Name)
		sides["PiCloud"] = append(sides["PiCloud"], f.Ours.Median)
		for _, peer := range f.Peers {
			if strings.HasPrefix(peer.Name, "bare ") {
				continue
			}
			if sides[peer.Name] == nil {
				order = append(order, peer.Name)
			}
			sides[peer.Name] = append(sides[peer.Name], peer.Theirs.Median)
		}
	}
	const width = 26
	for i, name := range order {
		bars, err := plotter.NewBarChart(sides[name], vg.Points(width))
		if err != nil {
			return nil, err
		}
		bars.Color, bars.LineStyle.Width = palette[i%len(palette)], 0
		bars.Offset = vg.Points(width * (float64(i) - float64(len(order)-1)/2))
		p.Add(bars)
		p.Legend.Add(name, bars)
		for _, value := range sides[name] {
			p.Y.Max = max(p.Y.Max, value)
		}
	}
	p.Y.Max *= 1 + 0.12*float64(len(order)) // room for the legend
	p.NominalX(names...)
	return p, nil
}

// speedups draws a bar for each workload: theirs / ours.
func speedups(title string, figures []figure) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text = title
	var names []string
	var values plotter.Values
	for i := len(figures) - 1; i >= 0; i-- { // the first on top
		names = append(names, figures[i].Name)
		values = append(values, 1/figures[i].Peers[0].Ratio.Median)
	}
	bars, err := plotter.NewBarChart(values, vg.Points(10))
	if err != nil {
		return nil, err
	}
	bars.Horizontal, bars.Color, bars.LineStyle.Width = true, palette[0], 0
	even, err := plotter.NewLine(plotter.XYs{{X: 1, Y: -0.5}, {X: 1, Y: float64(len(values)) - 0.5}})
	if err != nil {
		return nil, err
	}
	var labels plotter.XYLabels
	for i, v := range values {
		labels.XYs = append(labels.XYs, plotter.XY{X: v, Y: float64(i)})
		labels.Labels = append(labels.Labels, fmt.Sprintf(" %.1f", v))
		p.X.Max = math.Max(p.X.Max, v*1.1)
	}
	written, err := plotter.NewLabels(labels)
	if err != nil {
		return nil, err
	}
	for i := range written.TextStyle {
		written.TextStyle[i].YAlign = text.YCenter
	}
	p.X.Min = 0
	p.Add(bars, even, written)
	p.NominalY(names...)
	return p, nil
}
