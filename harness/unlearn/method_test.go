package unlearn

import (
	"math"
	"slices"
	"strings"
	"testing"

	"lethe/autodiff"
	"lethe/harness/family"
	"lethe/layers"
	"lethe/layers/mae"
	"lethe/layers/rng"
)

var tiny = mae.Config{
	ImgSize: 16, PatchSize: 4, InChans: 3, EmbedDim: 32, Depth: 2, NumHeads: 2,
	DecoderEmbedDim: 16, DecoderDepth: 1, DecoderNumHeads: 2, MLPRatio: 2,
}

const (
	values = 3 * 16 * 16 // of an image
	count  = 3           // samples a side
	seed   = 11
	number = 5 // of the step
	first  = 2 // sample of the micro-batch in the step
)

func newTiny(t *testing.T, c mae.Config, seed uint64) *family.MAE {
	t.Helper()
	m, err := mae.New(c)
	if err != nil {
		t.Fatal(err)
	}
	m.Init(seed)
	f, err := family.NewMAE("tiny", m)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func pixels(seed uint64, n int) [][]uint8 {
	out := make([][]uint8, n)
	for i := range out {
		r := rng.New(seed, rng.World, 0, uint64(i))
		out[i] = make([]uint8, values)
		for j := range out[i] {
			out[i][j] = uint8(r.IntN(256))
		}
	}
	return out
}

// newStep is a step of two models that differ.
func newStep(t *testing.T, c mae.Config, noise family.Noise, o Options) *Step {
	t.Helper()
	student, original := newTiny(t, c, 1), newTiny(t, c, 2)
	layers.SetTrainable(student.Params(), true)
	draw, err := original.Draw(family.DrawSpec{
		Retain: pixels(1, count), Forget: pixels(2, count), Seed: seed, Step: number, First: first, MaskRatio: 0.75, Noise: noise,
	})
	if err != nil {
		t.Fatal(err)
	}
	o.Seed = seed
	return &Step{
		Tape: autodiff.NewTape(), Student: student, Original: original, Draw: draw,
		Number: number, First: first, Options: o, Time: func(string) func() { return func() {} },
	}
}

func values32(x *autodiff.Tensor) []float32 { return slices.Clone(x.Data) }

// features and output run a model on a tape of their own.
func features(m family.Model, b family.Batch) []float32 {
	return values32(m.Features(autodiff.NewTape(), b)[0])
}

func output(m family.Model, b family.Batch) []float32 {
	return values32(m.Output(autodiff.NewTape(), b))
}

// part is the retain (0) or the forget (1) half of a batch's rows.
func part(x []float32, side int) []float32 { return x[side*len(x)/2 : (side+1)*len(x)/2] }

// meanSquare is mean (a-b)^2 in float64.
func meanSquare(a, b []float32) float64 {
	var sum float64
	for i := range a {
		d := float64(a[i]) - float64(b[i])
		sum += d * d
	}
	return sum / float64(len(a))
}

// near compares a float32 loss with the formula. Each difference is rounded
// once, squared with another rounding of the doubled error, and the n
// non-negative squares are added and scaled: |error| <= g(n+6)*magnitude.
func near(t *testing.T, what string, got *autodiff.Tensor, want, magnitude float64, n int) {
	t.Helper()
	k := float64(n+6) / (1 << 24)
	if diff := math.Abs(float64(got.Data[0]) - want); !(diff <= k/(1-k)*magnitude) {
		t.Errorf("%s: %g, want %g", what, got.Data[0], want)
	}
}

// check compares the three losses; sign is that of the forget term.
func check(t *testing.T, l Losses, retain, forget, weight float64, n int) {
	t.Helper()
	near(t, "retain", l.Retain, retain, retain, n)
	near(t, "forget", l.Forget, forget, forget, n)
	near(t, "total", l.Total, retain+weight*forget, retain+math.Abs(weight)*forget, n)
}

func TestOursIsEquation10(t *testing.T) {
	for _, noise := range []family.Noise{family.Gaussian, family.BatchNoise, family.DiagForget} {
		s := newStep(t, tiny, noise, Options{Alpha: 0.3, Reduction: MSE})
		student, kept := features(s.Student, s.Draw.Seen()), features(s.Original, s.Draw.Seen())
		target := features(s.Original, s.Draw.Noised())
		retain, forget := meanSquare(part(student, 0), part(kept, 0)), meanSquare(part(student, 1), part(target, 1))
		if forget == meanSquare(part(student, 1), part(kept, 1)) {
			t.Fatal("the noise is the images")
		}
		check(t, Ours.Losses(s), retain, forget, 0.3, len(student)/2)
	}
}

func TestL2Reduction(t *testing.T) {
	s := newStep(t, tiny, family.Gaussian, Options{Alpha: 0.3, Reduction: L2})
	student, kept := features(s.Student, s.Draw.Seen()), features(s.Original, s.Draw.Seen())
	target := features(s.Original, s.Draw.Noised())
	norm := func(side int, b []float32) (mean float64) {
		x, y := part(student, side), part(b, side)
		one := len(x) / count
		for i := range count {
			mean += math.Sqrt(meanSquare(x[i*one:][:one], y[i*one:][:one])*float64(one)+1e-12) / count
		}
		return mean
	}
	check(t, Ours.Losses(s), norm(0, kept), norm(1, target), 0.3, len(student)/2)
}

// TestStartIsStill: with equal models the retain term is exactly 0 and finite,
// under both reductions the gradient of alpha 0 is exactly 0.
func TestStartIsStill(t *testing.T) {
	for _, m := range []Method{Ours, RandomEncoder, RetainLabel} {
		for _, reduction := range []Reduction{MSE, L2} {
			s := newStep(t, tiny, family.Gaussian, Options{Alpha: 0, Reduction: reduction})
			layers.Copy(s.Student.Params(), s.Original.Params())
			l := m.Losses(s)
			if reduction == MSE && l.Retain.Data[0] != 0 {
				t.Errorf("%s: retain loss %g, want exactly 0", m.Name, l.Retain.Data[0])
			}
			s.Tape.Backward(l.Total)
			for _, p := range m.Trains.Trained(s.Student) {
				for _, g := range p.Value.Grad() {
					if g != 0 {
						t.Fatalf("%s, %s: %s has the gradient %g, want exactly 0", m.Name, reduction, p.Name, g)
					}
				}
			}
		}
	}
}

func TestRandomEncoder(t *testing.T) {
	for _, unit := range []bool{false, true} {
		s := newStep(t, tiny, family.Gaussian, Options{Alpha: 0.7, Reduction: MSE, UnitNoise: unit})
		student, kept := features(s.Student, s.Draw.Seen()), features(s.Original, s.Draw.Seen())
		mean, std := 0.0, 1.0
		if !unit {
			mean, std = direct(kept)
		}
		one := len(kept) / (2 * count)
		var noise []float32
		for i := range count {
			r := rng.New(seed, rng.Noise, number, 2*(first+uint64(i))+1)
			for range one {
				noise = append(noise, float32(r.NormFloat64()*std+mean))
			}
		}
		check(t, RandomEncoder.Losses(s), meanSquare(part(student, 0), part(kept, 0)), meanSquare(part(student, 1), noise), 0.7, len(student)/2)
		if m, d := direct(noise); !(math.Abs(m-mean) <= 5*std/math.Sqrt(float64(len(noise)))) || !(math.Abs(d/std-1) <= 5/math.Sqrt(2*float64(len(noise)))) {
			t.Errorf("the noise has mean %g and deviation %g, want %g and %g within five standard errors", m, d, mean, std)
		}
	}
}

// direct is the mean and the biased deviation in two passes.
func direct(x []float32) (mean, std float64) {
	for _, v := range x {
		mean += float64(v) / float64(len(x))
	}
	for _, v := range x {
		std += (float64(v) - mean) * (float64(v) - mean) / float64(len(x))
	}
	return mean, math.Sqrt(std)
}

func TestScalarStats(t *testing.T) {
	x := []float32{100, 101, 99.5, 100.25, -3, 7}
	mean, std := scalarStats(autodiff.FromSlice(x, 2, 3))
	wantMean, wantStd := direct(x)
	if math.Abs(mean-wantMean) > 1e-12 || math.Abs(std-wantStd) > 1e-10 {
		t.Errorf("mean %g and deviation %g, want %g and %g", mean, std, wantMean, wantStd)
	}
	if _, std := scalarStats(autodiff.FromSlice([]float32{3, 3, 3}, 3)); std != 0 {
		t.Errorf("the deviation of a constant is %g", std)
	}
}

func TestRetainLabel(t *testing.T) {
	s := newStep(t, tiny, family.Gaussian, Options{Alpha: 0.4, Reduction: MSE})
	student, kept := output(s.Student, s.Draw.Seen()), output(s.Original, s.Draw.Seen())
	target := output(s.Original, s.Draw.Swapped())
	check(t, RetainLabel.Losses(s), meanSquare(part(student, 0), part(kept, 0)), meanSquare(part(student, 1), part(target, 1)), 0.4, len(student)/2)
}

// holeLoss is the mean over the removed patches of one side of the mean squared
// error, with the patches of images [3,H,W] cut here.
func holeLoss(out, images, removed []float32, side int, normPix bool) float64 {
	const grid, p, l = 4, 4, 16
	var sum, n float64
	for s := side * count; s < (side+1)*count; s++ {
		for k := range l {
			y0, x0 := k/grid*p, k%grid*p
			if removed[(s*16+y0)*16+x0] == 0 {
				continue
			}
			patch := make([]float32, 0, p*p*3)
			for y := range p {
				for x := range p {
					for c := range 3 {
						patch = append(patch, images[s*values+(c*16+y0+y)*16+x0+x])
					}
				}
			}
			if normPix {
				mean, std := direct(patch)
				std = math.Sqrt(std*std*float64(len(patch))/float64(len(patch)-1) + 1e-6)
				for i, v := range patch {
					patch[i] = float32((float64(v) - mean) / std)
				}
			}
			sum += meanSquare(out[(s*l+k)*p*p*3:][:p*p*3], patch)
			n++
		}
	}
	return sum / n
}

// TestPixelMethods: the training loss on true pixels with a minus sign, and on
// noise as the truth of the forget images.
func TestPixelMethods(t *testing.T) {
	normalized := tiny
	normalized.NormPixLoss = true
	for _, c := range []mae.Config{tiny, normalized} {
		s := newStep(t, c, family.Gaussian, Options{Alpha: 0.6, Reduction: MSE})
		out := output(s.Student, s.Draw.Seen())
		seen := s.Student.Complete(autodiff.NewTape(), s.Draw.Seen())
		images, removed := slices.Clone(seen.Input), seen.Removed
		retain, forget := holeLoss(out, images, removed, 0, c.NormPixLoss), holeLoss(out, images, removed, 1, c.NormPixLoss)
		n := count * 12 * 48
		check(t, MaxLoss.Losses(s), retain, forget, -0.6, n)

		for i := range count {
			r := rng.New(seed, rng.Noise, number, 2*(first+uint64(i))+1)
			for j := range values {
				images[(count+i)*values+j] = float32(r.NormFloat64())
			}
		}
		s = newStep(t, c, family.Gaussian, Options{Alpha: 0.6, Reduction: MSE})
		noisy := holeLoss(out, images, removed, 1, c.NormPixLoss)
		if noisy == forget {
			t.Fatal("the noise is the images")
		}
		check(t, NoisyLabel.Losses(s), retain, noisy, 0.6, n)
	}
}

// TestGradientScope: an encoder method gives the decoder no gradient at all,
// and no method gives the original one.
func TestGradientScope(t *testing.T) {
	for _, m := range Methods() {
		s := newStep(t, tiny, family.Gaussian, Options{Alpha: 0.5, Reduction: MSE})
		layers.SetTrainable(s.Original.Params(), true) // what Frozen must withstand
		l := m.Losses(s)
		s.Tape.Backward(l.Total)
		trained := map[string]bool{}
		for _, p := range m.Trains.Trained(s.Student) {
			trained[p.Name] = true
		}
		for _, p := range s.Student.Params() {
			if got := p.Value.Grad() != nil; got != trained[p.Name] {
				t.Errorf("%s: %s has a gradient: %v, want %v", m.Name, p.Name, got, trained[p.Name])
			}
			decoder := strings.HasPrefix(p.Name, "decoder") || p.Name == "mask_token"
			if want := !p.Fixed && (m.Trains == FullModel || !decoder); trained[p.Name] != want {
				t.Errorf("%s: %s is trained: %v, want %v", m.Name, p.Name, trained[p.Name], want)
			}
		}
		for _, p := range s.Original.Params() {
			if p.Value.Grad() != nil {
				t.Errorf("%s: the original's %s has a gradient", m.Name, p.Name)
			}
		}
	}
}

func TestRegistry(t *testing.T) {
	var names []string
	for _, m := range Methods() {
		names = append(names, m.Name)
		got, err := Find(m.Name)
		if err != nil || got.Loss != m.Loss {
			t.Errorf("Find(%s): %v", m.Name, err)
		}
		if m.Loss == "" || m.Source == "" || m.Schedule == "" || m.Losses == nil || m.Trains == "" {
			t.Errorf("%s lacks a part: %+v", m.Name, m)
		}
	}
	if want := []string{"ours", "max-loss", "noisy-label", "random-encoder", "retain-label"}; !slices.Equal(names, want) {
		t.Errorf("methods %v, want %v", names, want)
	}
	_, err := Find("theirs")
	if err == nil || !strings.Contains(err.Error(), strings.Join(names, ", ")) || !strings.Contains(err.Error(), `"theirs"`) {
		t.Errorf("an unknown name: %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a second method of one name was taken")
		}
		if len(Methods()) != len(names) {
			t.Error("the refused method is in the list")
		}
	}()
	register(Method{Name: "ours"})
}
