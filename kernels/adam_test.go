package kernels

import (
	"fmt"
	"math"
	"testing"

	"lethe/kernels/internal/generic"
	"lethe/kernels/kerneltest"
	"lethe/kernels/ref"
)

// adamParams turns the settings of the reference into those of the kernel.
func adamParams(a ref.AdamStep) AdamParams {
	return AdamParams{
		LR: float32(a.LR), Beta1: float32(a.Beta1), Beta2: float32(a.Beta2),
		Beta1Rest: float32(1 - a.Beta1), Beta2Rest: float32(1 - a.Beta2),
		Eps: float32(a.Eps), WeightDecay: float32(a.WeightDecay),
		BiasCorrection1: float32(1 - math.Pow(a.Beta1, float64(a.Step))),
		BiasCorrection2: float32(1 - math.Pow(a.Beta2, float64(a.Step))),
		GradScale:       float32(a.GradScale), Decoupled: a.Decoupled,
	}
}

var adamSteps = []ref.AdamStep{
	{LR: 1e-3, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, GradScale: 1, Step: 1},
	{LR: 1e-4, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.05, GradScale: 0.25, Step: 7, Decoupled: true},
	{LR: 1e-2, Beta1: 0.5, Beta2: 0.99, Eps: 1e-3, WeightDecay: 0.1, GradScale: 2, Step: 1000},
}

// The bound follows the formula: three roundings in d and three more in each
// average, with 1-beta itself rounded; then root, two divisions, product, step
// and sum.
func TestAdamMatchesRef(t *testing.T) {
	eachISA(t, func(t *testing.T, k rowKernels) {
		eachLength(t, func(c *kerneltest.Case, n, offset int) {
			for _, step := range adamSteps {
				w, m, g := c.Input(n, offset), c.Input(n, 3), c.Input(n, 0)
				v := c.Input(n, 8)
				for i := range v {
					v[i] *= v[i]
				}
				w0, m0, v0 := append([]float32(nil), w...), append([]float32(nil), m...), append([]float32(nil), v...)
				p := adamParams(step)
				coefficients := p.coefficients()
				k.adam(w, m, v, g, &coefficients)
				correction1 := 1 - math.Pow(step.Beta1, float64(step.Step))
				correction2 := 1 - math.Pow(step.Beta2, float64(step.Step))
				for i := range w {
					wantW, wantM, wantV := ref.Adam(float64(w0[i]), float64(m0[i]), float64(v0[i]), float64(g[i]), step)
					d := math.Abs(float64(g[i]))*step.GradScale + step.WeightDecay*math.Abs(float64(w0[i]))
					errM := 6 * unit * (math.Abs(float64(m0[i])) + d)
					errV := 10 * unit * (float64(v0[i]) + d*d*(1-step.Beta2))
					c.Near("m", i, m[i], wantM, errM)
					c.Near("v", i, v[i], wantV, errV)
					root := math.Sqrt(wantV / correction2)
					update := math.Abs(float64(w0[i]) - wantW)
					scale := step.LR / correction1 / (root + step.Eps)
					relV := errV / math.Max(wantV, math.SmallestNonzeroFloat32)
					c.Near("w", i, w[i], wantW, scale*errM+(update+step.LR)*(relV+10*unit)+3*unit*math.Abs(float64(w0[i])))
				}
				generic.Adam(w0, m0, v0, g, &coefficients)
				c.Same("w of generic", w, w0)
				c.Same("m of generic", m, m0)
				c.Same("v of generic", v, v0)
			}
		})
	})
}

// Chunks and the exported function: the same bits as one call on everything.
func TestAdamInChunks(t *testing.T) {
	suite := kerneltest.New(t)
	for _, n := range []int{0, 1, elementChunk, 2*elementChunk + 77} {
		suite.Run(fmt.Sprintf("n=%d", n), func(c *kerneltest.Case) {
			w, m, v, g := c.Input(n, 0), c.Input(n, 1), c.Output(n, 0), c.Input(n, 3)
			Fill(v, 0.5)
			w0, m0, v0 := append([]float32(nil), w...), append([]float32(nil), m...), append([]float32(nil), v...)
			p := adamParams(adamSteps[1])
			Adam(w, m, v, g, p)
			coefficients := p.coefficients()
			generic.Adam(w0, m0, v0, g, &coefficients)
			c.Same("w", w, w0)
			c.Same("m", m, m0)
			c.Same("v", v, v0)
		})
	}
}

