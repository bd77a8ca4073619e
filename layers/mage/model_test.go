package mage

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"lethe/autodiff"
	"lethe/layers"
	"lethe/layers/rng"
)

// jiggle moves every weight off the special values that Init gives.
func jiggle(params []*layers.Param, seed uint64) {
	r := rng.New(seed, rng.Noise, 0, 0)
	for _, p := range params {
		for i := range p.Value.Data {
			p.Value.Data[i] += float32(0.1 * r.NormFloat64())
		}
	}
}

// drawn returns a model in which no tensor is at a special value.
func drawn(t testing.TB, cfg Config, seed uint64) *Model {
	t.Helper()
	m, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	m.Init(seed)
	jiggle(m.Params(), seed)
	return m
}

// pictures returns n images in [0,1].
func pictures(r *rand.Rand, n, channels, side int) *autodiff.Tensor {
	x := autodiff.New(n, channels, side, side)
	for i := range x.Data {
		x.Data[i] = r.Float32()
	}
	return x
}

// draw returns n images' tokens and a mask of them.
func draw(cfg Config, n int, ratio float64, seed uint64) ([]int32, Masking) {
	r := rng.New(seed, rng.Mask, 0, 0)
	l := cfg.Tokens()
	noise, tokens := make([]float32, n*l), make([]int32, n*l)
	for i := range noise {
		noise[i], tokens[i] = r.Float32(), int32(r.IntN(cfg.VQGAN.NEmbed))
	}
	dropped, masked := Counts(l, ratio)
	return tokens, MaskFromNoise(noise, n, l, dropped, masked)
}

// sameBits reports whether two slices are equal bit by bit.
func sameBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

func TestParamsMatchShapes(t *testing.T) {
	m := drawn(t, small(), 1)
	specs := small().Shapes()
	if len(m.Params()) != len(specs) {
		t.Fatalf("%d parameters, want %d", len(m.Params()), len(specs))
	}
	encoder := map[string]bool{}
	for _, p := range m.Encoder() {
		encoder[p.Name] = true
	}
	for i, p := range m.Params() {
		if s := specs[i]; p.Name != s.Name || p.Value.Len() != s.Len() || p.Fixed != s.Fixed {
			t.Errorf("parameter %d is %s %v, fixed %v, want %+v", i, p.Name, p.Value.Shape(), p.Fixed, s)
		}
		if encoder[p.Name] != isEncoder(p.Name) || encoder[p.Name] && p.Fixed {
			t.Errorf("%s: in the encoder: %v, fixed %v", p.Name, encoder[p.Name], p.Fixed)
		}
	}
}

// TestHiddenTokensAreNotRead: neither half sees what is dropped or masked.
func TestHiddenTokensAreNotRead(t *testing.T) {
	m := drawn(t, small(), 1)
	tokens, mask := draw(m.Config(), 3, 0.7, 2)
	tp := autodiff.NewTape()
	latent := m.Encode(tp, tokens, mask)
	want := slices.Clone(latent.Data)
	if latent.Dim(1) != 1+18 {
		t.Fatalf("the latent is %v, want 19 tokens of 36", latent.Shape())
	}
	for i := range tokens {
		if mask.Masked[i] == 1 {
			tokens[i] = (tokens[i] + 7) % int32(m.cfg.VQGAN.NEmbed)
		}
	}
	if got := m.Encode(tp, tokens, mask); !sameBits(got.Data, want) {
		t.Error("the latent depends on tokens that were hidden")
	}
	for i := range tokens {
		if mask.Masked[i] == 0 {
			tokens[i] = (tokens[i] + 7) % int32(m.cfg.VQGAN.NEmbed)
			break
		}
	}
	if got := m.Encode(tp, tokens, mask); sameBits(got.Data, want) {
		t.Error("the latent does not depend on a visible token")
	}
}

