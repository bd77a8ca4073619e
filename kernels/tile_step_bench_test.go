package kernels

import (
	"fmt"
	"testing"
)

// BenchmarkTileStep is the micro-kernel of products on tiles by itself, both ways: one panel of b with some
// panels of a, which lie in the second-level cache, again and again. ns/step tells the two states of a rented core
// apart (asmgen/tiles_ask.go): on an Emerald Rapids 13 panels past the first-level cache take about 40 ns a
// step of one plane, or 120.
func BenchmarkTileStep(b *testing.B) {
	if isa < isaAMX {
		b.Skip("no tiles")
	}
	for planes := 1; planes <= 2; planes++ {
		for _, size := range [][2]int{{13, 24}, {25, 24}} {
			panels, steps := size[0], size[1]/planes
			x, y := halves(Pages(panels*steps*planes*512)), halves(Pages(steps*planes*512))
			for _, p := range [][]uint16{x, y} { // not the page of zeros
				for i := range p {
					p[i] = 0x3f80
				}
			}
			c := make([]float32, panels*tileBlock)
			for way, name := range []string{tilePast: "past", tileAsk: "ask"} {
				b.Run(fmt.Sprintf("planes=%d/panels=%d/steps=%d/way=%s", planes, panels, steps, name), func(b *testing.B) {
					for b.Loop() {
						tilePanels(planes, panels*tileLanes, steps, x, y, c, tileLanes, nil, 0, tileWay(way))
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*panels*steps), "ns/step")
				})
			}
		}
	}
}
