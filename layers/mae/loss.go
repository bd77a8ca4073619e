package mae

import (
	"math"

	"lethe/autodiff"
)

// patchVarianceEps is added to the variance of a patch in squared pixel units.
// Source: the reference code (1.e-6).
const patchVarianceEps = 1e-6

// Target returns what Decode is to predict for images [N,C,H,W]: their patches
// [N,L,p*p*C], each normalized when the configuration says norm_pix_loss:
//
//	target = (patch - mean) / sqrt(variance + 1e-6)   unbiased variance
//
// Numerics: mean and variance in float64. No gradient flows through a target.
func (m *Model) Target(tp *autodiff.Tape, images *autodiff.Tensor) *autodiff.Tensor {
	m.needImages("Target", images)
	n := images.Dim(0)
	patches := make([]float32, images.Len())
	m.cfg.Grid().ToPixels(patches, images.Data)
	if m.cfg.NormPixLoss {
		for lo := 0; lo < len(patches); lo += m.cfg.PatchLen() {
			normalize(patches[lo:][:m.cfg.PatchLen()])
		}
	}
	return autodiff.FromSlice(patches, n, m.cfg.Patches(), m.cfg.PatchLen())
}

func normalize(patch []float32) {
	mean, deviation := patchStats(patch)
	for i, v := range patch {
		patch[i] = float32((float64(v) - mean) / deviation)
	}
}

// patchStats returns the mean of a patch and sqrt(unbiased variance + eps).
func patchStats(patch []float32) (mean, deviation float64) {
	for _, v := range patch {
		mean += float64(v)
	}
	mean /= float64(len(patch))
	var squares float64
	for _, v := range patch {
		squares += (float64(v) - mean) * (float64(v) - mean)
	}
	return mean, math.Sqrt(squares/float64(len(patch)-1) + patchVarianceEps)
}

// Loss returns the mean squared error [1] over the values of the removed
// patches; pred and target are [N,L,p*p*C]. When nothing was removed it is NaN,
// as 0/0 is in the reference.
//
// Panics: a shape does not fit the configuration and the mask.
func (m *Model) Loss(tp *autodiff.Tape, pred, target *autodiff.Tensor, mk Masking) *autodiff.Tensor {
	m.needMask("Loss", mk.N, mk)
	need("Loss", "pred", pred.Shape(), mk.N, mk.L, m.cfg.PatchLen())
	need("Loss", "target", target.Shape(), mk.N, mk.L, m.cfg.PatchLen())
	removed := float32(mk.N * (mk.L - mk.Keep))
	weights := make([]float32, len(mk.Removed))
	for i, r := range mk.Removed {
		weights[i] = r / removed
	}
	rows := mk.N * mk.L
	return tp.RowMSE(tp.Reshape(pred, rows, m.cfg.PatchLen()), tp.Reshape(target, rows, m.cfg.PatchLen()), weights)
}

// Unpatchify puts n images [N,C,H,W] together from patches [N,L,p*p*C].
//
// Panics: len(pred) is not that of n images.
func (m *Model) Unpatchify(pred []float32, n int) []float32 {
	need("Unpatchify", "pred", []int{len(pred)}, n*m.cfg.Grid().Len())
	images := make([]float32, len(pred))
	m.cfg.Grid().FromPixels(images, pred)
	return images
}

// Pixels returns the completed images [N,C,H,W]: the visible patches of images
// [N,C,H,W] with the predicted ones of pred [N,L,p*p*C] in the holes. With norm_pix_loss a
// prediction is first brought back to pixels with the mean and deviation of the
// patch that was removed, which is what makes it comparable: the model does not
// predict them.
//
// Units: normalized pixels.
// Panics: a shape does not fit the configuration and the mask.
func (m *Model) Pixels(pred, images []float32, mk Masking) []float32 {
	m.needMask("Pixels", mk.N, mk)
	need("Pixels", "len(images)", []int{len(images)}, mk.N*m.cfg.Grid().Len())
	need("Pixels", "len(pred)", []int{len(pred)}, mk.N*m.cfg.Grid().Len())
	values := m.cfg.PatchLen()
	patches := make([]float32, len(images))
	m.cfg.Grid().ToPixels(patches, images)
	for i, removed := range mk.Removed {
		if removed == 0 {
			continue
		}
		patch, predicted := patches[i*values:][:values], pred[i*values:][:values]
		if m.cfg.NormPixLoss {
			mean, deviation := patchStats(patch)
			for j, v := range predicted {
				patch[j] = float32(float64(v)*deviation + mean)
			}
		} else {
			copy(patch, predicted)
		}
	}
	return m.Unpatchify(patches, mk.N)
}
