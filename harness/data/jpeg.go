package data

import "image"

// The standard library decodes a JPEG's planes but repeats chroma samples where
// libjpeg, and with it Pillow, interpolates them: up to 30 levels apart. So the
// planes are enlarged and converted here, in libjpeg's integer arithmetic.

// fromYCbCr converts decoded planes to RGB as libjpeg does with its default
// "fancy" upsampling. What remains against Pillow is the rounding of the
// inverse DCT.
//
// Source: libjpeg-turbo, jdsample.c (h2v1, h1v2, h2v2 fancy) and jdcolor.c.
func fromYCbCr(src *image.YCbCr) Image {
	w, h := src.Rect.Dx(), src.Rect.Dy()
	im := Image{W: w, H: h, Pix: make([]uint8, w*h*3)}
	up := chromaRows{src: src, w: w, h: h, wide: make([]uint8, 2*(w+8)), sums: make([]int32, w+8)}
	for y := range h {
		luma := src.Y[src.YOffset(src.Rect.Min.X, src.Rect.Min.Y+y):][:w]
		cb, cr := up.row(src.Cb, y, 0), up.row(src.Cr, y, 1)
		convertYCC(im.Pix[y*w*3:][:w*3], luma, cb, cr)
	}
	return im
}

// chromaRows enlarges one chroma row at a time.
type chromaRows struct {
	src  *image.YCbCr
	w, h int     // of the picture
	wide []uint8 // two enlarged rows
	sums []int32 // a row of column sums
}

// row returns chroma row y of the full-size picture, w samples, in buffer slot
// 0 or 1.
func (u *chromaRows) row(plane []uint8, y, slot int) []uint8 {
	out := u.wide[slot*len(u.wide)/2:][:len(u.wide)/2]
	width, height := (u.w+1)/2, (u.h+1)/2
	line := func(i int) []uint8 {
		return plane[min(max(i, 0), height-1)*u.src.CStride:]
	}
	near, far := y/2, y/2-1+2*(y&1) // the closer and the other row of a 2:1 plane
	switch ratio := u.src.SubsampleRatio; {
	case ratio == image.YCbCrSubsampleRatio444:
		return plane[y*u.src.CStride:][:u.w]
	case ratio == image.YCbCrSubsampleRatio440:
		a, b, bias := line(near), line(far), 1+y&1
		for x := range out[:u.w] {
			out[x] = uint8((3*int(a[x]) + int(b[x]) + bias) >> 2)
		}
	case ratio == image.YCbCrSubsampleRatio422 && width > 2:
		triangle1(out, plane[y*u.src.CStride:][:width])
	case ratio == image.YCbCrSubsampleRatio420 && width > 2:
		a, b := line(near)[:width], line(far)[:width]
		sums := u.sums[:width]
		for x := range sums {
			sums[x] = 3*int32(a[x]) + int32(b[x])
		}
		triangle2(out, sums)
	default: // 4:1:1, 4:1:0 and pictures too narrow to interpolate: repeat
		for x := range out[:u.w] {
			out[x] = plane[u.src.COffset(u.src.Rect.Min.X+x, u.src.Rect.Min.Y+y)-u.src.COffset(u.src.Rect.Min.X, u.src.Rect.Min.Y)]
		}
	}
	return out[:u.w]
}

// triangle1 doubles a row: each output is 3/4 of the nearer and 1/4 of the
// farther sample; rounding alternates so that no bias builds up.
func triangle1(out, in []uint8) {
	n := len(in)
	for i := range n {
		left, right := in[max(i-1, 0)], in[min(i+1, n-1)]
		out[2*i] = uint8((3*int(in[i]) + int(left) + 1) >> 2)
		out[2*i+1] = uint8((3*int(in[i]) + int(right) + 2) >> 2)
	}
	out[0], out[2*n-1] = in[0], in[n-1]
}

// triangle2 is triangle1 on column sums, which weigh 4.
func triangle2(out []uint8, sums []int32) {
	n := len(sums)
	for i := range n {
		left, right := sums[max(i-1, 0)], sums[min(i+1, n-1)]
		out[2*i] = uint8((3*sums[i] + left + 8) >> 4)
		out[2*i+1] = uint8((3*sums[i] + right + 7) >> 4)
	}
}

// convertYCC is the JFIF matrix in 16-bit fixed point:
//
//	R = Y + 1.402 Cr;  G = Y - 0.344136 Cb - 0.714136 Cr;  B = Y + 1.772 Cb
//
// with Cb, Cr about 128, the constants rounded as libjpeg's FIX does.
func convertYCC(rgb, luma, cb, cr []uint8) {
	const (
		half = 1 << 15
		crR  = 91881  // 1.40200 * 65536
		cbB  = 116130 // 1.77200
		crG  = 46802  // 0.71414
		cbG  = 22554  // 0.34414
	)
	for x, l := range luma {
		y, b, r := int32(l), int32(cb[x])-128, int32(cr[x])-128
		p := rgb[x*3 : x*3+3 : x*3+3]
		p[0] = clamp8(y + (crR*r+half)>>16)
		p[1] = clamp8(y + (half-cbG*b-crG*r)>>16)
		p[2] = clamp8(y + (cbB*b+half)>>16)
	}
}

func clamp8(v int32) uint8 { return uint8(min(max(v, 0), 255)) }
