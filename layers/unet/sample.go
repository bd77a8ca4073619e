package unet

import (
	"fmt"
	"math"

	"lethe/autodiff"
)

// Hole is a batch of images whose holes are to be filled; everything is
// channels-last, in [-1,1].
type Hole struct {
	N, H, W int
	Truth   []float32 // [N,H,W,Out] whose pixels outside the holes are known
	Cond    []float32 // [N,H,W,In-Out] what the network is shown: Truth with noise in the holes
	Start   []float32 // [N,H,W,Out] where the reverse process begins
	Mask    []float32 // [N,H,W] 1 in the holes, 0 outside
}

// check panics unless every slice has its length.
func (h Hole) check(c NetConfig) {
	pixels := h.N * h.H * h.W
	for _, s := range []struct {
		name      string
		got, want int
	}{
		{"Truth", len(h.Truth), pixels * c.OutChannel}, {"Cond", len(h.Cond), pixels * (c.InChannel - c.OutChannel)},
		{"Start", len(h.Start), pixels * c.OutChannel}, {"Mask", len(h.Mask), pixels},
	} {
		if s.got != s.want {
			panic(fmt.Sprintf("unet: Sample: len(%s) is %d, want %d", s.name, s.got, s.want))
		}
	}
}

// Sample runs every reverse step of the schedule, from the most noise to none,
// and pastes the known pixels after each. noise fills the Gaussian noise of step
// t; it is not asked at t = 0.
//
// It returns the images [N,H,W,Out].
//
// Source: the reference code (p_sample, restoration).
func (m *Model) Sample(tp *autodiff.Tape, h Hole, noise func(t int, dst []float32)) []float32 {
	h.check(m.cfg.UNet)
	row := func(key string) []float32 { return m.set.Tensor(key).Data }
	recip, recipM1 := row(keySqrtRecip), row(keySqrtRecipM1)
	mean1, mean2, logVariance := row(keyPosteriorMean1), row(keyPosteriorMean2), row(keyPosteriorLogVar)
	y, z := append([]float32(nil), h.Start...), make([]float32, len(h.Start))
	p := m.predictor(tp, h)
	for t := len(recip) - 1; t >= 0; t-- {
		predicted := p.predict(y, row(keyGammas)[t])
		deviation := float32(0)
		if t > 0 {
			noise(t, z)
			deviation = float32(math.Exp(0.5 * float64(logVariance[t])))
		}
		for i, v := range y {
			image := min(max(recip[t]*v-recipM1[t]*predicted[i], -1), 1)
			y[i] = mean1[t]*image + mean2[t]*v
			if t > 0 {
				y[i] += z[i] * deviation
			}
		}
		h.paste(y, m.cfg.UNet.OutChannel)
	}
	return y
}

// SampleStrided fills the holes in a few steps without drawing noise: it takes
// steps of the schedule, evenly spaced and the last one included, and goes from one
// noise level straight to the next.
//
// It returns the images [N,H,W,Out].
//
// Panics: steps is not between 1 and the length of the schedule.
// Source: Song, Meng, Ermon 2020 (arXiv:2010.02502), equation 12 with sigma 0.
func (m *Model) SampleStrided(tp *autodiff.Tape, h Hole, steps int) []float32 {
	h.check(m.cfg.UNet)
	gammas := m.set.Tensor(keyGammas).Data
	if steps < 1 || steps > len(gammas) {
		panic(fmt.Sprintf("unet: SampleStrided: steps is %d, want between 1 and %d", steps, len(gammas)))
	}
	y := append([]float32(nil), h.Start...)
	p := m.predictor(tp, h)
	for k := steps - 1; k >= 0; k-- {
		gamma, before := float64(gammas[strided(k, steps, len(gammas))]), 1.0
		if k > 0 {
			before = float64(gammas[strided(k-1, steps, len(gammas))])
		}
		predicted := p.predict(y, float32(gamma))
		root, rest := math.Sqrt(gamma), math.Sqrt(1-gamma)
		rootBefore, restBefore := math.Sqrt(before), math.Sqrt(1-before)
		for i, v := range y {
			image := min(max((float64(v)-rest*float64(predicted[i]))/root, -1), 1)
			// The noise that goes with the clamped image; a level that rounds to
			// 1 has none.
			e := 0.0
			if rest > 0 {
				e = (float64(v) - root*image) / rest
			}
			y[i] = float32(rootBefore*image + restBefore*e)
		}
		h.paste(y, m.cfg.UNet.OutChannel)
	}
	return y
}

