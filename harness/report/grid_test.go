package report

import (
	"image/color"
	"testing"
)

// flat is a picture of one colour with a marked corner at the bottom right.
func flat(w, h int, v uint8) Picture {
	p := Picture{W: w, H: h, Pix: make([]uint8, w*h*3)}
	for i := range p.Pix {
		p.Pix[i] = v
	}
	copy(p.Pix[len(p.Pix)-3:], []uint8{1, 2, 3})
	return p
}

func at(m interface{ At(x, y int) color.Color }, x, y int) [4]uint32 {
	r, g, b, a := m.At(x, y).RGBA()
	return [4]uint32{r >> 8, g >> 8, b >> 8, a >> 8}
}

func TestGridPNGGeometry(t *testing.T) {
	g := Grid{Columns: []string{"input", "after"}, Rows: []GridRow{
		{"cat", []Picture{flat(32, 32, 10), flat(32, 32, 20)}},
		{"dog", []Picture{flat(32, 32, 30), flat(32, 32, 40)}},
	}}
	data, err := g.PNG(0) // 96/32 = 3
	if err != nil {
		t.Fatal(err)
	}
	m := decode(t, data)
	left, top := gutter+3*glyphWidth+gutter, gutter+labelLine
	if w, h := m.Bounds().Dx(), m.Bounds().Dy(); w != left+2*(96+gutter) || h != top+2*(96+gutter) {
		t.Fatalf("grid is %dx%d, want %dx%d", w, h, left+200, top+200)
	}
	for r := range 2 {
		for c := range 2 {
			x, y, v := left+c*(96+gutter), top+r*(96+gutter), uint32(20*r+10*c+10)
			for _, p := range [][2]int{{0, 0}, {95, 0}, {0, 95}, {92, 92}} {
				if got := at(m, x+p[0], y+p[1]); got != [4]uint32{v, v, v, 255} {
					t.Errorf("picture (%d,%d) at %v is %v, want %d", r, c, p, got, v)
				}
			}
			for _, p := range [][2]int{{93, 93}, {95, 95}} { // one pixel became 3x3
				if got := at(m, x+p[0], y+p[1]); got != [4]uint32{1, 2, 3, 255} {
					t.Errorf("corner of (%d,%d) at %v is %v", r, c, p, got)
				}
			}
			if got := at(m, x+96, y); got != [4]uint32{250, 250, 248, 255} {
				t.Errorf("gutter of (%d,%d) is %v", r, c, got)
			}
		}
	}
	dark := func(x0, y0, x1, y1 int) (n int) {
		for y := y0; y < y1; y++ {
			for x := x0; x < x1; x++ {
				if at(m, x, y)[0] < 60 {
					n++
				}
			}
		}
		return n
	}
	if dark(left, 0, left+96, top) < 20 || dark(0, top, left, top+96) < 20 {
		t.Error("a label is missing")
	}
}

func TestGridPNGCutsLabels(t *testing.T) {
	g := Grid{Columns: []string{"a name much longer than the picture is wide"}, Rows: []GridRow{{"", []Picture{flat(8, 8, 0)}}}}
	data, err := g.PNG(2)
	if err != nil {
		t.Fatal(err)
	}
	m := decode(t, data)
	if w, h := m.Bounds().Dx(), m.Bounds().Dy(); w != 2*gutter+16 || h != 2*gutter+labelLine+16 {
		t.Errorf("grid is %dx%d, want %dx%d", w, h, 2*gutter+16, 2*gutter+labelLine+16)
	}
	for y := range m.Bounds().Dy() {
		if at(m, m.Bounds().Dx()-1, y)[0] < 200 {
			t.Fatalf("the label runs over the edge at %d", y)
		}
	}
	if _, err := (Grid{}).PNG(1); err == nil {
		t.Error("an empty grid gave no error")
	}
}

// Pictures larger than the page shows are shrunk by whole factors, by averages.
func TestSheetShrinks(t *testing.T) {
	big := Picture{W: 224, H: 224, Pix: make([]uint8, 224*224*3)}
	for i := range big.Pix {
		big.Pix[i] = uint8(100 * (i / 3 % 2)) // columns of 0 and 100
	}
	data, w, h, err := Grid{Columns: []string{"x"}, Rows: []GridRow{{"", []Picture{big}}}}.sheet()
	if err != nil || w != 113 || h != 113 {
		t.Fatalf("sheet is %dx%d, %v, want 113x113", w, h, err)
	}
	m := decode(t, data)
	if got := at(m, 50, 60); got != [4]uint32{50, 50, 50, 255} {
		t.Errorf("averaged pixel is %v, want 50", got)
	}
	if got := at(m, 112, 5); got[3] != 0 {
		t.Errorf("the gap is %v, want it transparent", got)
	}
}
