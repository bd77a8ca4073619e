package mae

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

// drawn returns a model in which no tensor is at a special value.
func drawn(t testing.TB, cfg Config, seed uint64) *Model {
	t.Helper()
	m, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	m.Init(seed)
	r := rng.New(seed, rng.Noise, 0, 0)
	for _, p := range m.Params() {
		if !p.Fixed && len(p.Value.Shape()) == 1 {
			for i := range p.Value.Data {
				p.Value.Data[i] += float32(0.1 * r.NormFloat64())
			}
		}
	}
	return m
}

func normals(r *rand.Rand, shape ...int) *autodiff.Tensor {
	x := autodiff.New(shape...)
	layers.Normal(x.Data, 1, r)
	return x
}

// draw returns n images and a mask of them.
func draw(cfg Config, n int, ratio float64, seed uint64) (*autodiff.Tensor, Masking) {
	r := rng.New(seed, rng.Mask, 0, 0)
	noise := make([]float32, n*cfg.Patches())
	for i := range noise {
		noise[i] = r.Float32()
	}
	return normals(r, n, cfg.InChans, cfg.ImgSize, cfg.ImgSize), MaskFromNoise(noise, n, cfg.Patches(), ratio)
}

// sameBits reports whether two slices are equal bit by bit.
func sameBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

func TestParamsMatchShapes(t *testing.T) {
	m := drawn(t, small(), 1)
	specs := small().Shapes()
	if len(m.Params()) != len(specs) || len(m.Encoder())+len(m.Decoder()) != len(specs) {
		t.Fatalf("%d parameters, %d of the encoder, %d of the decoder, want %d in all",
			len(m.Params()), len(m.Encoder()), len(m.Decoder()), len(specs))
	}
	for i, p := range m.Params() {
		if s := specs[i]; p.Name != s.Name || !slices.Equal(p.Value.Shape(), s.Shape) || p.Fixed != s.Fixed {
			t.Errorf("parameter %d is %s %v, fixed %v, want %+v", i, p.Name, p.Value.Shape(), p.Fixed, s)
		}
		if wantFixed := p.Name == "pos_embed" || p.Name == "decoder_pos_embed"; p.Fixed != wantFixed {
			t.Errorf("%s: fixed is %v", p.Name, p.Fixed)
		}
	}
}

func TestRemovedPatchesAreNotRead(t *testing.T) {
	m := drawn(t, small(), 1)
	images, mask := draw(m.Config(), 3, 0.6, 2)
	want := slices.Clone(m.Encode(autodiff.NewTape(), images, mask).Data)

	patches := make([]float32, images.Len())
	m.cfg.Grid().ToPixels(patches, images.Data)
	for i, removed := range mask.Removed {
		if removed == 1 {
			for j := range m.cfg.PatchLen() {
				patches[i*m.cfg.PatchLen()+j] = float32(math.NaN())
			}
		}
	}
	holed := autodiff.FromSlice(m.Unpatchify(patches, 3), images.Shape()...)
	if got := m.Encode(autodiff.NewTape(), holed, mask); !sameBits(got.Data, want) {
		t.Error("the latent depends on pixels that were removed")
	}
}

// TestOrderOfImagesDoesNotMatter: an image's latent and prediction are the same
// alone and among others.
func TestImagesAreIndependent(t *testing.T) {
	m := drawn(t, small(), 1)
	cfg := m.Config()
	images, mask := draw(cfg, 3, 0.5, 2)
	tp := autodiff.NewTape()
	latent := m.Encode(tp, images, mask)
	pred := m.Decode(tp, latent, mask)
	for i := range 3 {
		one := MaskFromOrder(mask.Order[i*mask.L:][:mask.L], 1, mask.L, mask.Keep)
		image := autodiff.FromSlice(images.Data[i*cfg.Grid().Len():][:cfg.Grid().Len()], 1, cfg.InChans, cfg.ImgSize, cfg.ImgSize)
		alone := m.Encode(tp, image, one)
		if part := latent.Data[i*alone.Len():][:alone.Len()]; !sameBits(alone.Data, part) {
			t.Errorf("the latent of image %d depends on its company", i)
		}
		p := m.Decode(tp, alone, one)
		if part := pred.Data[i*p.Len():][:p.Len()]; !sameBits(p.Data, part) {
			t.Errorf("the prediction of image %d depends on its company", i)
		}
	}
}

