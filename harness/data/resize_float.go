package data

import "fmt"

// FloatBicubic names ResizeFloat with Bicubic in result files: the resizer of FID
// features.
const FloatBicubic = "pil-f32-bicubic"

// ResizeFloat scales a picture to w x h without rounding to 8 bits anywhere:
// each channel as an image of float32.
//
// Shapes: the result [h,w,3], in 0..255 but for overshoot at edges.
// Numerics: bit-exact with Pillow's Image.resize on mode F, channel by channel: a
// horizontal, then a vertical pass, each summed in float64 and rounded to float32.
// Panics: the filter is unknown or a side is below 1.
// Source: Pillow, src/libImaging/Resample.c, the 32-bit passes; Parmar, Zhang,
// Zhu, "On Aliased Resizing and Surprising Subtleties in GAN Evaluation" (arXiv
// 2104.11222), mode "clean", which clips the result to 0..255.
func ResizeFloat(im Image, w, h int, f Filter) []float32 {
	if w < 1 || h < 1 || im.W < 1 || im.H < 1 {
		panic(fmt.Sprintf("data: ResizeFloat: %dx%d to %dx%d: every side must be at least 1", im.W, im.H, w, h))
	}
	src := make([]float32, im.W*im.H*3)
	for i := range src {
		src[i] = float32(im.Pix[i])
	}
	if w != im.W {
		src = weigh(im.W, w, 0, w, f).pass(src, im.H, 3*im.W, 3)
	}
	if h != im.H {
		src = weigh(im.H, h, 0, h, f).pass(src, 1, 0, 3*w)
	}
	return src
}

// weights are the taps of a run of output positions, before rounding: position
// i sums weight[i*width+j] * source[first[i]+j] over j < count[i].
type weights struct {
	first, count []int32
	weight       []float64
	width        int
}

// pass resamples rows of src, which begin every stride elements: positions
// of run elements each become len(t.first) positions. A vertical pass has one row,
// whose positions are the rows of the picture. The product is rounded before it
// is added, on any processor: a fused one would differ in the last bit.
func (t weights) pass(src []float32, rows, stride, run int) []float32 {
	dst := make([]float32, 0, rows*len(t.first)*run)
	for y := range rows {
		row := src[y*stride:]
		for i, first := range t.first {
			from := row[int(first)*run:]
			for c := range run {
				sum := 0.0
				for j, k := range t.weight[i*t.width:][:t.count[i]] {
					sum += float64(float64(from[j*run+c]) * k)
				}
				dst = append(dst, float32(sum))
			}
		}
	}
	return dst
}