// TestMaskedTokensAreInTheSequence: a masked token that is not dropped stands in
// the encoder's sequence as the mask word, and in the decoder's as the class
// token's feature.
func TestMaskedTokensAreInTheSequence(t *testing.T) {
	cfg := small()
	tokens, mask := draw(cfg, 2, 0.7, 2)
	words, positions := mask.words(cfg, tokens)
	rows, decoderPositions := mask.rows()
	at := 0
	for i := range 2 {
		if words[at] != cfg.ClassWord() || positions[at] != 0 {
			t.Fatalf("image %d starts with word %d at position %d", i, words[at], positions[at])
		}
		class := at
		at++
		for j := range mask.L {
			k := i*mask.L + j
			row := rows[i*(1+mask.L)+1+j]
			if decoderPositions[i*(1+mask.L)+1+j] != int32(1+j) {
				t.Fatalf("token %d has decoder position %d", j, decoderPositions[i*(1+mask.L)+1+j])
			}
			if mask.Masked[k] == 1 && row != int32(class) {
				t.Errorf("masked token %d starts from row %d, want the class token's %d", j, row, class)
			}
			if mask.Dropped[k] == 1 {
				continue
			}
			want := tokens[k]
			if mask.Masked[k] == 1 {
				want = cfg.MaskWord()
			} else if row != int32(at) {
				t.Errorf("visible token %d starts from row %d, want %d", j, row, at)
			}
			if words[at] != want || positions[at] != int32(1+j) {
				t.Errorf("token %d is word %d at position %d, want %d at %d", j, words[at], positions[at], want, 1+j)
			}
			at++
		}
	}
	if at != len(words) {
		t.Errorf("%d words, want %d", len(words), at)
	}
}

// TestImagesAreIndependent: an image's tokens, latent, logits and picture are
// the same alone and among others.
func TestImagesAreIndependent(t *testing.T) {
	m := drawn(t, small(), 1)
	cfg := m.Config()
	images := pictures(rng.New(5, rng.Noise, 0, 0), 3, cfg.InChans, cfg.ImgSize)
	_, mask := draw(cfg, 3, 0.6, 2)
	tp := autodiff.NewTape()
	tokens := m.Tokens(tp, images)
	latent := m.Encode(tp, tokens, mask)
	logits := m.Decode(tp, latent, mask)
	picture := m.Image(tp, tokens, 3)
	part := func(x []float32, i int) []float32 { return x[i*len(x)/3:][:len(x)/3] }
	for i := range 3 {
		one, err := NewMasking(part(mask.Dropped, i), part(mask.Masked, i), 1, mask.L)
		if err != nil {
			t.Fatal(err)
		}
		alone := m.Tokens(tp, autodiff.FromSlice(part(images.Data, i), 1, cfg.InChans, cfg.ImgSize, cfg.ImgSize))
		if !slices.Equal(alone, tokens[i*mask.L:][:mask.L]) {
			t.Errorf("the tokens of image %d depend on its company", i)
		}
		l := m.Encode(tp, alone, one)
		if !sameBits(l.Data, part(latent.Data, i)) {
			t.Errorf("the latent of image %d depends on its company", i)
		}
		if got := m.Decode(tp, l, one); !sameBits(got.Data, part(logits.Data, i)) {
			t.Errorf("the logits of image %d depend on its company", i)
		}
		if got := m.Image(tp, alone, 1); !sameBits(got.Data, part(picture.Data, i)) {
			t.Errorf("the picture of image %d depends on its company", i)
		}
	}
}

// TestLargeImagesGoInParts: so many images at once that they are encoded in
// several calls have the same tokens and pictures.
func TestManyImagesGoInParts(t *testing.T) {
	m := drawn(t, small(), 1)
	cfg := m.Config()
	images := pictures(rng.New(5, rng.Noise, 0, 0), 5, cfg.InChans, cfg.ImgSize)
	tp := autodiff.NewTape()
	tokens := m.Tokens(tp, images)
	picture := m.Image(tp, tokens, 5)
	m.vqgan.part = 2
	if got := m.Tokens(tp, images); !slices.Equal(got, tokens) {
		t.Error("other tokens in parts")
	}
	if got := m.Image(tp, tokens, 5); !sameBits(got.Data, picture.Data) {
		t.Error("other pictures in parts")
	}
}

func TestLossIsOverMaskedTokens(t *testing.T) {
	m := drawn(t, small(), 1)
	tokens, mask := draw(m.Config(), 3, 0.7, 2)
	tp := autodiff.NewTape()
	logits := m.Decode(tp, m.Encode(tp, tokens, mask), mask)
	v, codes, l := m.cfg.Vocabulary(), m.cfg.VQGAN.NEmbed, mask.L
	each := func(i, j int) float64 {
		row := logits.Data[((i*(1+l))+1+j)*v:][:codes]
		var total, mean float64
		for _, x := range row {
			total += math.Exp(float64(x))
			mean += float64(x) / float64(codes)
		}
		return math.Log(total) - 0.9*float64(row[tokens[i*l+j]]) - 0.1*mean
	}
	over := func(first, count int) float64 {
		var sum, n float64
		for i := first; i < first+count; i++ {
			for j := range l {
				if mask.Masked[i*l+j] == 1 {
					sum, n = sum+each(i, j), n+1
				}
			}
		}
		return sum / n
	}
	for _, g := range [][2]int{{0, 3}, {1, 2}, {0, 1}} {
		got := float64(m.GroupLoss(tp, logits, tokens, mask, g[0], g[1]).Data[0])
		// Exponentials of float32 logits to 2^-22 or so, of a loss of order 3.
		if want := over(g[0], g[1]); !(math.Abs(got-want) <= 2e-6*math.Abs(want)) {
			t.Errorf("images %v: loss %v, want %v", g, got, want)
		}
	}
	if a, b := m.Loss(tp, logits, tokens, mask).Data[0], m.GroupLoss(tp, logits, tokens, mask, 0, 3).Data[0]; a != b {
		t.Errorf("the loss is %v, that of all images %v", a, b)
	}
	visible := Masking{N: 3, L: l, Kept: l, Dropped: make([]float32, 3*l), Masked: make([]float32, 3*l)}
	if got := m.Loss(tp, logits, tokens, visible).Data[0]; !math.IsNaN(float64(got)) {
		t.Errorf("the loss of nothing is %v, want NaN", got)
	}
}

