package metric

import (
	"fmt"
	"math"
)

// The constants of Wang et al., section III-B: an 11x11 circular Gaussian
// window of deviation 1.5 pixels, and K1, K2 for a range of 1.
const (
	ssimSigma  = 1.5
	ssimRadius = 5
	ssimWindow = 2*ssimRadius + 1
	ssimC1     = 0.01 * 0.01
	ssimC2     = 0.03 * 0.03
)

// SmallestSSIM is the side in pixels of the smallest image that SSIM takes.
const SmallestSSIM = ssimWindow

// SSIM is the structural similarity of two displayed images: per channel, with
// weights w of an 11x11 Gaussian (sigma 1.5, sum 1) around each pixel,
//
//	mx = sum w x, my = sum w y, vx = sum w x^2 - mx^2, vy likewise, vxy = sum w x y - mx my
//	s  = (2 mx my + C1)(2 vxy + C2) / ((mx^2 + my^2 + C1)(vx + vy + C2))
//
// with C1 = 0.01^2 and C2 = 0.03^2 for a range of 1; the mean of s over the
// pixels, then over the channels.
//
// Border: only windows that lie wholly inside the image count, (H-10)(W-10) of
// them (22x22 at 32 px, 214x214 at 224 px), so nothing is padded or reflected.
//
// Units: none; 1 for equal images, lower is further, negative for opposite ones.
// Values are clamped to [0,1] first.
// Errors: ErrNonFinite; an image smaller than 11x11. Panics: shapes that differ.
// Source: Wang, Bovik, Sheikh, Simoncelli, "Image Quality Assessment: From
// Error Visibility to Structural Similarity", IEEE TIP 13(4), 2004. Equals
// skimage.metrics.structural_similarity with gaussian_weights=True, sigma=1.5,
// use_sample_covariance=False, data_range=1 and channel_axis set.
func SSIM(got, want Image) (float64, error) {
	if err := checkPair("SSIM", got, want); err != nil {
		return 0, err
	}
	if got.H < ssimWindow || got.W < ssimWindow {
		return 0, fmt.Errorf("metric: SSIM: image is %dx%d, want at least %dx%d", got.W, got.H, ssimWindow, ssimWindow)
	}
	weights := gaussianWindow()
	plane := got.H * got.W
	rows := make([]moments, got.H*(got.W-2*ssimRadius))
	sum := 0.0
	for c := range got.C {
		x, y := got.Pix[c*plane:][:plane], want.Pix[c*plane:][:plane]
		sum += channelSSIM(rows, x, y, got.H, got.W, &weights)
	}
	return sum / float64(got.C), nil
}

// moments are the five weighted means that one window needs.
type moments struct{ x, y, xx, yy, xy float64 }

func (m *moments) add(w float64, o moments) {
	m.x += w * o.x
	m.y += w * o.y
	m.xx += w * o.xx
	m.yy += w * o.yy
	m.xy += w * o.xy
}

func (m moments) ssim() float64 {
	vx, vy, vxy := m.xx-m.x*m.x, m.yy-m.y*m.y, m.xy-m.x*m.y
	return (2*m.x*m.y + ssimC1) * (2*vxy + ssimC2) /
		((m.x*m.x + m.y*m.y + ssimC1) * (vx + vy + ssimC2))
}

// channelSSIM is the mean of s over one channel. The window is separable:
// rows holds the horizontal pass, [h, w-10], and is overwritten.
func channelSSIM(rows []moments, x, y []float32, h, w int, weights *[ssimWindow]float64) float64 {
	inner := w - 2*ssimRadius
	line := make([]moments, w)
	for r := range h {
		for c := range line {
			a, b := clamp01(float64(x[r*w+c])), clamp01(float64(y[r*w+c]))
			line[c] = moments{a, b, a * a, b * b, a * b}
		}
		for c := range inner {
			var m moments
			for k, weight := range weights {
				m.add(weight, line[c+k])
			}
			rows[r*inner+c] = m
		}
	}
	sum := 0.0
	for r := range h - 2*ssimRadius {
		for c := range inner {
			var m moments
			for k, weight := range weights {
				m.add(weight, rows[(r+k)*inner+c])
			}
			sum += m.ssim()
		}
	}
	return sum / float64((h-2*ssimRadius)*inner)
}

// gaussianWindow is exp(-d^2/(2 sigma^2)) for d = -5..5, scaled to sum 1.
func gaussianWindow() [ssimWindow]float64 {
	var w [ssimWindow]float64
	sum := 0.0
	for i := range w {
		d := float64(i - ssimRadius)
		w[i] = math.Exp(-0.5 / (ssimSigma * ssimSigma) * d * d)
		sum += w[i]
	}
	for i := range w {
		w[i] /= sum
	}
	return w
}
