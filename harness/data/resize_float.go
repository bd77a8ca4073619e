package data

import "fmt"

// ResizeFloat scales a picture to w x h without rounding to 8 bits anywhere:
// each channel as an image of float32.
//
// Shapes: the result [h,w,3], in 0..255 but for overshoot at edges.
// Numerics: as Pillow's Image.resize on mode F, channel by channel: a horizontal,
// then a vertical pass, each summed in float64 and rounded to float32.
// Panics: the filter is unknown or a side is below 1.
// Source: Pillow, src/libImaging/Resample.c.
func ResizeFloat(im Image, w, h int, f Filter) []float32 {
	if w < 1 || h < 1 || im.W < 1 || im.H < 1 {
		panic(fmt.Sprintf("data: ResizeFloat: %dx%d to %dx%d: every side must be at least 1", im.W, im.H, w, h))
	}
	src := make([]float32, im.W*im.H*3)
	for i := range src {
		src[i] = float32(im.Pix[i])
	}
	if w != im.W {
		src = floatPass(src, im.H, 3*im.W, 3, floatTapsOf(im.W, w, f))
	}
	if h != im.H {
		src = floatPass(src, 1, 0, 3*w, floatTapsOf(im.H, h, f))
	}
	return src
}

// floatTap are the weights of one output position over source positions from
// first on.
type floatTap struct {
	first  int
	weight []float64
}

func floatTapsOf(in, out int, f Filter) []floatTap {
	weigh, support := f.kernel()
	scale := float64(in) / float64(out)
	stretch := max(scale, 1)
	support *= stretch
	taps := make([]floatTap, out)
	for i := range taps {
		centre := float64((float64(i) + 0.5) * scale)
		first := max(int(centre-support+0.5), 0)
		t := floatTap{first, make([]float64, min(int(centre+support+0.5), in)-first)}
		sum := 0.0
		for j := range t.weight {
			t.weight[j] = weigh(float64((float64(j+first) - centre + 0.5) * (1 / stretch)))
			sum += t.weight[j]
		}
		for j := range t.weight {
			if sum != 0 {
				t.weight[j] /= sum
			}
		}
		taps[i] = t
	}
	return taps
}

// floatPass resamples rows of src, which begin every stride elements: positions
// of run elements each become len(taps) positions. A vertical pass has one row,
// whose positions are the rows of the picture.
func floatPass(src []float32, rows, stride, run int, taps []floatTap) []float32 {
	dst := make([]float32, 0, rows*len(taps)*run)
	for y := range rows {
		row := src[y*stride:]
		for _, t := range taps {
			for c := range run {
				sum := 0.0
				for j, k := range t.weight {
					sum += float64(float64(row[(t.first+j)*run+c]) * k)
				}
				dst = append(dst, float32(sum))
			}
		}
	}
	return dst
}
