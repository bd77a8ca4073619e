package unlearn

import (
	"slices"
	"testing"

	"lethe/autodiff"
	"lethe/harness/family"
	"lethe/layers"
	"lethe/layers/rng"
	"lethe/layers/unet"
)

// newPaletteStep is a step of two small U-Nets that differ: five feature maps, an
// up path, and holes of their own.
func newPaletteStep(t *testing.T, o Options) *Step {
	t.Helper()
	models := [2]*family.Palette{}
	for i := range models {
		m, err := unet.New(unet.Config{
			UNet: unet.NetConfig{InChannel: 6, OutChannel: 3, InnerChannel: 16, ChannelMults: []float64{2, 2}, AttnRes: []int{2},
				NumHeads: 1, NumHeadChannels: 16, ResBlocks: 1, ImageSize: 16},
			Schedule: unet.ScheduleConfig{Schedule: "linear", NTimestep: 20, LinearStart: 1e-4, LinearEnd: 0.3},
		})
		if err != nil {
			t.Fatal(err)
		}
		m.Init(uint64(i + 1))
		for k, p := range m.Params() {
			if !p.Fixed { // what starts as 0 would hide mistakes
				noise := make([]float32, p.Value.Len())
				layers.Normal(noise, 0.02, rng.New(uint64(i), rng.Noise, 0, uint64(k)))
				for j, v := range noise {
					p.Value.Data[j] += v
				}
			}
		}
		if models[i], err = family.NewPalette("tiny", m); err != nil {
			t.Fatal(err)
		}
	}
	student, original := models[0], models[1]
	student.Untie()
	layers.SetTrainable(student.Params(), true)
	draw, err := original.Draw(family.DrawSpec{
		Retain: pixels(1, count), Forget: pixels(2, count), Seed: seed, Step: number, First: first, Noise: family.Gaussian,
	})
	if err != nil {
		t.Fatal(err)
	}
	o.Seed, o.Reduction = seed, MSE
	return &Step{
		Tape: autodiff.NewTape(), Student: student, Original: original, Draw: draw,
		Number: number, First: first, Options: o, Time: func(string) func() { return func() {} },
	}
}

// mapsOf are copies of all feature maps.
func mapsOf(m family.Model, b family.Batch) (out [][]float32) {
	for _, f := range m.Features(autodiff.NewTape(), b) {
		out = append(out, slices.Clone(f.Data))
	}
	return out
}

// sumOver adds up the mean squared differences of one side's half of every map.
func sumOver(a, b [][]float32, side int) (sum float64) {
	for k := range a {
		sum += meanSquare(part(a[k], side), part(b[k], side))
	}
	return sum
}

func longest(maps [][]float32) (n int) {
	for _, m := range maps {
		n = max(n, len(m))
	}
	return n
}

// TestOursSumsMaps: every map counts with its own mean, whatever its size.
func TestOursSumsMaps(t *testing.T) {
	s := newPaletteStep(t, Options{Alpha: 0.3})
	student, kept, noised := mapsOf(s.Student, s.Draw.Seen()), mapsOf(s.Original, s.Draw.Seen()), mapsOf(s.Original, s.Draw.Noised())
	if len(student) != 5 {
		t.Fatalf("%d maps, want 5", len(student))
	}
	retain, forget := sumOver(student, kept, 0), sumOver(student, noised, 1)
	if forget == sumOver(student, kept, 1) {
		t.Fatal("the noise is the images")
	}
	check(t, Ours.Losses(s), retain, forget, 0.3, longest(student)+len(student))
}

// TestRandomEncoderMaps: every map has noise of its own moments, and none the
// noise of another map or of the images.
func TestRandomEncoderMaps(t *testing.T) {
	s := newPaletteStep(t, Options{Alpha: 0.7})
	student, kept := mapsOf(s.Student, s.Draw.Seen()), mapsOf(s.Original, s.Draw.Seen())
	noise := make([][]float32, len(kept))
	for i := range count {
		r := rng.New(seed, rng.Target, number, 2*(first+uint64(i))+1)
		for k, m := range kept {
			mean, std := direct(m)
			for range len(m) / (2 * count) {
				noise[k] = append(noise[k], float32(r.NormFloat64()*std+mean))
			}
		}
	}
	forget := 0.0
	for k := range student {
		forget += meanSquare(part(student[k], 1), noise[k])
	}
	check(t, RandomEncoder.Losses(s), sumOver(student, kept, 0), forget, 0.7, longest(student)+len(student))
}

// TestPaletteOutputs: the methods of the whole model. Output and truth are the
// noise, [N,H,W,3]; the training loss sees holes only, the distance of outputs
// all pixels.
func TestPaletteOutputs(t *testing.T) {
	s := newPaletteStep(t, Options{Alpha: 0.6})
	seen, labelled := s.Draw.Seen(), s.Draw.Labelled()
	noise := values32(s.Student.Truth(autodiff.NewTape(), seen))
	hole := slices.Clone(s.Student.Complete(autodiff.NewTape(), seen).Removed)
	inHole := func(out []float32, side int) (sum float64) {
		for i := side * len(out) / 2; i < (side+1)*len(out)/2; i++ {
			e := float64(hole[i/3]) * (float64(out[i]) - float64(noise[i]))
			sum += e * e / float64(len(out)/2)
		}
		return sum
	}
	out := output(s.Student, seen)
	n := len(out) / 2
	check(t, MaxLoss.Losses(s), inHole(out, 0), inHole(out, 1), -0.6, n)

	shown := output(s.Student, labelled)
	if inHole(shown, 1) == inHole(out, 1) {
		t.Fatal("a hole of noise is predicted like the image")
	}
	check(t, NoisyLabel.Losses(s), inHole(shown, 0), inHole(shown, 1), 0.6, n)

	kept, swapped := output(s.Original, seen), output(s.Original, s.Draw.Swapped())
	check(t, RetainLabel.Losses(s), meanSquare(part(out, 0), part(kept, 0)), meanSquare(part(out, 1), part(swapped, 1)), 0.6, n)
}

// TestPaletteGradientScope: an encoder method reaches the embedding, the down path
// and the middle and nothing else, a method of the whole model all that is not
// fixed, the up path's own embedding being fixed.
func TestPaletteGradientScope(t *testing.T) {
	for _, m := range Methods() {
		s := newPaletteStep(t, Options{Alpha: 0.5})
		layers.SetTrainable(s.Original.Params(), true) // what Frozen must withstand
		s.Tape.Backward(m.Losses(s).Total)
		encoder := map[string]bool{}
		for _, p := range s.Student.Encoder() {
			encoder[p.Name] = true
		}
		for _, p := range s.Student.Params() {
			want := !p.Fixed && (m.Trains == FullModel || encoder[p.Name])
			if got := p.Value.Grad() != nil; got != want {
				t.Errorf("%s: %s has a gradient: %v, want %v", m.Name, p.Name, got, want)
			}
		}
		for _, p := range s.Original.Params() {
			if p.Value.Grad() != nil {
				t.Errorf("%s: the original's %s has a gradient", m.Name, p.Name)
			}
		}
	}
}
