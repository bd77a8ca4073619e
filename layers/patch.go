package layers

import (
	"fmt"

	"lethe/autodiff"
)

// Grid says how square images are cut into square patches, numbered in raster
// order. Two orders of the values inside a patch exist:
//
//	embed:  (channel, row, column), what a convolution weight [D,C,p,p] wants
//	pixel:  (row, column, channel), what the decoder predicts
type Grid struct {
	Image, Patch, Channels int // sides in pixels; Patch divides Image
}

// Side returns the number of patches along one side.
func (g Grid) Side() int { return g.Image / g.Patch }

// Patches returns the number of patches, L.
func (g Grid) Patches() int { return g.Side() * g.Side() }

// Values returns the number of values in a patch.
func (g Grid) Values() int { return g.Channels * g.Patch * g.Patch }

// Len returns the number of values in an image.
func (g Grid) Len() int { return g.Channels * g.Image * g.Image }

// segments lists, for each chosen patch in turn, the rows of the images seen as
// [N*C*H*(W/p), p] that make the patch up in embed order: every row is p
// neighbouring pixels of one line of one channel.
//
// patches [n,keep] are patch numbers inside each image.
func (g Grid) segments(patches []int32, n int) []int32 {
	side, keep := g.Side(), len(patches)/n
	index := make([]int32, 0, len(patches)*g.Channels*g.Patch)
	for i, patch := range patches {
		y, x := int(patch)/side, int(patch)%side
		for c := range g.Channels {
			first := (((i/keep)*g.Channels+c)*g.Image+y*g.Patch)*side + x
			for r := range g.Patch {
				index = append(index, int32(first+r*side))
			}
		}
	}
	return index
}

// ToPixels cuts images [N,C,H,W] into dst [N,L,p*p*C], values in pixel order.
//
// Panics: the lengths differ or are no whole number of images.
func (g Grid) ToPixels(dst, images []float32) {
	g.eachLine("ToPixels", dst, images, func(patch, line []float32) {
		for x, v := range line {
			patch[x*g.Channels] = v
		}
	})
}

// FromPixels puts patches [N,L,p*p*C] in pixel order together into dst [N,C,H,W].
//
// Panics: the lengths differ or are no whole number of images.
func (g Grid) FromPixels(dst, patches []float32) {
	g.eachLine("FromPixels", patches, dst, func(patch, line []float32) {
		for x := range line {
			line[x] = patch[x*g.Channels]
		}
	})
}

// eachLine visits every line of every channel of every patch: line is its p
// neighbours in the image, patch[x*C] the same values in pixel order.
func (g Grid) eachLine(op string, patches, images []float32, visit func(patch, line []float32)) {
	if len(images)%g.Len() != 0 || len(patches) != len(images) {
		panic(fmt.Sprintf("layers: %s: patches have %d values and images %d, want equal multiples of %d",
			op, len(patches), len(images), g.Len()))
	}
	p, side := g.Patch, g.Side()
	for row := range len(images) / p { // row of the images seen as [N,C,H,side,p]
		x, y := row%side, row/side%g.Image
		c, n := row/side/g.Image%g.Channels, row/side/g.Image/g.Channels
		first := ((n*side+y/p)*side+x)*g.Values() + (y%p*p)*g.Channels + c
		visit(patches[first:], images[row*p:][:p])
	}
}

// PatchEmbed maps patches to tokens: a convolution whose step is its kernel, so
// one product per patch.
//
// Keys: weight [D,C,p,p], bias [D].
type PatchEmbed struct {
	Linear
	Grid Grid
}

// PatchEmbedSpecs describes the parameters of a PatchEmbed.
func PatchEmbedSpecs(prefix string, g Grid, width int) []Spec {
	specs := LinearSpecs(prefix, g.Values(), width)
	specs[0].Shape = []int{width, g.Channels, g.Patch, g.Patch}
	return specs
}

// NewPatchEmbed finds the PatchEmbed of that prefix in a set.
func NewPatchEmbed(s *Set, prefix string, g Grid) PatchEmbed {
	return PatchEmbed{Linear: NewLinear(s, prefix), Grid: g}
}

// Forward embeds the chosen patches of every image and no other: patches
// [N,keep] picks from images [N,C,H,W]; the result is [N*keep,D]. Images are
// constants: no gradient reaches them.
func (e PatchEmbed) Forward(tp *autodiff.Tape, images *autodiff.Tensor, patches []int32) *autodiff.Tensor {
	g := e.Grid
	lines := tp.Reshape(images, images.Len()/g.Patch, g.Patch)
	picked := tp.GatherRows(lines, nil, g.segments(patches, images.Dim(0)))
	weight := tp.Reshape(e.Weight, e.Weight.Dim(0), g.Values())
	return tp.Linear(tp.Reshape(picked, len(patches), g.Values()), weight, e.Bias)
}
