package family

import "fmt"

// Mask removes cells of a Grid x Grid raster: the first Keep entries of Order
// are visible.
type Mask struct {
	Order []int32
	Keep  int
	// Border is how many pixels are removed on every side where that is not
	// whole cells, and 0 otherwise. The cells it touches are removed ones.
	Border int
}

// check says whether the mask is one of a geometry.
func (mk Mask) check(g Geometry) error {
	if len(mk.Order) != g.Grid*g.Grid || mk.Keep < 0 || mk.Keep > len(mk.Order) {
		return fmt.Errorf("keeps %d of %d cells, want some of %d", mk.Keep, len(mk.Order), g.Grid*g.Grid)
	}
	if mk.Border < 0 || 2*mk.Border >= g.Size {
		return fmt.Errorf("removes a border of %d pixels of an image of %d", mk.Border, g.Size)
	}
	return nil
}

// spread writes 1 for every removed pixel into plane [H,W], and 0 for the others.
func (mk Mask) spread(plane []float32, g Geometry) {
	clear(plane)
	if b := mk.Border; b > 0 {
		for i := range plane {
			if y, x := i/g.Size, i%g.Size; min(y, x, g.Size-1-y, g.Size-1-x) < b {
				plane[i] = 1
			}
		}
		return
	}
	cell := g.Size / g.Grid
	for _, at := range mk.Order[mk.Keep:] {
		y, x := int(at)/g.Grid*cell, int(at)%g.Grid*cell
		for r := range cell {
			line := plane[(y+r)*g.Size+x:][:cell]
			for c := range line {
				line[c] = 1
			}
		}
	}
}

// rectangular reports whether the removed or the visible part is a rectangle.
func (mk Mask) rectangular(g Geometry) bool {
	return mk.Border > 0 || isRectangle(mk.Order[:mk.Keep], g.Grid) || isRectangle(mk.Order[mk.Keep:], g.Grid)
}

// isRectangle reports whether cells of a grid fill a rectangle.
func isRectangle(cells []int32, grid int) bool {
	if len(cells) == 0 {
		return false
	}
	top, left, bottom, right := grid, grid, 0, 0
	for _, cell := range cells {
		y, x := int(cell)/grid, int(cell)%grid
		top, bottom, left, right = min(top, y), max(bottom, y), min(left, x), max(right, x)
	}
	return (bottom-top+1)*(right-left+1) == len(cells)
}
