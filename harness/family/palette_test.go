package family

import (
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"lethe/autodiff"
	"lethe/harness/data"
	"lethe/kernels"
	"lethe/layers"
	"lethe/layers/rng"
	"lethe/layers/unet"
)

// paletteTest is a U-Net of two levels on images of size pixels.
func paletteTest() unet.Config {
	return unet.Config{
		UNet: unet.NetConfig{InChannel: 6, OutChannel: 3, InnerChannel: 16, ChannelMults: []float64{2, 2}, AttnRes: []int{2},
			NumHeads: 1, NumHeadChannels: 16, ResBlocks: 1, ImageSize: size},
		Schedule: unet.ScheduleConfig{Schedule: "linear", NTimestep: 20, LinearStart: 1e-4, LinearEnd: 0.3},
	}
}

func newPalette(t *testing.T, seed uint64) *Palette {
	t.Helper()
	m, err := unet.New(paletteTest())
	if err != nil {
		t.Fatal(err)
	}
	m.Init(seed)
	for i, p := range m.Params() { // what starts as 0 would hide mistakes
		if r := rng.New(seed, rng.Noise, 0, uint64(i)); !p.Fixed {
			for j := range p.Value.Data {
				p.Value.Data[j] += float32(0.02 * r.NormFloat64())
			}
		}
	}
	f, err := NewPalette("tiny", m)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func drawPalette(t *testing.T, m *Palette, d DrawSpec) *Draw {
	t.Helper()
	d.Noise = Gaussian
	got, err := m.Draw(d)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// drawnSample is a copy of everything that a batch holds of one image.
type drawnSample struct {
	hole, truth, cond, noise, x []float32
	gamma                       float32
}

func paletteSample(b Batch, i int) drawnSample {
	p := b.(*paletteBatch)
	cut := func(x []float32, channels int) []float32 {
		return slices.Clone(x[i*channels*size*size:][:channels*size*size])
	}
	return drawnSample{cut(p.hole, 1), cut(p.truth, 3), cut(p.cond, 3), cut(p.noise, 3), cut(p.x.Data, 6), p.gammas[i]}
}

func (a drawnSample) equal(b drawnSample) bool {
	return slices.Equal(a.hole, b.hole) && slices.Equal(a.truth, b.truth) && slices.Equal(a.cond, b.cond) &&
		slices.Equal(a.noise, b.noise) && slices.Equal(a.x, b.x) && a.gamma == b.gamma
}

// TestPaletteDraw: what the network is shown is the condition, whose hole is
// noise, and the truth with sqrt(g)*truth + sqrt(1-g)*noise in the hole; g lies
// between two neighbours of the schedule. In the noised batch the hole of forget
// images, and nothing else, is the noise itself.
func TestPaletteDraw(t *testing.T) {
	m := newPalette(t, 1)
	retain, forget := pixels(1, 3), pixels(2, 4)
	d := drawPalette(t, m, DrawSpec{Retain: retain, Forget: forget, Seed: 5, Step: 7, First: 2})
	if d.Retain != (Group{0, 3}) || d.Forget != (Group{3, 4}) || d.Seen().Len() != 7 {
		t.Fatalf("groups %v and %v of %d", d.Retain, d.Forget, d.Seen().Len())
	}
	noised, levels := d.Noised(), m.model.Gammas()
	for i, image := range slices.Concat(retain, forget) {
		s, n := paletteSample(d.Seen(), i), paletteSample(noised, i)
		if !(s.gamma >= levels[len(levels)-1] && s.gamma <= levels[0]) {
			t.Errorf("sample %d: level %g outside the schedule, %g to %g", i, s.gamma, levels[len(levels)-1], levels[0])
		}
		g, inside := float64(s.gamma), 0
		for p, hole := range s.hole {
			inside += int(hole)
			for c := range 3 {
				truth, noise, at := float64(image[3*p+c])/127.5-1, float64(s.noise[3*p+c]), 6*p+c
				want, pure := truth, truth
				if hole == 1 {
					want, pure = math.Sqrt(g)*truth+math.Sqrt(1-g)*noise, noise
				}
				// Two roundings a product and one a sum, of values below 6.
				near := func(what string, got float32, want float64) {
					if !(math.Abs(float64(got)-want) <= 4*6*0x1p-24) {
						t.Fatalf("sample %d, pixel %d: %s is %g, want %g", i, p, what, got, want)
					}
				}
				near("the truth", s.truth[3*p+c], truth)
				near("the noisy image", s.x[at+3], want)
				if i < 3 {
					pure = want
				}
				near("the noised image", n.x[at+3], pure)
				if s.x[at] != s.cond[3*p+c] || n.x[at] != s.x[at] || hole == 0 && s.x[at] != s.truth[3*p+c] || hole == 1 && s.x[at] == s.truth[3*p+c] {
					t.Fatalf("sample %d, pixel %d: the condition is %g and %g, the truth %g, the hole %g", i, p, s.x[at], n.x[at], s.truth[3*p+c], hole)
				}
			}
		}
		if inside == 0 || inside == size*size {
			t.Errorf("sample %d: a hole of %d of %d pixels", i, inside, size*size)
		}
		if n.gamma != s.gamma || !slices.Equal(n.noise, s.noise) {
			t.Errorf("sample %d: the noised batch has another level or noise to predict", i)
		}
	}
	if d.Labelled().Len() != 7 || !slices.Equal(d.Labelled().(*paletteBatch).x.Data, noised.(*paletteBatch).x.Data) {
		t.Error("noisy labels are not what the noised batch shows")
	}
}

// TestPaletteSwapped: retain images, in turn, in the holes of the forget images,
// at their levels, with their noise.
func TestPaletteSwapped(t *testing.T) {
	m := newPalette(t, 1)
	d := drawPalette(t, m, DrawSpec{Retain: pixels(1, 2), Forget: pixels(2, 5), Seed: 5, Step: 7})
	var seen []drawnSample
	for i := range 7 {
		seen = append(seen, paletteSample(d.Seen(), i))
	}
	swapped := d.Swapped()
	for i, s := range seen {
		w := paletteSample(swapped, i)
		if !s.equal(paletteSample(d.Seen(), i)) {
			t.Errorf("sample %d of the seen batch was overwritten", i)
		}
		if i < 2 && !s.equal(w) {
			t.Errorf("retain sample %d was replaced", i)
		}
		if i >= 2 && !slices.Equal(w.truth, seen[(i-2)%2].truth) {
			t.Errorf("forget sample %d is not retain sample %d", i-2, (i-2)%2)
		}
		if !slices.Equal(s.hole, w.hole) || !slices.Equal(s.noise, w.noise) || s.gamma != w.gamma {
			t.Errorf("sample %d has another hole, noise or level", i)
		}
	}
}

// TestPaletteDrawKeys: a sample is drawn alike wherever the batch is cut and
// whatever was drawn before, and unlike any other sample, step or seed.
func TestPaletteDrawKeys(t *testing.T) {
	m := newPalette(t, 1)
	retain, forget := pixels(1, 4), pixels(2, 4)
	take := func(from, to int, seed uint64, step int) (out []drawnSample) {
		d := drawPalette(t, m, DrawSpec{Retain: retain[from:to], Forget: forget[from:to], Seed: seed, Step: step, First: from})
		for i := range 2 * (to - from) {
			out = append(out, paletteSample(d.Seen(), i))
		}
		return out
	}
	whole := take(0, 4, 5, 7)
	for _, cut := range [][2]int{{0, 1}, {1, 3}, {3, 4}} {
		part, n := take(cut[0], cut[1], 5, 7), cut[1]-cut[0]
		for i := range n {
			for side := range 2 {
				if !whole[4*side+cut[0]+i].equal(part[n*side+i]) {
					t.Errorf("sample %d of side %d is drawn otherwise in micro-batch %v", cut[0]+i, side, cut)
				}
			}
		}
	}
	all := slices.Concat(whole, take(0, 4, 6, 7), take(0, 4, 5, 8))
	for i, a := range all {
		for k, b := range all[:i] {
			if a.gamma == b.gamma || slices.Equal(a.noise, b.noise) || slices.Equal(a.hole, b.hole) {
				t.Errorf("draws %d and %d share a level, noise or hole", k, i)
			}
		}
	}
}

// TestPaletteLevels: levels are uniform between neighbours of the schedule, whose
// steps but the first are equally likely: their mean is that of the midpoints.
func TestPaletteLevels(t *testing.T) {
	m := newPalette(t, 1)
	g := m.model.Gammas()
	want := 0.0
	for s := 1; s < len(g); s++ {
		want += float64(g[s]+g[s-1]) / 2 / float64(len(g)-1)
	}
	const n = 20000
	r, sum, squares := rng.New(1, rng.Noise, 0, 0), 0.0, 0.0
	for range n {
		v := float64(m.level(r))
		sum += v
		squares += v * v
	}
	mean := sum / n
	if deviation := math.Sqrt((squares/n - mean*mean) / n); !(math.Abs(mean-want) <= 5*deviation) {
		t.Errorf("the mean level is %g, want %g within five standard errors of %g", mean, want, deviation)
	}
}

// TestPaletteLoss: the squared error in the holes over all elements of a group's
// samples; what is predicted elsewhere, and the other group, count for nothing.
func TestPaletteLoss(t *testing.T) {
	m := newPalette(t, 1)
	d := drawPalette(t, m, DrawSpec{Retain: pixels(1, 2), Forget: pixels(2, 3), Seed: 5, Step: 7})
	tp := autodiff.NewTape()
	out, truth := m.Output(tp, d.Seen()), m.Truth(tp, d.Seen())
	b := d.Seen().(*paletteBatch)
	for name, g := range map[string]Group{"retain": d.Retain, "forget": d.Forget, "one": {3, 1}} {
		want, plane := 0.0, size*size
		for p := g.First * plane; p < (g.First+g.Count)*plane; p++ {
			for c := 3 * p; c < 3*p+3; c++ {
				e := float64(b.hole[p]) * (float64(out.Data[c]) - float64(b.noise[c]))
				want += e * e / float64(3*g.Count*plane)
			}
		}
		// A difference is rounded once, its square and the sum of n squares after it.
		k := float64(3*g.Count*plane+6) * 0x1p-24
		if got := float64(m.Loss(tp, out, truth, d.Seen(), g).Data[0]); !(math.Abs(got-want) <= k*want) {
			t.Errorf("%s: %g, want %g", name, got, want)
		}
	}
}

// TestPaletteComplete: known pixels are the image's to the bit, the holes are the
// cells of the mask, and an image is completed alike in any company, after
// another draw, by one worker, and by a model with the same weights.
func TestPaletteComplete(t *testing.T) {
	m := newPalette(t, 1)
	if err := m.SetSampleSteps(3); err != nil {
		t.Fatal(err)
	}
	order, keep, err := data.CentreOrder(m.Geometry().Grid, 6)
	if err != nil {
		t.Fatal(err)
	}
	images, plane := pixels(1, 3), size*size
	complete := func(m Model, images [][]uint8) Completion {
		b, err := m.Prepare(images, slices.Repeat([]Mask{{Order: order, Keep: keep}}, len(images)))
		if err != nil {
			t.Fatal(err)
		}
		c := m.Complete(autodiff.NewTape(), b)
		c.Removed = slices.Clone(c.Removed)
		return c
	}
	c := complete(m, images)
	drawPalette(t, m, DrawSpec{Retain: pixels(4, 5), Seed: 1})
	if c.FeatureLen != 32*plane/4 || len(c.Features) != 3*c.FeatureLen {
		t.Errorf("%d features of %d a sample, want 3 of %d", len(c.Features), c.FeatureLen, 32*plane/4)
	}
	want := make([]float32, one)
	for i, image := range images {
		m.Normalized(want, image)
		filled := 0
		for k := range plane {
			y, x := k/size, k%size
			gone := y >= 5 && y < 11 && x >= 5 && x < 11
			if (c.Removed[i*plane+k] == 1) != gone || c.Removed[i*plane+k] != 0 && !gone {
				t.Fatalf("pixel %d: removed is %g", k, c.Removed[i*plane+k])
			}
			for ch := range 3 {
				at := ch*plane + k
				got, input := c.Predicted[i*one+at], c.Input[i*one+at]
				if input != want[at] || !gone && got != want[at] || !(math.Abs(float64(got)) <= 1) {
					t.Fatalf("sample %d, pixel %d: input %g, predicted %g, the image has %g", i, k, input, got, want[at])
				}
				if got != input {
					filled++
				}
			}
		}
		if filled < 3*36/2 {
			t.Errorf("sample %d: %d of %d values of the hole differ from the image", i, filled, 3*36)
		}
	}
	same := func(what string, got Completion, from int) {
		if !slices.Equal(got.Predicted, c.Predicted[from*one:]) || !slices.Equal(got.Features, c.Features[from*c.FeatureLen:]) {
			t.Errorf("%s: another completion", what)
		}
	}
	same("again", complete(m, images), 0)
	same("alone", complete(m, images[2:]), 2)
	clone, err := m.Clone(func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	same("a clone", complete(clone, images), 0)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	same("one worker", complete(m, images), 0)
}

// TestPaletteClone: equal weights; those of its own are a copy, the others
// shared; a decoder's own embedding and the sampler's steps go along.
func TestPaletteClone(t *testing.T) {
	m := newPalette(t, 1)
	m.Untie()
	if err := m.SetSampleSteps(7); err != nil {
		t.Fatal(err)
	}
	owned := map[string]bool{}
	for _, p := range m.Encoder() {
		owned[p.Name] = !p.Fixed
	}
	c, err := m.Clone(func(name string) bool { return owned[name] })
	if err != nil {
		t.Fatal(err)
	}
	if got := c.(*Palette); got.Name() != m.Name() || got.steps != 7 || len(got.Params()) != len(m.Params()) {
		t.Errorf("%s with %d steps and %d parameters", got.Name(), got.steps, len(got.Params()))
	}
	if len(c.Encoder()) != len(m.Encoder()) || len(owned) != len(m.Encoder()) {
		t.Fatalf("encoders of %d and %d", len(c.Encoder()), len(m.Encoder()))
	}
	layers.SetTrainable(c.Encoder(), true)
	for i, p := range c.Params() {
		q := m.Params()[i]
		if !slices.Equal(p.Value.Data, q.Value.Data) || p.Name != q.Name || p.Fixed != q.Fixed {
			t.Errorf("%s differs", p.Name)
		}
		if trains := p.Value.Trainable(); trains != owned[p.Name] {
			t.Errorf("%s trains: %v", p.Name, trains)
		}
		p.Value.Data[0]++
		if shared := p.Value.Data[0] == q.Value.Data[0]; shared == owned[p.Name] {
			t.Errorf("%s is shared: %v", p.Name, shared)
		}
	}
}

func TestPaletteRefusals(t *testing.T) {
	m := newPalette(t, 1)
	good := DrawSpec{Retain: pixels(1, 1), Forget: pixels(2, 1), Noise: Gaussian}
	for says, change := range map[string]func(*DrawSpec){
		"unknown noise":           func(d *DrawSpec) { d.Noise = "pink" },
		"noise batch":             func(d *DrawSpec) { d.Noise = BatchNoise },
		"noise diag-forget":       func(d *DrawSpec) { d.Noise = DiagForget },
		"has 12 values, want 768": func(d *DrawSpec) { d.Forget = [][]uint8{make([]uint8, 12)} },
	} {
		d := good
		change(&d)
		if _, err := m.Draw(d); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q: %v", says, err)
		}
	}
	for says, masks := range map[string][]Mask{
		"1 images with 2 masks":                       make([]Mask, 2),
		"mask 0 keeps 4 of 9 cells, want some of 256": {{Order: make([]int32, 9), Keep: 4}},
	} {
		if _, err := m.Prepare(pixels(1, 1), masks); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q: %v", says, err)
		}
	}
	for _, steps := range []int{0, 21} {
		if err := m.SetSampleSteps(steps); err == nil || !strings.Contains(err.Error(), "of a schedule of 20") {
			t.Errorf("%d steps: %v", steps, err)
		}
	}
	c := paletteTest()
	c.UNet.InChannel, c.UNet.OutChannel = 2, 1
	grey, err := unet.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewPalette("grey", grey); err == nil || !strings.Contains(err.Error(), "3 channels") {
		t.Errorf("a model of grey images: %v", err)
	}
}

// TestPaletteGeometry: sixteen cells a side, or the most below that divide the
// image.
func TestPaletteGeometry(t *testing.T) {
	for side, grid := range map[int]int{8: 8, 16: 16, 20: 10, 32: 16, 36: 12, 64: 16, 256: 16} {
		c := paletteTest()
		c.UNet.ImageSize = side
		u, err := unet.New(c)
		if err != nil {
			t.Fatal(err)
		}
		m, err := NewPalette("sized", u)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Geometry(); got != (Geometry{Size: side, Grid: grid}) {
			t.Errorf("%d pixels: %+v, want %d cells", side, got, grid)
		}
	}
}

// TestPalettePixels: 0 is -1, 255 is 1, and showing undoes it.
func TestPalettePixels(t *testing.T) {
	m := newPalette(t, 1)
	p := pixels(4, 1)[0]
	p[0], p[1] = 0, 255
	x, back := make([]float32, one), make([]float32, one)
	m.Normalized(x, p)
	if x[0] != -1 || x[size*size] != 1 {
		t.Errorf("black and white are %g and %g", x[0], x[size*size])
	}
	m.Displayed(back, x)
	for c := range 3 {
		for k := range size * size {
			if want := float64(p[3*k+c]) / 255; !(math.Abs(float64(back[c*size*size+k])-want) <= 1e-6) {
				t.Fatalf("%g, want %g", back[c*size*size+k], want)
			}
		}
	}
	kernels.Fill(x, 2)
	x[0] = -2
	m.Displayed(back, x)
	if back[0] != 0 || back[1] != 1 {
		t.Errorf("out of range: %g and %g, want 0 and 1", back[0], back[1])
	}
}

// TestPaletteRecord: what is recorded outlives the next draw, and makes the
// batch: labels say which images are to be forgotten.
func TestPaletteRecord(t *testing.T) {
	m := newPalette(t, 1)
	d := drawPalette(t, m, DrawSpec{Retain: pixels(1, 2), Forget: pixels(2, 1), Seed: 5, Step: 7})
	step, forward := m.RecordStep(d), m.RecordForward(d)
	held := map[string][]float32{}
	for _, in := range slices.Concat(step, forward) {
		held[in.Name] = slices.Clone(in.Data)
	}
	x := slices.Clone(d.Seen().(*paletteBatch).x.Data)
	drawPalette(t, m, DrawSpec{Retain: pixels(3, 2), Forget: pixels(4, 1), Seed: 6, Step: 8})
	for _, in := range slices.Concat(step, forward) {
		n := 1
		for _, side := range in.Shape {
			n *= side
		}
		if !slices.Equal(in.Data, held[in.Name]) || len(in.Data) != n {
			t.Errorf("%s %v: %d values, changed by another draw: %v", in.Name, in.Shape, len(in.Data), !slices.Equal(in.Data, held[in.Name]))
		}
	}
	if got := held["labels"]; !slices.Equal(got, []float32{1, 1, -1}) {
		t.Errorf("labels are %v", got)
	}
	last := make([]float32, len(x))
	kernels.ChannelsLast(last, held["x"], 3, 6, size*size)
	if !slices.Equal(last, x) {
		t.Error("x is not what the network was shown")
	}
}
