package optim

import (
	"math"

	"lethe/autodiff"
	"lethe/kernels"
)

// GlobalNorm returns the Euclidean norm of all gradients taken as one vector,
// in float64. Parameters without a gradient add nothing.
func GlobalNorm(params []*autodiff.Tensor) float64 {
	sum := 0.0
	for _, p := range params {
		sum += kernels.SumSquares(p.Grad())
	}
	return math.Sqrt(sum)
}

// clipEps is added to the norm, as in PyTorch; in units of the gradient.
const clipEps = 1e-6

// ClipScale returns the factor that brings a gradient of the given norm down
// to limit: min(1, limit/(norm+1e-6)), or 1 when limit is not positive. A norm
// that is not a number gives a factor that is not one either.
// Source: torch.nn.utils.clip_grad_norm_, PyTorch 2.6.
func ClipScale(norm, limit float64) float32 {
	if limit <= 0 {
		return 1
	}
	factor := limit / (norm + clipEps)
	if factor >= 1 {
		return 1
	}
	return float32(factor)
}
