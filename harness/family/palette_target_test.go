package family

import (
	"flag"
	"math"
	"slices"
	"testing"

	"lethe/autodiff"
	"lethe/harness/checkpoint"
	"lethe/harness/data"
	"lethe/layers"
	"lethe/layers/rng"
	"lethe/layers/unet"
)

// TestPaletteFreshNoise: the original sees other noise in the hole of a forget
// image than the model does, and all else is as with Gaussian noise.
func TestPaletteFreshNoise(t *testing.T) {
	spec := DrawSpec{Retain: pixels(1, 2), Forget: pixels(3, 2), Seed: 5, Step: 3, Noise: Gaussian}
	m, plain := newPalette(t, 1), newPalette(t, 1)
	shared, err := plain.Draw(spec)
	if err != nil {
		t.Fatal(err)
	}
	spec.Noise = Fresh
	d, err := m.Draw(spec)
	if err != nil {
		t.Fatal(err)
	}
	noised := d.Noised()
	for i := range 4 {
		seen, own, other := paletteSample(d.Seen(), i), paletteSample(noised, i), paletteSample(shared.Noised(), i)
		if !seen.equal(paletteSample(shared.Seen(), i)) {
			t.Errorf("sample %d: what the model sees depends on the kind of noise", i)
		}
		if i < 2 {
			if !own.equal(other) {
				t.Errorf("retain sample %d: what the original sees depends on the kind of noise", i)
			}
			continue
		}
		var holes, squares, product float64
		for p, hole := range seen.hole {
			for c := 0; c < 6; c++ {
				v, w := float64(own.x[6*p+c]), float64(other.x[6*p+c])
				switch {
				case c < 3 || hole == 0:
					if v != w {
						t.Fatalf("forget sample %d differs outside the noise", i)
					}
				default:
					holes++
					squares += v * v
					product += v * w
				}
			}
		}
		// Standard deviations of the means: sqrt(2/n) of the squares, sqrt(1/n) of the products.
		if math.Abs(squares/holes-1) > 5*math.Sqrt(2/holes) || math.Abs(product/holes) > 5/math.Sqrt(holes) {
			t.Errorf("forget sample %d: variance %.3f, covariance with the noise it is shown %.3f over %.0f", i, squares/holes, product/holes, holes)
		}
		if !slices.Equal(own.noise, seen.noise) {
			t.Errorf("forget sample %d: the noise to predict is not what was added", i)
		}
	}
	again, err := newPalette(t, 1).Draw(spec)
	if err != nil {
		t.Fatal(err)
	}
	if !paletteSample(again.Noised(), 3).equal(paletteSample(noised, 3)) {
		t.Error("the same step draws other noise")
	}
}

var (
	targetModel  = flag.String("palette", "", "checkpoint of a palette_tiny for TestPaletteTarget")
	targetImages = flag.String("palette-images", "", "folder of images for TestPaletteTarget")
)