// strided is the step of the schedule that is number k of steps.
func strided(k, steps, length int) int {
	if steps == 1 {
		return length - 1
	}
	return int(math.Round(float64(k) * float64(length-1) / float64(steps-1)))
}

// predictor runs the network once a step of a sampler, over buffers of its own.
type predictor struct {
	model  *Model
	tape   *autodiff.Tape
	hole   Hole
	x      *autodiff.Tensor // [N,H,W,In] condition and noisy image
	gammas []float32        // [N]
	out    []float32        // [N,H,W,Out]
}

func (m *Model) predictor(tp *autodiff.Tape, h Hole) *predictor {
	return &predictor{
		model: m, tape: tp, hole: h, gammas: make([]float32, h.N), out: make([]float32, len(h.Start)),
		x: Input(h.N, h.H, h.W, m.cfg.UNet.InChannel),
	}
}

// predict returns the noise in the images y at one noise level, until the next
// call.
func (p *predictor) predict(y []float32, gamma float32) []float32 {
	c := p.model.cfg.UNet
	Join(p.x.Data, p.hole.Cond, c.InChannel-c.OutChannel, y, c.OutChannel)
	for i := range p.gammas {
		p.gammas[i] = gamma
	}
	p.tape.Frozen(func() *autodiff.Tensor {
		copy(p.out, p.model.Decode(p.tape, p.model.Encode(p.tape, p.x, p.gammas)).Data)
		return nil
	})
	return p.out
}

// Input returns a zeroed tensor [N,H,W,C] for a batch of images. Its memory is
// garbage once nobody holds it, which autodiff.New, meant for weights, does not
// promise.
func Input(n, h, w, c int) *autodiff.Tensor {
	return autodiff.FromSlice(make([]float32, n*h*w*c), n, h, w, c)
}

// paste writes the known pixels into y: y = truth*(1-mask) + mask*y.
func (h Hole) paste(y []float32, channels int) {
	for p, mask := range h.Mask {
		for c := p * channels; c < (p+1)*channels; c++ {
			y[c] = h.Truth[c]*(1-mask) + mask*y[c]
		}
	}
}

// Join puts the channels of a and b side by side, pixel by pixel.
//
// Shapes: dst [P,A+B]; a [P,A]; b [P,B].
func Join(dst, a []float32, channelsA int, b []float32, channelsB int) {
	width := channelsA + channelsB
	for p := range len(dst) / width {
		copy(dst[p*width:], a[p*channelsA:(p+1)*channelsA])
		copy(dst[p*width+channelsA:], b[p*channelsB:(p+1)*channelsB])
	}
}

// Gammas returns the noise level of every step of the schedule, from the least
// noise to the most. The caller must not change it.
func (m *Model) Gammas() []float32 { return m.set.Tensor(keyGammas).Data }

// Noisy writes what the network is shown in training at noise level gamma: in
// the hole sqrt(gamma)*truth + sqrt(1-gamma)*noise, the truth outside.
//
// Shapes: dst, truth, noise [P,C]; mask [P].
func Noisy(dst, truth, noise, mask []float32, gamma float32) {
	channels := len(dst) / len(mask)
	root, rest := float32(math.Sqrt(float64(gamma))), float32(math.Sqrt(float64(1-gamma)))
	for p, m := range mask {
		for c := p * channels; c < (p+1)*channels; c++ {
			dst[c] = (root*truth[c]+rest*noise[c])*m + truth[c]*(1-m)
		}
	}
}
