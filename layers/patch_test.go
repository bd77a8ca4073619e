package layers

import (
	"math"
	"slices"
	"testing"

	"lethe/autodiff"
	"lethe/layers/rng"
)

// image of 4x4 with 2 channels in patches of 2: value = 100*channel + 10*row + column.
func numbered(g Grid, n int) []float32 {
	images := make([]float32, 0, n*g.Len())
	for i := range n {
		for c := range g.Channels {
			for y := range g.Image {
				for x := range g.Image {
					images = append(images, float32(1000*i+100*c+10*y+x))
				}
			}
		}
	}
	return images
}

func TestToPixelsOrder(t *testing.T) {
	g := Grid{Image: 4, Patch: 2, Channels: 2}
	patches := make([]float32, 2*g.Len())
	g.ToPixels(patches, numbered(g, 2))
	// second image, patch 1 (top right): rows 0-1, columns 2-3, channels innermost
	want := []float32{1002, 1102, 1003, 1103, 1012, 1112, 1013, 1113}
	if got := patches[g.Len()+g.Values():][:g.Values()]; !slices.Equal(got, want) {
		t.Errorf("patch is %v, want %v", got, want)
	}
}

func TestFromPixelsUndoesToPixels(t *testing.T) {
	for _, g := range []Grid{
		{Image: 4, Patch: 2, Channels: 2}, {Image: 15, Patch: 5, Channels: 3},
		{Image: 6, Patch: 1, Channels: 3}, {Image: 7, Patch: 7, Channels: 1}, // patch of one pixel, patch of all
	} {
		images := numbered(g, 3)
		patches, back := make([]float32, len(images)), make([]float32, len(images))
		g.ToPixels(patches, images)
		g.FromPixels(back, patches)
		if !slices.Equal(back, images) {
			t.Errorf("%+v: the images changed", g)
		}
	}
}

// convolution is the definition: out[n*keep+i,d] = bias[d] + sum over (c,r,col) of weight*pixel.
func convolution(g Grid, images, weight, bias []float32, patches []int32, keep int) []float64 {
	width := len(bias)
	out := make([]float64, len(patches)*width)
	for i, patch := range patches {
		y0, x0 := int(patch)/g.Side()*g.Patch, int(patch)%g.Side()*g.Patch
		for d := range width {
			sum := float64(bias[d])
			for c := range g.Channels {
				for r := range g.Patch {
					for col := range g.Patch {
						w := weight[((d*g.Channels+c)*g.Patch+r)*g.Patch+col]
						p := images[(i/keep)*g.Len()+(c*g.Image+y0+r)*g.Image+x0+col]
						sum += float64(w) * float64(p)
					}
				}
			}
			out[i*width+d] = sum
		}
	}
	return out
}

func TestPatchEmbedIsAConvolution(t *testing.T) {
	r := rng.New(1, rng.Init, 0, 0)
	for _, row := range []struct {
		g       Grid
		width   int
		patches []int32 // of two images
	}{
		{Grid{Image: 6, Patch: 3, Channels: 2}, 5, []int32{3, 0, 1, 2}},
		{Grid{Image: 8, Patch: 2, Channels: 3}, 4, []int32{15, 4, 7, 0, 1, 15}},
		{Grid{Image: 5, Patch: 5, Channels: 1}, 3, []int32{0, 0}},
	} {
		images, keep := make([]float32, 2*row.g.Len()), len(row.patches)/2
		Normal(images, 1, r)
		set := Allocate(PatchEmbedSpecs("p", row.g, row.width))
		for _, p := range set.Params() {
			Normal(p.Value.Data, 1, r)
		}
		e := NewPatchEmbed(set, "p", row.g)
		x := autodiff.FromSlice(images, 2, row.g.Channels, row.g.Image, row.g.Image)
		got := e.Forward(autodiff.NewTape(), x, row.patches)
		want := convolution(row.g, images, e.Weight.Data, e.Bias.Data, row.patches, keep)
		// |error| <= g(k) * sum|w||p|, k = values+1 products of magnitude below 25
		tol := float64(row.g.Values()+1) * 0x1p-24 * 25 * float64(row.g.Values()+1)
		for i, v := range got.Data {
			if !(math.Abs(float64(v)-want[i]) <= tol) {
				t.Fatalf("%+v: element %d is %v, want %v", row.g, i, v, want[i])
			}
		}
	}
}