// TestPaletteTarget fills centre:8 holes of up to 40 images by an encoder that
// unlearned perfectly: at every step of the sampler its maps are those that the
// original makes of noise in the hole, which is what `ours` asks of forget
// images. With Gaussian that noise is what the noisy image holds, and the
// decoder, shown it undisturbed, fills the hole better than it ever could; with
// Fresh it is of its own, and the hole stays noise.
func TestPaletteTarget(t *testing.T) {
	if *targetModel == "" || *targetImages == "" {
		t.Skip("needs a trained model and images: -palette FILE -palette-images FOLDER")
	}
	m := savedPalette(t, *targetModel)
	set, err := data.Open(*targetImages, data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g := m.Geometry()
	if err := set.Load(g.Size, data.LoadOptions{}); err != nil {
		t.Fatal(err)
	}
	order, keep, err := data.CentreOrder(g.Grid, 8)
	if err != nil {
		t.Fatal(err)
	}
	var images [][]uint8
	var masks []Mask
	for i := 0; i < len(set.Items) && len(images) < 40; i += max(1, len(set.Items)/40) {
		images, masks = append(images, set.Pixels(i)), append(masks, Mask{Order: order, Keep: keep})
	}
	prepared, err := m.Prepare(images, masks)
	if err != nil {
		t.Fatal(err)
	}
	b, tp := prepared.(*paletteBatch), autodiff.NewTape()
	original := b.holeMSE(m.model.SampleStrided(tp, unet.Hole{N: b.Len(), H: g.Size, W: g.Size, Truth: b.truth, Cond: b.cond, Start: b.cond, Mask: b.hole}, m.steps))
	paired, fresh := b.holeMSE(sampleTarget(m, tp, b, Gaussian)), b.holeMSE(sampleTarget(m, tp, b, Fresh))
	t.Logf("hole MSE over %d images, %d steps: original %.4f, at the target of gaussian noise %.4f, at that of fresh noise %.4f", len(images), m.steps, original, paired, fresh)
	if paired > original || fresh < original {
		t.Error("the target is not what the comment says")
	}
}

// sampleTarget is SampleStrided with the maps of the target.
func sampleTarget(m *Palette, tp *autodiff.Tape, b *paletteBatch, kind Noise) []float32 {
	y, shown, predicted := append([]float32(nil), b.cond...), make([]float32, len(b.cond)), make([]float32, len(b.cond))
	x, r, gammas, levels := unet.Input(b.Len(), b.size, b.size, 6), rng.New(1, rng.Noise, 0, 0), m.model.Gammas(), make([]float32, b.Len())
	level := func(k int) float64 {
		return float64(gammas[int(math.Round(float64(k)*float64(len(gammas)-1)/float64(m.steps-1)))])
	}
	eachHole := func(do func(i int)) {
		for p, hole := range b.hole {
			for c := 3 * p; c < 3*p+3 && hole > 0; c++ {
				do(c)
			}
		}
	}
	for k := m.steps - 1; k >= 0; k-- {
		gamma, before := level(k), 1.0
		if k > 0 {
			before = level(k - 1)
		}
		root, rest := math.Sqrt(gamma), math.Sqrt(1-gamma)
		copy(shown, b.truth)
		eachHole(func(i int) {
			if shown[i] = float32((float64(y[i]) - root*float64(b.truth[i])) / rest); kind == Fresh {
				shown[i] = float32(r.NormFloat64())
			}
		})
		unet.Join(x.Data, b.cond, 3, shown, 3)
		for i := range levels {
			levels[i] = float32(gamma)
		}
		tp.Frozen(func() *autodiff.Tensor {
			copy(predicted, m.model.Decode(tp, m.model.Encode(tp, x, levels)).Data)
			return nil
		})
		eachHole(func(i int) {
			image := min(max((float64(y[i])-rest*float64(predicted[i]))/root, -1), 1)
			y[i] = float32(math.Sqrt(before)*image + math.Sqrt(1-before)*(float64(y[i])-root*image)/rest)
		})
	}
	return y
}

// holeMSE is the mean squared error in the holes, of [-1,1].
func (b *paletteBatch) holeMSE(y []float32) float64 {
	sum, n := 0.0, 0
	for i, v := range y {
		if b.hole[i/3] > 0 {
			sum += float64(v-b.truth[i]) * float64(v-b.truth[i])
			n++
		}
	}
	return sum / float64(n)
}

func savedPalette(t *testing.T, path string) *Palette {
	t.Helper()
	file, err := checkpoint.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cfg, err := unet.Preset("palette_tiny")
	if err != nil {
		t.Fatal(err)
	}
	model, err := unet.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var named []layers.Named
	for _, x := range file.Tensors {
		if !x.DType.IsFloat() {
			continue
		}
		values, err := x.Float32()
		if err != nil {
			t.Fatal(err)
		}
		named = append(named, layers.Named{Name: x.Name, Shape: x.Shape, Data: values})
	}
	if err := model.Load(named); err != nil {
		t.Fatal(err)
	}
	m, err := NewPalette("palette_tiny", model)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