// Without the exact complement it is taken from the rounded rate.
func TestAdamComplements(t *testing.T) {
	p := AdamParams{Beta1: 0.9, Beta2: 0.999, BiasCorrection1: 1, BiasCorrection2: 1}
	k := p.coefficients()
	if want := float32(1 - float64(p.Beta2)); k[generic.AdamRest2] != want {
		t.Errorf("1-beta2 is %g, want %g", k[generic.AdamRest2], want)
	}
	p.Beta2Rest = 0.001
	if k = p.coefficients(); k[generic.AdamRest2] != 0.001 {
		t.Errorf("1-beta2 is %g, want 0.001", k[generic.AdamRest2])
	}
}

func TestAdamPanics(t *testing.T) {
	two, one := make([]float32, 2), make([]float32, 1)
	wantPanic(t, "kernels: Adam: len(m) is 1, want at least 2", func() { Adam(two, one, two, two, AdamParams{}) })
	wantPanic(t, "kernels: Adam: len(v) is 1, want at least 2", func() { Adam(two, two, one, two, AdamParams{}) })
	wantPanic(t, "kernels: Adam: len(g) is 1, want at least 2", func() { Adam(two, two, two, one, AdamParams{}) })
}

// torchAdam is what PyTorch 2.6 (CPU, foreach=False) makes of torchWeight in
// three steps with torchGrads, as float32 bits: weight, exp_avg, exp_avg_sq.
var torchAdam = []struct {
	name                  string
	step                  ref.AdamStep
	weight, first, second [8]uint32
}{
	{
		"AdamW", ref.AdamStep{LR: 1e-2, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.05, GradScale: 1, Decoupled: true},
		[8]uint32{0x3ef74ec7, 0xbe785a33, 0xbc1c6dd9, 0x403e30f1, 0xbfff9dbd, 0x3e03ed64, 0xbc707b3e, 0x40dedc41},
		[8]uint32{0xbd0ef34b, 0x3da9930c, 0x3d958108, 0x37870e7c, 0x00000000, 0xbe883127, 0x350162c9, 0x3d4ed917},
		[8]uint32{0x3cef6be3, 0x3d2f3a14, 0x3f623540, 0x3143efb8, 0x00000000, 0x3e2872b0, 0x2be410aa, 0x3c7645a1},
	},
	{
		"Adam", ref.AdamStep{LR: 1e-3, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: 0.1, GradScale: 1},
		[8]uint32{0x3eff1873, 0xbe7f1d7f, 0xb86467fe, 0x403fceda, 0xbfff9db3, 0x3dd2bc23, 0x39dc5a68, 0x40dfe807},
		[8]uint32{0xbcaf21e9, 0x3d9bbf0e, 0x3d95858b, 0x3da679da, 0xbd5de26a, 0xbe86ca29, 0xb73a8100, 0x3e75ef6d},
		[8]uint32{0x3a14c559, 0x3a577d60, 0x3c9b6e91, 0x398d6280, 0x38fb27bc, 0x3b612847, 0x2d3d37d9, 0x3b2ee925},
	},
}

var (
	torchWeight = [8]float32{0.5, -0.25, 1e-3, 3, -2, 0.1, 0, 7}
	torchGrads  = [3][8]float32{
		{0.1, -0.2, 3, 1e-4, 0, -1, 2e-6, 0.5},
		{0.3, 0.1, -3, 2e-4, 0, -1.5, -2e-6, 0.25},
		{-0.7, 0.9, 1, -1e-4, 0, -0.5, 5e-6, -0.125},
	}
)

// PyTorch computes its scalars in float64 and may fuse a product with a sum, so
// the last bits are free: ten units of what the three steps add up, and where
// the decay goes into the gradient the error of the weight goes with it.
func TestAdamMatchesPyTorch(t *testing.T) {
	suite := kerneltest.New(t)
	for _, golden := range torchAdam {
		suite.Run(golden.name, func(c *kerneltest.Case) {
			w, m, v := torchWeight, [8]float32{}, [8]float32{}
			for i := range torchGrads {
				golden.step.Step = i + 1
				Adam(w[:], m[:], v[:], torchGrads[i][:], adamParams(golden.step))
			}
			for i := range w {
				wantW, wantM, wantV := bitsOf(golden.weight[i]), bitsOf(golden.first[i]), bitsOf(golden.second[i])
				errW := 10 * unit * (math.Abs(float64(torchWeight[i])) + 3*golden.step.LR)
				errD := 0.0
				if !golden.step.Decoupled {
					errD = golden.step.WeightDecay * errW
				}
				c.Near("w", i, w[i], wantW, errW)
				c.Near("m", i, m[i], wantM, 6*unit*(math.Abs(wantM)+math.Abs(float64(torchGrads[0][i])))+errD)
				c.Near("v", i, v[i], wantV, 6*unit*wantV+2*math.Sqrt(wantV)*errD)
			}
		})
	}
}

func bitsOf(x uint32) float64 { return float64(math.Float32frombits(x)) }
