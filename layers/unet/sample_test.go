package unet

import (
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"lethe/autodiff"
	"lethe/layers"
)

// constantModel predicts noise[c] in channel c whatever it sees.
func constantModel(t *testing.T, noise []float32) *Model {
	t.Helper()
	m := drawn(t, small(), 1)
	clear(m.outConv.Weight.Data)
	copy(m.outConv.Bias.Data, noise)
	return m
}

// reverse is the reverse process in float64, from the betas alone.
type reverse struct {
	h      Hole
	noise  []float32 // predicted, a value a channel
	betas  []float64
	gammas []float64
	z      func(t, i int) float64
}

func newReverse(c Config, h Hole, noise []float32) *reverse {
	r := &reverse{h: h, noise: noise}
	gamma := 1.0
	for i := range c.Schedule.NTimestep {
		s := c.Schedule
		beta := s.LinearStart + (s.LinearEnd-s.LinearStart)*float64(i)/float64(s.NTimestep-1)
		gamma *= 1 - beta
		r.betas, r.gammas = append(r.betas, beta), append(r.gammas, gamma)
	}
	r.z = func(t, i int) float64 { return math.Sin(float64(7*t + i)) }
	return r
}

// known is the truth where pixel i is known, y otherwise.
func (r *reverse) known(i int, y float64) float64 {
	if r.h.Mask[i/2] == 0 {
		return float64(r.h.Truth[i])
	}
	return y
}

// image is the clamped prediction of the image from y at a level.
func (r *reverse) image(i int, y, gamma float64) float64 {
	return min(max((y-math.Sqrt(1-gamma)*float64(r.noise[i%2]))/math.Sqrt(gamma), -1), 1)
}

// ancestral follows value i through all steps: the posterior of Ho, Jain, Abbeel
// 2020 (arXiv:2006.11239), equation 7.
func (r *reverse) ancestral(i int) float64 {
	y := float64(r.h.Start[i])
	for t := len(r.betas) - 1; t >= 0; t-- {
		gamma, before, beta := r.gammas[t], 1.0, r.betas[t]
		if t > 0 {
			before = r.gammas[t-1]
		}
		image := r.image(i, y, gamma)
		y = math.Sqrt(before)*beta/(1-gamma)*image + math.Sqrt(1-beta)*(1-before)/(1-gamma)*y
		if t > 0 {
			y += math.Sqrt(beta*(1-before)/(1-gamma)) * r.z(t, i)
		}
		y = r.known(i, y)
	}
	return y
}

// strided follows value i through the given steps of the schedule, most noise
// first.
func (r *reverse) strided(i int, steps ...int) float64 {
	y := float64(r.h.Start[i])
	for k, t := range steps {
		before := 1.0
		if k+1 < len(steps) {
			before = r.gammas[steps[k+1]]
		}
		image := r.image(i, y, r.gammas[t])
		direction := (y - math.Sqrt(r.gammas[t])*image) / math.Sqrt(1-r.gammas[t])
		y = r.known(i, math.Sqrt(before)*image+math.Sqrt(1-before)*direction)
	}
	return y
}

// testHole has a hole over two images and Start in the range of images.
func testHole() Hole {
	pixels := 2 * 8 * 8
	h := Hole{N: 2, H: 8, W: 8, Truth: wave(pixels*2, 1), Cond: wave(pixels*3, 2), Start: wave(pixels*2, 3), Mask: make([]float32, pixels)}
	for p := 20; p < 90; p++ {
		h.Mask[p] = 1
	}
	return h
}

// TestSamplersMatchFloat64: both samplers around a network whose prediction is
// known, against the formulas in float64. A step rounds about eight times values
// below 4, and grows what it is given by at most 1/sqrt(gamma) < 2.4 of the image's
// part of less than one half.
func TestSamplersMatchFloat64(t *testing.T) {
	noise := []float32{0.4, -0.25}
	m, h := constantModel(t, noise), testHole()
	r := newReverse(m.Config(), h, noise)
	if last := r.gammas[len(r.gammas)-1]; !(1/math.Sqrt(last) < 2.4) {
		t.Fatalf("the last level is %g", last)
	}
	near := func(what string, got []float32, want func(i int) float64) {
		t.Helper()
		moved := 0
		for i, v := range got {
			if w := want(i); !(math.Abs(float64(v)-w) <= 10*8*4*1.2*0x1p-24) {
				t.Fatalf("%s: value %d is %g, want %g", what, i, v, w)
			}
			if v != h.Start[i] && v != h.Truth[i] {
				moved++
			}
		}
		if moved < 100 {
			t.Errorf("%s: only %d values of 140 were filled in", what, moved)
		}
	}
	near("all steps", m.Sample(autodiff.NewTape(), h, func(step int, dst []float32) {
		for i := range dst {
			dst[i] = float32(r.z(step, i))
		}
	}), r.ancestral)
	for _, steps := range [][]int{{9}, {9, 0}, {9, 5, 0}, {9, 6, 3, 0}, {9, 8, 7, 6, 5, 4, 3, 2, 1, 0}} {
		near("strided", m.SampleStrided(autodiff.NewTape(), h, len(steps)), func(i int) float64 { return r.strided(i, steps...) })
	}
}

