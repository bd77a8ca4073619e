package data

import (
	"fmt"
	"math"
)

// Filter names a resampling kernel; the names go into result files.
type Filter string

// The filters, bit-exact with Pillow's on 8-bit images.
const (
	Bicubic  Filter = "pil-u8-bicubic"  // Keys' cubic, a = -0.5
	Bilinear Filter = "pil-u8-bilinear" // triangle
)

// weightBits is the fixed-point precision of the weights: 32 bits less 8 for
// the pixel and 2 for the overshoot of a cubic's sum.
const weightBits = 32 - 8 - 2

// kernel returns the filter's weight function and its support, in source
// pixels when enlarging.
func (f Filter) kernel() (weight func(x float64) float64, support float64) {
	switch f {
	case Bicubic:
		return cubic, 2
	case Bilinear:
		return func(x float64) float64 { return max(1-math.Abs(x), 0) }, 1
	}
	panic(fmt.Sprintf("data: filter is %q, want %q or %q", f, Bicubic, Bilinear))
}

func cubic(x float64) float64 {
	const a = -0.5
	x = math.Abs(x)
	switch {
	case x < 1:
		return float64(float64((float64((a+2)*x)-(a+3))*x)*x) + 1
	case x < 2:
		return float64((float64((float64((x-5)*x)+8)*x) - 4) * a)
	}
	return 0
}

// taps are the weights of a run of output positions: position i sums
// weight[i*width+j] * source[first[i]+j] over j < count[i].
type taps struct {
	first, count []int32
	weight       []int32
	width        int
}

// makeTaps rounds the weights of output positions [lo,hi) to fixed point.
func makeTaps(in, out, lo, hi int, f Filter) taps {
	exact := weigh(in, out, lo, hi, f)
	t := taps{first: exact.first, count: exact.count, width: exact.width, weight: make([]int32, len(exact.weight))}
	for i, v := range exact.weight {
		if v != 0 {
			t.weight[i] = int32(float64(v*(1<<weightBits)) + math.Copysign(0.5, v))
		}
	}
	return t
}

// weigh computes the weights of output positions [lo,hi) when in samples become
// out, each position's divided by their sum. A kernel is widened by the scale
// when shrinking (antialiasing).
func weigh(in, out, lo, hi int, f Filter) weights {
	kernel, support := f.kernel()
	scale := float64(in) / float64(out)
	stretch := max(scale, 1)
	support *= stretch
	inv := 1 / stretch
	n := hi - lo
	t := weights{first: make([]int32, n), count: make([]int32, n), width: int(math.Ceil(support))*2 + 1}
	t.weight = make([]float64, n*t.width)
	for i := range n {
		centre := float64((float64(lo+i) + 0.5) * scale)
		first := max(int(centre-support+0.5), 0)
		count := min(int(centre+support+0.5), in) - first
		w, sum := t.weight[i*t.width:][:count], 0.0
		for j := range w {
			w[j] = kernel(float64((float64(j+first) - centre + 0.5) * inv))
			sum += w[j]
		}
		for j := range w {
			if sum != 0 {
				w[j] /= sum
			}
		}
		t.first[i], t.count[i] = int32(first), int32(count)
	}
	return t
}

// plan is one resampling: the source is scaled to outW x outH, of which only
// the window with corner (x0,y0) and size w x h is computed.
type plan struct {
	outW, outH, x0, y0, w, h int
	filter                   Filter
}

// Resize scales a picture to w x h.
//
// Numerics: bit-exact with Pillow's Image.resize on mode RGB: a horizontal,
// then a vertical pass, 22-bit fixed-point weights, 8 bits between the passes.
// Panics: the filter is unknown or a side is below 1.
// Source: Pillow, src/libImaging/Resample.c.
func Resize(im Image, w, h int, f Filter) Image {
	out := Image{W: w, H: h, Pix: make([]uint8, w*h*3)}
	resample(out.Pix, im.view(), plan{outW: w, outH: h, w: w, h: h, filter: f}, &Scratch{})
	return out
}

// view is a rectangle of a larger picture; stride is in bytes.
type view struct {
	pix          []uint8
	w, h, stride int
}

func (im Image) view() view { return view{im.Pix, im.W, im.H, im.W * 3} }

func (v view) sub(x, y, w, h int) view {
	return view{v.pix[y*v.stride+x*3:], w, h, v.stride}
}

// Scratch is reusable memory of a resampling. The zero value is ready. Not for
// concurrent use.
type Scratch struct{ rows []uint8 }

// need panics when a side is below 1.
func (p plan) need(src view) {
	if p.outW < 1 || p.outH < 1 || src.w < 1 || src.h < 1 {
		panic(fmt.Sprintf("data: resize: %dx%d to %dx%d: every side must be at least 1", src.w, src.h, p.outW, p.outH))
	}
}

// resample writes the window of the scaled source to dst [p.h,p.w,3].
func resample(dst []uint8, src view, p plan, s *Scratch) {
	p.need(src)
	tall := makeTaps(src.h, p.outH, p.y0, p.y0+p.h, p.filter)
	first, last := src.h, 0 // source rows the vertical pass reads
	for i := range tall.first {
		first, last = min(first, int(tall.first[i])), max(last, int(tall.first[i]+tall.count[i]))
	}
	src = src.sub(0, first, src.w, last-first)
	for i := range tall.first {
		tall.first[i] -= int32(first)
	}
	if src.w == p.outW { // scale 1: the horizontal pass would copy
		verticalPass(dst, src.sub(p.x0, 0, p.w, src.h), tall)
		return
	}
	need := p.w * src.h * 3
	if cap(s.rows) < need {
		s.rows = make([]uint8, need)
	}
	mid := view{s.rows[:need], p.w, src.h, p.w * 3}
	horizontalPass(mid.pix, src, makeTaps(src.w, p.outW, p.x0, p.x0+p.w, p.filter))
	verticalPass(dst, mid, tall)
}

// horizontalPass writes dst [src.h,len(t.first),3].
func horizontalPass(dst []uint8, src view, t taps) {
	n := len(t.first)
	for y := range src.h {
		row, out := src.pix[y*src.stride:][:src.w*3], dst[y*n*3:][:n*3]
		for i := range n {
			in := row[t.first[i]*3:]
			r, g, b := int32(1<<(weightBits-1)), int32(1<<(weightBits-1)), int32(1<<(weightBits-1))
			for j, k := range t.weight[i*t.width:][:t.count[i]] {
				p := in[j*3 : j*3+3 : j*3+3]
				r += int32(p[0]) * k
				g += int32(p[1]) * k
				b += int32(p[2]) * k
			}
			o := out[i*3 : i*3+3 : i*3+3]
			o[0], o[1], o[2] = clip8(r), clip8(g), clip8(b)
		}
	}
}

// verticalPass writes dst [len(t.first),src.w,3].
func verticalPass(dst []uint8, src view, t taps) {
	n := src.w * 3
	for i := range t.first {
		weights := t.weight[i*t.width:][:t.count[i]]
		base := int(t.first[i]) * src.stride
		out := dst[i*n:][:n]
		for x := range out {
			sum, at := int32(1<<(weightBits-1)), base+x
			for _, k := range weights {
				sum += int32(src.pix[at]) * k
				at += src.stride
			}
			out[x] = clip8(sum)
		}
	}
}

func clip8(sum int32) uint8 { return uint8(min(max(sum>>weightBits, 0), 255)) }