func TestCopyFrom(t *testing.T) {
	a, b := drawn(t, small(), 1), drawn(t, small(), 2)
	a.Untie()
	b.CopyFrom(a)
	if len(b.Params()) != len(a.Params()) {
		t.Fatalf("the copy has %d tensors, want %d", len(b.Params()), len(a.Params()))
	}
	for i, p := range a.Params() {
		if !sameBits(p.Value.Data, b.Params()[i].Value.Data) {
			t.Errorf("%s was not copied", p.Name)
		}
	}
	b.words.Data[0]++
	if a.words.Data[0] == b.words.Data[0] || a.HeadDiffers() || !b.HeadDiffers() {
		t.Error("the copy shares memory")
	}
}

// TestUntie: the head of a tied model follows the word embedding, that of an
// untied one does not, and untying changes nothing by itself.
func TestUntie(t *testing.T) {
	m := drawn(t, small(), 1)
	tokens, mask := draw(m.Config(), 2, 0.6, 2)
	latent := slices.Clone(m.Encode(autodiff.NewTape(), tokens, mask).Data)
	logits := func() []float32 {
		x := autodiff.FromSlice(latent, 2, 1+mask.Kept, m.cfg.EmbedDim)
		return slices.Clone(m.Decode(autodiff.NewTape(), x, mask).Data)
	}
	tied := logits()
	m.Untie()
	m.Untie() // again: keeps the copy
	if got := logits(); !sameBits(got, tied) {
		t.Error("untying changes the logits")
	}
	last := m.Params()[len(m.Params())-1]
	if last.Name != HeadWords || !last.Fixed || len(m.Params()) != len(small().Shapes())+1 || m.HeadDiffers() {
		t.Errorf("the last of %d tensors is %s, fixed %v; differs %v", len(m.Params()), last.Name, last.Fixed, m.HeadDiffers())
	}
	m.words.Data[0] += 0.5 // word 0 is a code
	if got := logits(); !sameBits(got, tied) || !m.HeadDiffers() {
		t.Error("an untied head follows the word embedding")
	}
	m.Tie()
	if got := logits(); sameBits(got, tied) || m.HeadDiffers() || len(m.Params()) != len(small().Shapes()) {
		t.Error("a tied head does not follow the word embedding")
	}
}

// everything returns every number of a training step and of the tokenizer.
func everything(m *Model, images *autodiff.Tensor, mask Masking) []float32 {
	tp := autodiff.NewTape()
	layers.ZeroGrad(m.Params())
	tokens := m.Tokens(tp, images)
	latent := m.Encode(tp, tokens, mask)
	logits := m.Decode(tp, latent, mask)
	loss := m.Loss(tp, logits, tokens, mask)
	out := slices.Concat(latent.Data, logits.Data, loss.Data, m.Image(tp, tokens, mask.N).Data)
	tp.Backward(loss)
	for _, p := range m.Params() {
		out = append(out, p.Value.Grad()...)
	}
	return out
}

func TestBitsDoNotDependOnWorkers(t *testing.T) {
	cfg := preconfigured(t, "mage_tiny")
	m := drawn(t, cfg, 1)
	layers.SetTrainable(m.Params(), true)
	images := pictures(rng.New(5, rng.Noise, 0, 0), 3, 3, cfg.ImgSize)
	_, mask := draw(cfg, 3, 0.6, 2)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	want := everything(m, images, mask)
	for _, workers := range []int{2, 3} {
		runtime.GOMAXPROCS(workers)
		if got := everything(m, images, mask); !sameBits(got, want) {
			t.Errorf("%d workers give other bits than one", workers)
		}
	}
}
