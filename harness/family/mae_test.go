package family

import (
	"math"
	"slices"
	"strings"
	"testing"

	"lethe/autodiff"
	"lethe/harness/data"
	"lethe/kernels"
	"lethe/layers/mae"
	"lethe/layers/rng"
)

const (
	size = 16
	one  = 3 * size * size // values of an image
	grid = 4
)

func newTiny(t *testing.T) *MAE {
	t.Helper()
	m, err := mae.New(mae.Config{
		ImgSize: size, PatchSize: size / grid, InChans: 3, EmbedDim: 32, Depth: 1, NumHeads: 2,
		DecoderEmbedDim: 16, DecoderDepth: 1, DecoderNumHeads: 2, MLPRatio: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	m.Init(1)
	f, err := NewMAE("tiny", m)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func pixels(seed uint64, n int) [][]uint8 {
	out := make([][]uint8, n)
	for i := range out {
		r := rng.New(seed, rng.World, 0, uint64(i))
		out[i] = make([]uint8, one)
		for j := range out[i] {
			out[i][j] = uint8(r.IntN(256))
		}
	}
	return out
}

func draw(t *testing.T, m *MAE, d DrawSpec) *Draw {
	t.Helper()
	if d.Noise == "" {
		d.Noise = Gaussian
	}
	if d.MaskRatio == 0 {
		d.MaskRatio = 0.75
	}
	got, err := m.Draw(d)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func sample(b Batch, i int) []float32 { return slices.Clone(b.(*maeBatch).images.Data[i*one:][:one]) }

func order(b Batch, i int) []int32 {
	mk := b.(*maeBatch).masks
	return slices.Clone(mk.Order[i*mk.L:][:mk.L])
}

// TestDrawGroups: retain first, normalized by ImageNet's statistics, one mask a
// sample that every batch of the draw shares.
func TestDrawGroups(t *testing.T) {
	m := newTiny(t)
	retain, forget := pixels(1, 3), pixels(2, 4)
	d := draw(t, m, DrawSpec{Retain: retain, Forget: forget, Seed: 5, Step: 7, First: 2})
	if d.Retain != (Group{0, 3}) || d.Forget != (Group{3, 4}) || d.Seen().Len() != 7 {
		t.Fatalf("groups %v and %v of %d", d.Retain, d.Forget, d.Seen().Len())
	}
	for i, p := range append(append([][]uint8{}, retain...), forget...) {
		got := sample(d.Seen(), i)
		for c := range 3 {
			for k := range size * size {
				want := (float64(p[3*k+c])/255 - float64(data.ImageNetMean[c])) / float64(data.ImageNetStd[c])
				if !(math.Abs(float64(got[c*size*size+k])-want) <= 1e-5) {
					t.Fatalf("sample %d, channel %d: %g, want %g", i, c, got[c*size*size+k], want)
				}
			}
		}
	}
	distinct := map[string]bool{}
	for i := range 7 {
		o := order(d.Seen(), i)
		for _, other := range []Batch{d.Noised(), d.Swapped()} {
			if !slices.Equal(o, order(other, i)) {
				t.Errorf("sample %d has another mask in another batch", i)
			}
		}
		distinct[string(rune(o[0]))+string(rune(o[1]))+string(rune(o[2]))+string(rune(o[3]))] = true
		sorted := slices.Clone(o)
		slices.Sort(sorted)
		for k, v := range sorted {
			if int(v) != k {
				t.Fatalf("sample %d: %v is no order", i, o)
			}
		}
	}
	if len(distinct) < 6 {
		t.Errorf("only %d of 7 masks differ", len(distinct))
	}
	if keep := d.Seen().(*maeBatch).masks.Keep; keep != 4 {
		t.Errorf("%d patches are kept, want 4 of 16", keep)
	}
}

// TestNoisedAndSwapped: what stands in place of the forget images.
func TestNoisedAndSwapped(t *testing.T) {
	m := newTiny(t)
	d := draw(t, m, DrawSpec{Retain: pixels(1, 2), Forget: pixels(2, 5), Seed: 5, Step: 7})
	for i := range 2 {
		if !slices.Equal(sample(d.Noised(), i), sample(d.Seen(), i)) || !slices.Equal(sample(d.Swapped(), i), sample(d.Seen(), i)) {
			t.Errorf("retain sample %d was replaced", i)
		}
	}
	for i := range 5 {
		if !slices.Equal(sample(d.Swapped(), 2+i), sample(d.Seen(), i%2)) {
			t.Errorf("forget sample %d is not retain sample %d", i, i%2)
		}
		r, noise := rng.New(5, rng.Noise, 7, 2*uint64(i)+1), sample(d.Noised(), 2+i)
		for k, v := range noise {
			if want := float32(r.NormFloat64()); v != want {
				t.Fatalf("forget sample %d: noise[%d] is %g, want %g", i, k, v, want)
			}
		}
	}
}

// TestDrawKeys: a sample is drawn alike wherever the batch is cut, and unlike
// any other sample, step, seed or side.
func TestDrawKeys(t *testing.T) {
	m := newTiny(t)
	retain, forget := pixels(1, 4), pixels(2, 4)
	type drawn struct {
		order []int32
		noise []float32
	}
	take := func(from, to int, seed uint64, step int) (out []drawn) {
		d := draw(t, m, DrawSpec{Retain: retain[from:to], Forget: forget[from:to], Seed: seed, Step: step, First: from})
		noised := d.Noised()
		for i := range 2 * (to - from) {
			out = append(out, drawn{order(d.Seen(), i), sample(noised, i)})
		}
		return out
	}
	whole := take(0, 4, 5, 7)
	for _, cut := range [][2]int{{0, 1}, {1, 3}, {3, 4}, {2, 4}} {
		part := take(cut[0], cut[1], 5, 7)
		n := cut[1] - cut[0]
		for i := range n {
			for side := range 2 {
				a, b := whole[4*side+cut[0]+i], part[n*side+i]
				if !slices.Equal(a.order, b.order) || !slices.Equal(a.noise, b.noise) {
					t.Errorf("sample %d of side %d is drawn otherwise in micro-batch %v", cut[0]+i, side, cut)
				}
			}
		}
	}
	for name, other := range map[string][]drawn{"seed": take(0, 4, 6, 7), "step": take(0, 4, 5, 8)} {
		for i := range whole {
			if slices.Equal(whole[i].order, other[i].order) || i >= 4 && slices.Equal(whole[i].noise, other[i].noise) {
				t.Errorf("sample %d is drawn alike under another %s", i, name)
			}
		}
	}
	for i := range whole {
		for k := range i {
			if slices.Equal(whole[i].order, whole[k].order) || i >= 4 && slices.Equal(whole[i].noise, whole[k].noise) {
				t.Errorf("samples %d and %d are drawn alike", k, i)
			}
		}
	}
}

// stats are the mean and the deviation of values.
func stats(x []float64) (mean, std float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		std += (v - mean) * (v - mean) / float64(len(x))
	}
	return mean, math.Sqrt(std)
}

// TestNoiseKinds checks the moments of each kind against those it promises,
// within five standard errors.
func TestNoiseKinds(t *testing.T) {
	m := newTiny(t)
	retain, forget := pixels(1, 24), pixels(2, 24)
	for i, p := range forget { // a batch with a scalar mean well inside the range
		for j := range p {
			p[j] = uint8(100 + (int(p[j])+i)%56)
		}
	}
	for i := range retain {
		retain[i] = forget[(i+1)%len(forget)]
	}
	spec := DrawSpec{Retain: retain, Forget: forget, Seed: 3, Step: 1}
	forgetRows := func(b Batch) (out []float64) {
		for _, v := range b.(*maeBatch).images.Data[24*one:] {
			out = append(out, float64(v))
		}
		return out
	}
	n := math.Sqrt(24 * one)

	if mean, std := stats(forgetRows(draw(t, m, spec).Noised())); !(math.Abs(mean) <= 5/n) || !(math.Abs(std-1) <= 5/n) {
		t.Errorf("gaussian: mean %g, deviation %g", mean, std)
	}

	spec.Noise = BatchNoise
	d := draw(t, m, spec)
	var all, drawn []float64
	for _, side := range [][][]uint8{retain, forget} {
		for _, p := range side {
			for _, v := range p {
				all = append(all, float64(v)/255)
			}
		}
	}
	for i, v := range forgetRows(d.Noised()) {
		c := i % one / (size * size)
		drawn = append(drawn, v*float64(data.ImageNetStd[c])+float64(data.ImageNetMean[c]))
	}
	wantMean, wantStd := stats(all)
	if mean, std := stats(drawn); !(math.Abs(mean-wantMean) <= 5*wantStd/n) || !(math.Abs(std-wantStd) <= 5*wantStd/n) {
		t.Errorf("batch: mean %g, deviation %g of the pixels, want %g and %g", mean, std, wantMean, wantStd)
	}

	spec.Noise = DiagForget
	d = draw(t, m, spec)
	seen, noise := forgetRows(d.Seen()), forgetRows(d.Noised())
	var scaled []float64
	for k := range one {
		var column []float64
		for i := range 24 {
			column = append(column, seen[i*one+k])
		}
		_, std := stats(column)
		for i := range 24 {
			scaled = append(scaled, noise[i*one+k]/std)
		}
	}
	if mean, std := stats(scaled); !(math.Abs(mean) <= 5/n) || !(math.Abs(std-1) <= 5/n) {
		t.Errorf("diag-forget: mean %g, deviation %g over the elements' own, want 0 and 1", mean, std)
	}
}

// TestBatchNoiseIsClamped: to pixels that can be shown.
func TestBatchNoiseIsClamped(t *testing.T) {
	m := newTiny(t)
	black, white := make([]uint8, one), make([]uint8, one)
	for i := range white {
		white[i] = 255
	}
	d := draw(t, m, DrawSpec{Retain: [][]uint8{black}, Forget: [][]uint8{white}, Noise: BatchNoise})
	shown := make([]float32, one)
	low, high := 0, 0
	for c := range 3 {
		for k := range size * size {
			v := float64(sample(d.Noised(), 1)[c*size*size+k])*float64(data.ImageNetStd[c]) + float64(data.ImageNetMean[c])
			if v < -1e-6 || v > 1+1e-6 {
				t.Fatalf("a pixel of %g", v)
			}
			if v < 1e-6 {
				low++
			}
			if v > 1-1e-6 {
				high++
			}
		}
	}
	m.Displayed(shown, sample(d.Seen(), 1))
	if low < one/10 || high < one/10 { // mean 0.5, deviation 0.5: 16 % on either side
		t.Errorf("%d and %d of %d values at the bounds, want about 16 %% each", low, high, one)
	}
}

func TestRefusals(t *testing.T) {
	m := newTiny(t)
	good := DrawSpec{Retain: pixels(1, 1), Forget: pixels(2, 1), Noise: Gaussian, MaskRatio: 0.75}
	for says, change := range map[string]func(*DrawSpec){
		"unknown noise":           func(d *DrawSpec) { d.Noise = "pink" },
		"use gaussian":            func(d *DrawSpec) { d.Noise = Fresh },
		"leaves 0 of 16 patches":  func(d *DrawSpec) { d.MaskRatio = 0.97 },
		"leaves 16 of 16 patches": func(d *DrawSpec) { d.MaskRatio = 1e-18 },
		"has 12 values, want 768": func(d *DrawSpec) { d.Forget = [][]uint8{make([]uint8, 12)} },
	} {
		d := good
		change(&d)
		if _, err := m.Draw(d); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q: %v", says, err)
		}
	}
	mask := Mask{Order: make([]int32, 16), Keep: 4}
	for says, c := range map[string]struct {
		pixels [][]uint8
		masks  []Mask
	}{
		"2 images with 1 masks": {pixels(1, 2), []Mask{mask}},
		"no masks":              {nil, nil},
		"mask 1 keeps 5 of 16":  {pixels(1, 2), []Mask{mask, {Order: make([]int32, 16), Keep: 5}}},
		"border of 3 pixels":    {pixels(1, 2), []Mask{mask, {Order: mask.Order, Keep: 4, Border: 3}}},
		"mask 1 keeps 4 of 9":   {pixels(1, 2), []Mask{mask, {Order: make([]int32, 9), Keep: 4}}},
	} {
		if _, err := m.Prepare(c.pixels, c.masks); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q: %v", says, err)
		}
	}
	grey, err := mae.New(mae.Config{ImgSize: 8, PatchSize: 4, InChans: 1, EmbedDim: 8, Depth: 1, NumHeads: 1, DecoderEmbedDim: 8, DecoderDepth: 1, DecoderNumHeads: 1, MLPRatio: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewMAE("grey", grey); err == nil || !strings.Contains(err.Error(), "3 channels") {
		t.Errorf("a model of grey images: %v", err)
	}
	for _, n := range []Noise{Gaussian, BatchNoise, DiagForget} {
		if err := CheckNoise(n); err != nil {
			t.Error(err)
		}
	}
}

// TestComplete: visible pixels are the image's, removed ones the model's, and
// the mask says which.
func TestComplete(t *testing.T) {
	m := newTiny(t)
	images := pixels(1, 2)
	masks := []Mask{{Order: data.RandomOrder(rng.New(1, rng.Eval, 0, 0), 16), Keep: 5}, {Order: data.RandomOrder(rng.New(1, rng.Eval, 0, 1), 16), Keep: 5}}
	b, err := m.Prepare(images, masks)
	if err != nil {
		t.Fatal(err)
	}
	tp := autodiff.NewTape()
	c := m.Complete(tp, b)
	pred := m.Output(autodiff.NewTape(), b).Data
	p := size / grid
	for i, mk := range masks {
		removed := 0
		for k := range size * size {
			y, x := k/size, k%size
			cell := int32(y/p*grid + x/p)
			gone := slices.Index(mk.Order, cell) >= mk.Keep
			if got := c.Removed[i*size*size+k]; (got == 1) != gone || got != 0 && got != 1 {
				t.Fatalf("sample %d, pixel %d: removed %g, want %v", i, k, got, gone)
			}
			if gone {
				removed++
			}
			for ch := range 3 {
				at := i*one + ch*size*size + k
				want := c.Input[at]
				if gone {
					want = pred[((i*16+int(cell))*p*p+y%p*p+x%p)*3+ch]
				}
				if c.Predicted[at] != want {
					t.Fatalf("sample %d, pixel %d, channel %d: %g, want %g", i, k, ch, c.Predicted[at], want)
				}
			}
		}
		if removed != 11*p*p {
			t.Errorf("%d pixels are removed, want %d", removed, 11*p*p)
		}
	}
	features := m.Features(autodiff.NewTape(), b)[0]
	if c.FeatureLen != 6*32 || !slices.Equal(c.Features, features.Data) {
		t.Errorf("%d features a sample, want 6 tokens of 32", c.FeatureLen)
	}
}

func TestDisplayedUndoesNormalized(t *testing.T) {
	m := newTiny(t)
	p := pixels(4, 1)[0]
	x, back := make([]float32, one), make([]float32, one)
	m.Normalized(x, p)
	m.Displayed(back, x)
	for c := range 3 {
		for k := range size * size {
			if want := float64(p[3*k+c]) / 255; !(math.Abs(float64(back[c*size*size+k])-want) <= 1e-6) {
				t.Fatalf("%g, want %g", back[c*size*size+k], want)
			}
		}
	}
	kernels.Fill(x, 100)
	x[0] = -100
	m.Displayed(back, x)
	if back[0] != 0 || back[1] != 1 {
		t.Errorf("out of range: %g and %g, want 0 and 1", back[0], back[1])
	}
}

// TestClone: equal weights; those of its own are a copy, the others shared.
func TestClone(t *testing.T) {
	m := newTiny(t)
	own := func(name string) bool { return !strings.HasPrefix(name, "decoder") }
	c, err := m.Clone(own)
	if err != nil {
		t.Fatal(err)
	}
	if c.Name() != m.Name() || c.Geometry() != (Geometry{Size: size, Grid: grid, Whole: true}) {
		t.Errorf("%s, %+v", c.Name(), c.Geometry())
	}
	for i, p := range c.Params() {
		q := m.Params()[i]
		if !slices.Equal(p.Value.Data, q.Value.Data) || p.Name != q.Name {
			t.Errorf("%s differs", p.Name)
		}
		p.Value.Data[0]++
		if shared := p.Value.Data[0] == q.Value.Data[0]; shared == own(p.Name) {
			t.Errorf("%s is shared: %v", p.Name, shared)
		}
	}
}