func TestMaskRatioLimits(t *testing.T) {
	m := drawn(t, small(), 1)
	for _, ratio := range []float64{0, 1} {
		images, mask := draw(m.Config(), 2, ratio, 2)
		tp := autodiff.NewTape()
		latent := m.Encode(tp, images, mask)
		if want := 1 + Keep(m.Config().Patches(), ratio); latent.Dim(1) != want {
			t.Errorf("ratio %v: %d tokens, want %d", ratio, latent.Dim(1), want)
		}
		pred := m.Decode(tp, latent, mask)
		loss := float64(m.Loss(tp, pred, m.Target(tp, images), mask).Data[0])
		if math.IsNaN(loss) != (ratio == 0) { // 0/0 when nothing was removed
			t.Errorf("ratio %v: loss is %v", ratio, loss)
		}
	}
}

func TestCopyFrom(t *testing.T) {
	a, b := drawn(t, small(), 1), drawn(t, small(), 2)
	b.CopyFrom(a)
	for i, p := range a.Params() {
		if !sameBits(p.Value.Data, b.Params()[i].Value.Data) {
			t.Errorf("%s was not copied", p.Name)
		}
	}
	b.Params()[0].Value.Data[0]++
	if a.Params()[0].Value.Data[0] == b.Params()[0].Value.Data[0] {
		t.Error("the copy shares memory")
	}
}

func TestTargetIsNormalized(t *testing.T) {
	cfg := small()
	plain := drawn(t, cfg, 1)
	cfg.NormPixLoss = true
	m := drawn(t, cfg, 1)
	images, mask := draw(cfg, 2, 0.5, 3)
	target := m.Target(autodiff.NewTape(), images)
	for lo := 0; lo < target.Len(); lo += cfg.PatchLen() {
		mean, deviation := patchStats(target.Data[lo:][:cfg.PatchLen()])
		// Rounding of each value, relative 2^-24, of magnitude below 5.
		if !(math.Abs(mean) <= 5*0x1p-24) || !(math.Abs(deviation-1) <= 1e-5) {
			t.Fatalf("patch at %d has mean %v and deviation %v", lo, mean, deviation)
		}
	}
	// A perfect prediction gives the images back, whatever the targets.
	for _, model := range []*Model{plain, m} {
		target := model.Target(autodiff.NewTape(), images)
		got := model.Pixels(target.Data, images.Data, mask)
		for i, v := range images.Data {
			if !(math.Abs(float64(got[i]-v)) <= 2e-6) {
				t.Fatalf("norm_pix_loss %v: pixel %d is %v, want %v", model.Config().NormPixLoss, i, got[i], v)
			}
		}
	}
}

func TestPixelsKeepsWhatIsVisible(t *testing.T) {
	m := drawn(t, small(), 1)
	images, mask := draw(m.Config(), 2, 0.5, 3)
	pred := make([]float32, images.Len())
	for i := range pred {
		pred[i] = 9
	}
	got := make([]float32, images.Len())
	m.cfg.Grid().ToPixels(got, m.Pixels(pred, images.Data, mask))
	want := make([]float32, images.Len())
	m.cfg.Grid().ToPixels(want, images.Data)
	for i, removed := range mask.Removed {
		part := func(x []float32) []float32 { return x[i*m.cfg.PatchLen():][:m.cfg.PatchLen()] }
		if removed == 1 {
			copy(part(want), part(pred))
		}
		if !sameBits(part(got), part(want)) {
			t.Errorf("patch %d, removed %v, is wrong", i, removed)
		}
	}
}

// run trains one step's worth and returns every number that came of it.
func run(m *Model, images *autodiff.Tensor, mask Masking) []float32 {
	tp := autodiff.NewTape()
	layers.ZeroGrad(m.Params())
	latent := m.Encode(tp, images, mask)
	pred := m.Decode(tp, latent, mask)
	loss := m.Loss(tp, pred, m.Target(tp, images), mask)
	out := slices.Concat(latent.Data, pred.Data, loss.Data)
	tp.Backward(loss)
	for _, p := range m.Params() {
		out = append(out, p.Value.Grad()...)
	}
	return out
}

func TestBitsDoNotDependOnWorkers(t *testing.T) {
	cfg := preconfigured(t, "mae_tiny")
	m := drawn(t, cfg, 1)
	layers.SetTrainable(m.Params(), true)
	images, mask := draw(cfg, 3, 0.75, 2)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	want := run(m, images, mask)
	for _, workers := range []int{2, 3} {
		runtime.GOMAXPROCS(workers)
		if got := run(m, images, mask); !sameBits(got, want) {
			t.Errorf("%d workers give other bits than one", workers)
		}
	}
}
