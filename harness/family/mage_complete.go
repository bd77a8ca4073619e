package family

import (
	"fmt"
	"math"

	"lethe/autodiff"
	"lethe/harness/data"
	"lethe/layers/mage"
)

// How a hole is blended in, in pixels of an image of publishedSide.
// Source: the released code (spec, section 1.7).
const (
	publishedSide = 256
	blendDilation = 14
	blendRadius   = 7
)

// mageHoles is what Complete needs beside masks and tokens.
type mageHoles struct {
	images, filled *autodiff.Tensor // [N,3,H,W]: whole, and with ImageNet's mean in the holes
	removed        []float32        // [N,H,W] 1 in a hole
	blend          []float32        // [N,H,W] the share of the generated image
}

// Prepare implements Model.
//
// A mask whose removed or whose visible cells form a rectangle is a hole in the
// picture: the tokens are those of the picture with the hole filled with
// ImageNet's mean, and the tokens next to the hole, which saw the filling, are
// predicted too. Any other mask, such as a random one, removes tokens of the
// whole picture, as training does: dilating it would leave none.
func (m *MAGE) Prepare(pixels [][]uint8, masks []Mask) (Batch, error) {
	if len(pixels) != len(masks) || len(pixels) == 0 {
		return nil, fmt.Errorf("%d images with %d masks", len(pixels), len(masks))
	}
	g := m.Geometry()
	area := g.Size * g.Size
	removed := make([]float32, len(pixels)*area)
	dilate := make([]bool, len(pixels))
	for i, mk := range masks {
		if err := mk.check(g); err != nil {
			return nil, fmt.Errorf("mask %d %w", i, err)
		}
		mk.spread(removed[i*area:][:area], g)
		dilate[i] = mk.rectangular(g)
	}
	return m.prepare(pixels, removed, dilate)
}

// prepare makes the batch. removed [N,H,W] is 1 where a pixel is missing; dilate
// says which images have a hole that is a shape.
func (m *MAGE) prepare(pixels [][]uint8, removed []float32, dilate []bool) (Batch, error) {
	g, n := m.Geometry(), len(pixels)
	h := mageHoles{
		images: m.seen.images(n, 3, g.Size), filled: m.filled.images(n, 3, g.Size),
		removed: removed, blend: make([]float32, len(removed)),
	}
	if err := fillUnit(h.images, pixels); err != nil {
		return nil, err
	}
	copy(h.filled.Data, h.images.Data)
	masks := mage.Masking{N: n, L: g.Grid * g.Grid, Kept: g.Grid * g.Grid, Dropped: make([]float32, n*g.Grid*g.Grid)}
	area := g.Size * g.Size
	for i := range n {
		hole := removed[i*area:][:area]
		if !dilate[i] {
			copy(h.blend[i*area:], hole)
			masks.Masked = append(masks.Masked, touched(hole, g)...)
			continue
		}
		for j, gone := range hole {
			for c := range 3 {
				if gone != 0 {
					h.filled.Data[(3*i+c)*area+j] = data.ImageNetMean[c]
				}
			}
		}
		blendMask(h.blend[i*area:][:area], hole, g.Size)
		masks.Masked = append(masks.Masked, touched(data.Dilate(hole, g.Size, g.Size, g.Size/g.Grid), g)...)
	}
	tokens := m.tokensOf(h.filled)
	return &mageBatch{masks: masks, tokens: tokens, truth: tokens, holes: h}, nil
}

// touched returns 1 for every cell that a pixel of the plane [H,W] is not 0 in.
func touched(plane []float32, g Geometry) []float32 {
	out, patch := make([]float32, g.Grid*g.Grid), g.Size/g.Grid
	for i, v := range plane {
		if v != 0 {
			out[i/g.Size/patch*g.Grid+i%g.Size/patch] = 1
		}
	}
	return out
}

// blendMask writes the share of the generated image: the hole dilated and
// blurred, by lengths that grow with the image.
func blendMask(dst, hole []float32, size int) {
	scale := float64(size) / publishedSide
	wide := data.Dilate(hole, size, size, int(math.Round(blendDilation*scale)))
	grey := make([]uint8, len(wide))
	for i, v := range wide {
		grey[i] = uint8(255 * v)
	}
	data.GaussianBlur(grey, grey, size, size, blendRadius*scale)
	for i, v := range grey {
		dst[i] = float32(v) / 255
	}
}

// Complete implements Model: the unknown tokens are sampled, decoded and blended
// in. Images do not influence each other and get the same random numbers.
// Features is the latent of the first view, nothing dropped.
func (m *MAGE) Complete(tp *autodiff.Tape, b Batch) Completion {
	mb := b.(*mageBatch)
	n := mb.masks.N
	sampled := m.model.Sample(tp, mb.tokens(tp, m.model), mb.masks.Masked, n, m.sampling)
	made := m.model.Image(tp, sampled.Tokens, n)
	return Completion{
		Input:      mb.holes.images.Data,
		Predicted:  mb.holes.composite(made.Data),
		Removed:    mb.holes.removed,
		Features:   sampled.Latent,
		FeatureLen: len(sampled.Latent) / n,
	}
}

// composite returns made*blend + filled*(1-blend).
func (h mageHoles) composite(made []float32) []float32 {
	out := make([]float32, len(made))
	n, area := h.images.Dim(0), h.images.Dim(2)*h.images.Dim(3)
	for i := range n {
		blend := h.blend[i*area:][:area]
		for c := range 3 {
			at := (3*i + c) * area
			for j, share := range blend {
				out[at+j] = made[at+j]*share + h.filled.Data[at+j]*(1-share)
			}
		}
	}
	return out
}
