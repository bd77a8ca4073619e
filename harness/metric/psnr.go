package metric

import "math"

// PSNRCap is the largest value that PSNR returns, in dB. Equal images have an
// infinite ratio, which no mean and no JSON file can hold. 100 dB is an error
// of 1e-5 of the range, 50 dB finer than one step of an 8-bit image, so the cap
// is reached only by images that no screen could tell apart.
const PSNRCap = 100

// PSNR is the peak signal-to-noise ratio of the whole displayed image, visible
// pixels pasted in, with range 1:
//
//	10*log10( 1 / mean (clamp(got)-clamp(want))^2 ), at most PSNRCap
//
// The mean runs over all channels and pixels together. Because visible pixels
// are exact, the number depends on the share that is removed: compare only
// within one kind of mask.
//
// Units: decibel; higher is closer.
// Errors: ErrNonFinite. Panics: shapes that differ.
// Source: ITU-T J.340, section 3, with peak 1; skimage.metrics.peak_signal_noise_ratio with data_range=1.
func PSNR(got, want Image) (float64, error) {
	if err := checkPair("PSNR", got, want); err != nil {
		return 0, err
	}
	return min(PSNRCap, -10*math.Log10(imageMSE(got, want))), nil
}
