package evaluate

import (
	"fmt"
	"strconv"
	"strings"

	"lethe/harness/data"
	"lethe/harness/family"
	"lethe/layers/rng"
)

// MaskKind is a way to remove parts of an image: "random:0.75" removes that
// fraction of the cells, "centre:4" the central 4x4 cells, "outpaint:4" all but
// those, "uncrop:4" a border of 4/32 of the image on every side, which need not be
// whole cells.
type MaskKind struct {
	Kind  string
	Ratio float64
	Cells int
}

// ParseMaskKind reads "random:R", "centre:K", "outpaint:K" or "uncrop:K".
func ParseMaskKind(text string) (MaskKind, error) {
	kind, arg, ok := strings.Cut(text, ":")
	if !ok {
		return MaskKind{}, fmt.Errorf("mask %q: want random:RATIO, centre:CELLS, outpaint:CELLS or uncrop:SIXTEENTHS", text)
	}
	switch kind {
	case "random":
		r, err := strconv.ParseFloat(arg, 64)
		if err != nil || !(r > 0 && r < 1) {
			return MaskKind{}, fmt.Errorf("mask %q: the ratio must lie between 0 and 1", text)
		}
		return MaskKind{Kind: kind, Ratio: r}, nil
	case "centre", "center", "outpaint":
		k, err := strconv.Atoi(arg)
		if err != nil || k < 1 {
			return MaskKind{}, fmt.Errorf("mask %q: the number of cells must be a positive integer", text)
		}
		if kind == "center" {
			kind = "centre"
		}
		return MaskKind{Kind: kind, Cells: k}, nil
	case "uncrop":
		k, err := strconv.Atoi(arg)
		if err != nil || k < 1 || k > 15 {
			return MaskKind{}, fmt.Errorf("mask %q: want 1 to 15 sixteenths", text)
		}
		return MaskKind{Kind: kind, Cells: k}, nil
	}
	return MaskKind{}, fmt.Errorf("mask %q: want random:RATIO, centre:CELLS, outpaint:CELLS or uncrop:SIXTEENTHS", text)
}

// String is the form that ParseMaskKind reads.
func (k MaskKind) String() string {
	if k.Kind == "random" {
		return "random:" + strconv.FormatFloat(k.Ratio, 'g', -1, 64)
	}
	return fmt.Sprintf("%s:%d", k.Kind, k.Cells)
}

// Fits says whether the mask leaves something visible and removes something of
// a model's images.
func (k MaskKind) Fits(g family.Geometry) error {
	_, err := k.mask(g, 0, 0, 0)
	return err
}

// mask draws the mask of one image: number i of group j.
func (k MaskKind) mask(geometry family.Geometry, seed uint64, j, i int) (family.Mask, error) {
	g := geometry.Grid
	var order []int32
	var keep, border int
	var err error
	switch k.Kind {
	case "random":
		order = data.RandomOrder(rng.New(seed, rng.Eval, uint64(j), uint64(i)), g*g)
		keep, err = data.KeepCount(g*g, k.Ratio)
	case "centre":
		order, keep, err = data.CentreOrder(g, k.Cells)
	case "uncrop":
		order, keep, border, err = k.uncrop(geometry)
	default:
		order, keep, err = data.OutpaintOrder(g, k.Cells)
	}
	if err != nil {
		return family.Mask{}, fmt.Errorf("mask %s: %w", k, err)
	}
	if border == 0 && (keep < 1 || keep >= g*g) {
		return family.Mask{}, fmt.Errorf("mask %s keeps %d of %d cells: want at least one visible and one removed", k, keep, g*g)
	}
	return family.Mask{Order: order, Keep: keep, Border: border}, nil
}

// uncrop is a border of int(size*k/32) pixels on every side. Where it is whole
// cells, the cells say it; otherwise the cells that it touches are removed.
// Source: the released code (spec, section 1.7).
func (k MaskKind) uncrop(g family.Geometry) (order []int32, keep, border int, err error) {
	cell := g.Size / g.Grid
	border = g.Size * k.Cells / 32
	if border < 1 {
		return nil, 0, 0, fmt.Errorf("%d/32 of %d pixels is less than one", k.Cells, g.Size)
	}
	if g.Whole && border%cell != 0 {
		return nil, 0, 0, fmt.Errorf("a border of %d pixels is not whole patches of %d, and this model removes whole ones; outpaint:CELLS does", border, cell)
	}
	inner := g.Grid - 2*((border+cell-1)/cell)
	if inner < 1 {
		for i := range g.Grid * g.Grid { // every cell is touched
			order = append(order, int32(i))
		}
		return order, 0, border, nil
	}
	if order, keep, err = data.OutpaintOrder(g.Grid, inner); err == nil && border%cell == 0 {
		border = 0
	}
	return order, keep, border, err
}

// DefaultMasks are the masks that an image of g x g cells is measured under:
// random 75 %, the centre 4x4 and, where the grid is larger, the centre 8x8
// (spec, section 9.20).
func DefaultMasks(g int) []MaskKind {
	kinds := []MaskKind{{Kind: "random", Ratio: 0.75}}
	for _, k := range []int{4, 8} {
		if k < g {
			kinds = append(kinds, MaskKind{Kind: "centre", Cells: k})
		}
	}
	return kinds
}
