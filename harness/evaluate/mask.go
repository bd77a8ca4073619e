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
// those.
type MaskKind struct {
	Kind  string
	Ratio float64
	Cells int
}

// ParseMaskKind reads "random:R", "centre:K" or "outpaint:K".
func ParseMaskKind(text string) (MaskKind, error) {
	kind, arg, ok := strings.Cut(text, ":")
	if !ok {
		return MaskKind{}, fmt.Errorf("mask %q: want random:RATIO, centre:CELLS or outpaint:CELLS", text)
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
	}
	return MaskKind{}, fmt.Errorf("mask %q: want random:RATIO, centre:CELLS or outpaint:CELLS", text)
}

// String is the form that ParseMaskKind reads.
func (k MaskKind) String() string {
	if k.Kind == "random" {
		return "random:" + strconv.FormatFloat(k.Ratio, 'g', -1, 64)
	}
	return fmt.Sprintf("%s:%d", k.Kind, k.Cells)
}

// Fits says whether the mask leaves something visible and removes something on
// a grid of g x g cells.
func (k MaskKind) Fits(g int) error {
	_, err := k.mask(g, 0, 0, 0)
	return err
}

// mask draws the mask of one image: number i of group j.
func (k MaskKind) mask(g int, seed uint64, j, i int) (family.Mask, error) {
	var order []int32
	var keep int
	var err error
	switch k.Kind {
	case "random":
		order = data.RandomOrder(rng.New(seed, rng.Eval, uint64(j), uint64(i)), g*g)
		keep, err = data.KeepCount(g*g, k.Ratio)
	case "centre":
		order, keep, err = data.CentreOrder(g, k.Cells)
	default:
		order, keep, err = data.OutpaintOrder(g, k.Cells)
	}
	if err != nil {
		return family.Mask{}, fmt.Errorf("mask %s: %w", k, err)
	}
	if keep < 1 || keep >= g*g {
		return family.Mask{}, fmt.Errorf("mask %s keeps %d of %d cells: want at least one visible and one removed", k, keep, g*g)
	}
	return family.Mask{Order: order, Keep: keep}, nil
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
