package report

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// Picture is one image of 8-bit RGB, Pix [H,W,3], channels interleaved.
type Picture struct {
	W, H int
	Pix  []uint8
}

// Grid shows samples in rows, and what became of each in columns, such as
// input, masked, before, after, original.
type Grid struct {
	Set     Set // "" when it is of none
	Title   string
	Columns []string
	Rows    []GridRow
}

// GridRow is one sample. All pictures of a grid have one size.
type GridRow struct {
	Label    string // such as the class
	Pictures []Picture
}

// The parts of a labelled grid in pixels, before nothing is scaled but the
// pictures themselves.
const (
	gutter     = 4
	labelLine  = 17 // height of the line of column names
	glyphWidth = 7  // of basicfont.Face7x13
	glyphBase  = 12 // baseline under the top of a line
)

var (
	paper = color.RGBA{250, 250, 248, 255}
	ink   = color.RGBA{40, 42, 48, 255}
)

// check says what is wrong with a grid, or its size.
func (g Grid) check() (w, h int, err error) {
	if len(g.Rows) == 0 || len(g.Columns) == 0 {
		return 0, 0, fmt.Errorf("report: grid %q has %d rows and %d columns, want at least one of each", g.Title, len(g.Rows), len(g.Columns))
	}
	for r, row := range g.Rows {
		if len(row.Pictures) != len(g.Columns) {
			return 0, 0, fmt.Errorf("report: grid %q: row %d has %d pictures, want %d", g.Title, r, len(row.Pictures), len(g.Columns))
		}
		for c, p := range row.Pictures {
			if r == 0 && c == 0 {
				w, h = p.W, p.H
			}
			if p.W != w || p.H != h || w < 1 || h < 1 || len(p.Pix) != w*h*3 {
				return 0, 0, fmt.Errorf("report: grid %q: picture (%d,%d) is %dx%d with %d bytes, want %dx%d RGB", g.Title, r, c, p.W, p.H, len(p.Pix), w, h)
			}
		}
	}
	return w, h, nil
}

// PNG draws the grid with its labels: the column names above, the row labels at
// the left, thin gutters between. Each pixel becomes scale x scale pixels, sharp.
// A scale of 0 picks one that makes pictures about 96 pixels wide.
//
// Errors: pictures that differ in size, or a row that does not fill the columns.
func (g Grid) PNG(scale int) ([]byte, error) {
	w, h, err := g.check()
	if err != nil {
		return nil, err
	}
	if scale <= 0 {
		scale = max(1, 96/w)
	}
	w, h = w*scale, h*scale
	margin := 0
	for _, row := range g.Rows {
		margin = max(margin, glyphWidth*len([]rune(row.Label)))
	}
	if margin > 0 {
		margin = min(margin, 20*glyphWidth) + gutter
	}
	out := image.NewRGBA(image.Rect(0, 0,
		gutter+margin+len(g.Columns)*(w+gutter), gutter+labelLine+len(g.Rows)*(h+gutter)))
	draw.Draw(out, out.Bounds(), image.NewUniform(paper), image.Point{}, draw.Src)
	for c, name := range g.Columns {
		write(out, gutter+margin+c*(w+gutter), gutter/2+glyphBase, fit(name, w))
	}
	for r, row := range g.Rows {
		top := gutter + labelLine + r*(h+gutter)
		write(out, gutter, top+h/2+4, fit(row.Label, margin))
		for c, p := range row.Pictures {
			paste(out, gutter+margin+c*(w+gutter), top, p, scale)
		}
	}
	return encode(out)
}

// sheet is the grid without labels, every picture unscaled in the middle of a
// cell one pixel larger, on transparent ground: the page puts its own labels
// around it at equal fractions of its size. Large pictures are shrunk first.
func (g Grid) sheet() (data []byte, width, height int, err error) {
	w, h, err := g.check()
	if err != nil {
		return nil, 0, 0, err
	}
	shrink := max(1, min(w, h)/sheetSize)
	w, h = w/shrink, h/shrink
	out := image.NewRGBA(image.Rect(0, 0, len(g.Columns)*(w+1), len(g.Rows)*(h+1)))
	for r, row := range g.Rows {
		for c, p := range row.Pictures {
			paste(out, c*(w+1), r*(h+1), p.shrink(shrink), 1)
		}
	}
	data, err = encode(out)
	return data, out.Rect.Dx(), out.Rect.Dy(), err
}

// sheetSize is about how many pixels a picture needs on the page.
const sheetSize = 96

// shrink averages squares of f x f pixels; what does not fill one is cut off.
func (p Picture) shrink(f int) Picture {
	if f == 1 {
		return p
	}
	out := Picture{W: p.W / f, H: p.H / f}
	out.Pix = make([]uint8, out.W*out.H*3)
	for i := range out.Pix {
		ch, x, y := i%3, i/3%out.W, i/3/out.W
		sum := 0
		for dy := range f {
			for dx := range f {
				sum += int(p.Pix[((y*f+dy)*p.W+x*f+dx)*3+ch])
			}
		}
		out.Pix[i] = uint8((sum + f*f/2) / (f * f))
	}
	return out
}

// paste draws a picture with its corner at (x0,y0).
func paste(out *image.RGBA, x0, y0 int, p Picture, scale int) {
	for y := range p.H * scale {
		line := out.Pix[out.PixOffset(x0, y0+y):]
		for x := range p.W * scale {
			src := p.Pix[(y/scale*p.W+x/scale)*3:]
			copy(line[4*x:], src[:3])
			line[4*x+3] = 255
		}
	}
}

func write(out *image.RGBA, x, y int, text string) {
	d := font.Drawer{Dst: out, Src: image.NewUniform(ink), Face: basicfont.Face7x13, Dot: fixed.P(x, y)}
	d.DrawString(text)
}

// fit cuts a label to a width in pixels.
func fit(text string, width int) string {
	if runes := []rune(text); len(runes)*glyphWidth > width {
		return string(runes[:max(0, width/glyphWidth)])
	}
	return text
}

func encode(m image.Image) ([]byte, error) {
	var b bytes.Buffer
	e := png.Encoder{CompressionLevel: png.BestCompression}
	if err := e.Encode(&b, m); err != nil {
		return nil, fmt.Errorf("report: encoding a grid: %w", err)
	}
	return b.Bytes(), nil
}
