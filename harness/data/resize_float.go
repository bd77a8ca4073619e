package data

// FloatBicubic names the resizer of FID features: Keys' cubic on float32
// planes, clipped to [0,255] at the end and never rounded.
const FloatBicubic = "pil-f32-bicubic"

// ResizeFloat scales a picture to w x h and keeps what lies between the levels:
// each channel goes through the passes as float32, sums in float64.
//
// Returns planes [3,h,w], levels in [0,255].
// Numerics: bit-exact with Pillow's Image.resize on mode F with BICUBIC, clipped
// by numpy afterwards.
// Panics: a side is below 1.
// Source: Pillow, src/libImaging/Resample.c, the 32-bit passes; Parmar, Zhang,
// Zhu, "On Aliased Resizing and Surprising Subtleties in GAN Evaluation" (arXiv
// 2104.11222), mode "clean".
func ResizeFloat(im Image, w, h int) []float32 {
	plan{outW: w, outH: h}.need(im.view())
	across, down := weigh(im.W, w, 0, w, Bicubic), weigh(im.H, h, 0, h, Bicubic)
	out := make([]float32, 3*h*w)
	plane, mid := make([]float32, im.H*im.W), make([]float32, im.H*w)
	for c := range 3 {
		for i := range plane {
			plane[i] = float32(im.Pix[3*i+c])
		}
		rows, to := plane, out[c*h*w:][:h*w]
		if im.W != w {
			for y := range im.H {
				across.sum(mid[y*w:][:w], plane[y*im.W:][:im.W])
			}
			rows = mid
		}
		if im.H == h {
			copy(to, rows)
		} else {
			for x := range w {
				down.sumColumn(to, rows, x, w)
			}
		}
		for i, v := range to {
			to[i] = min(max(v, 0), 255)
		}
	}
	return out
}

// weights are the taps of a run of output positions, before rounding: position
// i sums weight[i*width+j] * source[first[i]+j] over j < count[i].
type weights struct {
	first, count []int32
	weight       []float64
	width        int
}

// sum writes one row. The product is rounded before it is added, on any
// processor: a fused one would differ in the last bit.
func (t weights) sum(dst, src []float32) {
	for i := range dst {
		total, at := 0.0, int(t.first[i])
		for _, k := range t.weight[i*t.width:][:t.count[i]] {
			total += float64(float64(src[at]) * k)
			at++
		}
		dst[i] = float32(total)
	}
}

// sumColumn writes column x of an image of w columns.
func (t weights) sumColumn(dst, src []float32, x, w int) {
	for i := range t.first {
		total, at := 0.0, int(t.first[i])*w+x
		for _, k := range t.weight[i*t.width:][:t.count[i]] {
			total += float64(float64(src[at]) * k)
			at += w
		}
		dst[i*w+x] = float32(total)
	}
}