// TestWorkers: one, two and three workers give the same bits, forward, backward
// and in the sampler.
func TestWorkers(t *testing.T) {
	m, h := drawn(t, small(), 1), testHole()
	layers.SetTrainable(m.Params(), true)
	x := autodiff.FromSlice(wave(2*8*8*5, 0), 2, 8, 8, 5)
	run := func() (out [][]float32) {
		layers.ZeroGrad(m.Params())
		tp := autodiff.NewTape()
		e := m.Encode(tp, x, []float32{0.9, 0.3})
		predicted := m.Decode(tp, e)
		out = append(out, slices.Clone(predicted.Data))
		tp.BackwardFrom(predicted, wave(predicted.Len(), 1))
		for _, p := range m.Params() {
			out = append(out, slices.Clone(p.Value.Grad()))
		}
		return append(out, m.SampleStrided(autodiff.NewTape(), h, 3))
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	want := run()
	for _, workers := range []int{2, 3} {
		runtime.GOMAXPROCS(workers)
		if !slices.EqualFunc(run(), want, slices.Equal[[]float32]) {
			t.Errorf("%d workers give other bits than one", workers)
		}
	}
}

// TestInit: the last convolution of every residual block, the output of every
// attention and the last convolution of all start as 0; the others within
// 1/sqrt(inputs), bias and weight alike, and close to it.
func TestInit(t *testing.T) {
	m, err := New(small())
	if err != nil {
		t.Fatal(err)
	}
	gammas := slices.Clone(m.Gammas())
	m.Init(1)
	fan := map[string]int{} // of a bias, by its weight
	zeros := 0
	for _, p := range m.Params() {
		if p.Fixed {
			continue
		}
		module, isWeight := strings.CutSuffix(p.Name, ".weight")
		if isWeight {
			fan[module] = p.Value.Len() / p.Shape[0]
		} else {
			module, _ = strings.CutSuffix(p.Name, ".bias")
		}
		low, high := slices.Min(p.Value.Data), slices.Max(p.Value.Data)
		bound := float32(1 / math.Sqrt(float64(fan[module])))
		_, zero := strings.CutSuffix(module, ".out_layers.3")
		_, proj := strings.CutSuffix(module, ".proj_out")
		switch norm := len(p.Shape) == 1 && fan[module] == 1; {
		case zero, proj, module == "denoise_fn.out.2":
			zeros++
			if low != 0 || high != 0 {
				t.Errorf("%s starts between %g and %g, want 0", p.Name, low, high)
			}
		case norm:
			if want := map[bool]float32{true: 1}[isWeight]; low != want || high != want {
				t.Errorf("%s starts between %g and %g, want %g", p.Name, low, high, want)
			}
		// Of 32 values and more none lies in the outer half of one side with a
		// chance of 0.75^32, 1e-4.
		case !(low >= -bound && low < -bound/2 && high <= bound && high > bound/2):
			t.Errorf("%s starts between %g and %g, want just within %g", p.Name, low, high, bound)
		}
	}
	if zeros == 0 || !slices.Equal(gammas, m.Gammas()) {
		t.Errorf("%d tensors start as 0; the schedule stays: %v", zeros, slices.Equal(gammas, m.Gammas()))
	}
}

// TestGammaFeatures: cosines, then sines, of the level at frequencies from 1 down
// to nearly 1/10000. The frequency is rounded three times and the angle once; no
// sine moves faster than its angle.
func TestGammaFeatures(t *testing.T) {
	const width, half = 16, 8
	levels := []float32{1, 0.37, 4.386e-5}
	got := gammaFeatures(levels, width)
	for n, g := range levels {
		for i := range half {
			angle := float64(g) * math.Pow(1e4, -float64(i)/half)
			for k, want := range []float64{math.Cos(angle), math.Sin(angle)} {
				// exp passes on an error of its argument, up to ln(10^4), as a relative one.
				if v := float64(got[n*width+k*half+i]); !(math.Abs(v-want) <= (2*math.Log(1e4)+3)*0x1p-24) {
					t.Errorf("level %g, frequency %d: %g, want %g", g, i, v, want)
				}
			}
		}
	}
}
