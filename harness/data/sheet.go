package data

import (
	"fmt"
	"image"
	"image/png"
	"io"
)

// Sheet lays pictures of one size out in rows of the given number of columns,
// each enlarged scale times by repeating pixels, one output pixel of white
// between them. The last row may be short.
//
// Errors: no pictures, columns or scale below 1, or pictures of two sizes.
func Sheet(pictures []Image, columns, scale int) (Image, error) {
	if len(pictures) == 0 || columns < 1 || scale < 1 {
		return Image{}, fmt.Errorf("sheet: %d pictures in %d columns at scale %d: each must be at least 1", len(pictures), columns, scale)
	}
	w, h := pictures[0].W*scale, pictures[0].H*scale
	rows := (len(pictures) + columns - 1) / columns
	columns = min(columns, len(pictures))
	out := Image{W: columns*(w+1) - 1, H: rows*(h+1) - 1}
	out.Pix = make([]uint8, out.W*out.H*3)
	for i := range out.Pix {
		out.Pix[i] = 255
	}
	for i, p := range pictures {
		if p.W*scale != w || p.H*scale != h {
			return Image{}, fmt.Errorf("sheet: picture %d is %dx%d, the first is %dx%d", i, p.W, p.H, w/scale, h/scale)
		}
		x0, y0 := i%columns*(w+1), i/columns*(h+1)
		for y := range h {
			for x := range w {
				copy(out.Pix[((y0+y)*out.W+x0+x)*3:][:3], p.Pix[(y/scale*p.W+x/scale)*3:])
			}
		}
	}
	return out, nil
}

// WritePNG encodes the picture as an 8-bit RGB PNG.
func WritePNG(w io.Writer, im Image) error {
	out := image.NewRGBA(image.Rect(0, 0, im.W, im.H))
	for i := range im.W * im.H {
		copy(out.Pix[i*4:], im.Pix[i*3:i*3+3])
		out.Pix[i*4+3] = 255
	}
	if err := png.Encode(w, out); err != nil {
		return fmt.Errorf("encode PNG: %w", err)
	}
	return nil
}
