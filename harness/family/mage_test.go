package family

import (
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"lethe/autodiff"
	"lethe/harness/data"
	"lethe/layers"
	"lethe/layers/mage"
	"lethe/layers/rng"
)

// newTinyMAGE is a MAGE of 8x8 tokens on images of size pixels.
func newTinyMAGE(t *testing.T) *MAGE {
	t.Helper()
	m, err := mage.New(mage.Config{
		ImgSize: size, PatchSize: 2, InChans: 3, EmbedDim: 16, Depth: 1, NumHeads: 2, DecoderEmbedDim: 12, DecoderDepth: 1,
		DecoderNumHeads: 2, MLPRatio: 2, VQGAN: mage.VQGANConfig{Ch: 32, ChMult: []int{1, 1}, NumResBlocks: 1, ZChannels: 6,
			EmbedDim: 6, NEmbed: 40, Resolution: size, InChannels: 3, OutCh: 3},
	})
	if err != nil {
		t.Fatal(err)
	}
	m.Init(1)
	r := rng.New(1, rng.Noise, 0, 0)
	for _, p := range m.Params() {
		for i := range p.Value.Data {
			p.Value.Data[i] += float32(0.1 * r.NormFloat64())
		}
	}
	layers.Normal(m.VQGAN().Codes().Data, 0.5, r)
	f, err := NewMAGE("tiny", m)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func drawMAGE(t *testing.T, m *MAGE, d DrawSpec) *Draw {
	t.Helper()
	if d.Noise == "" {
		d.Noise = Gaussian
	}
	got, err := m.Draw(d)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// tokensIn are the tokens of a batch, cut into its samples.
func tokensIn(m *MAGE, b Batch) [][]int32 {
	all := b.(*mageBatch).tokens(autodiff.NewTape(), m.model)
	return slices.Collect(slices.Chunk(all, b.(*mageBatch).masks.L))
}

// TestMAGEDraw: masks are drawn a sample and shared, half of the tokens are
// dropped, as many are masked in all samples of a step.
func TestMAGEDraw(t *testing.T) {
	m := newTinyMAGE(t)
	retain, forget := pixels(1, 3), pixels(2, 4)
	d := drawMAGE(t, m, DrawSpec{Retain: retain, Forget: forget, Seed: 5, Step: 7, First: 2})
	if d.Retain != (Group{0, 3}) || d.Forget != (Group{3, 4}) || d.Seen().Len() != 7 {
		t.Fatalf("groups %v and %v of %d", d.Retain, d.Forget, d.Seen().Len())
	}
	mk := d.Seen().(*mageBatch).masks
	if mk.Kept != 32 || mk.L != 64 {
		t.Errorf("%d of %d tokens are kept, want 32 of 64", mk.Kept, mk.L)
	}
	var masked float32
	for i := range 7 {
		var n float32
		for _, v := range mk.Masked[i*64:][:64] {
			n += v
		}
		if i > 0 && n != masked {
			t.Errorf("sample %d has %v masked tokens, sample 0 has %v", i, n, masked)
		}
		masked = n
		if i > 0 && slices.Equal(mk.Masked[i*64:][:64], mk.Masked[:64]) {
			t.Errorf("samples 0 and %d have one mask", i)
		}
	}
	for _, b := range []Batch{d.Noised(), d.Swapped()} {
		if other := b.(*mageBatch).masks; !slices.Equal(other.Masked, mk.Masked) || !slices.Equal(other.Dropped, mk.Dropped) {
			t.Error("another batch of the draw has other masks")
		}
	}
	// The same samples in another cut of the step.
	part := drawMAGE(t, m, DrawSpec{Retain: retain[1:], Forget: forget[1:], Seed: 5, Step: 7, First: 3}).Seen().(*mageBatch).masks
	if !slices.Equal(part.Masked[:2*64], mk.Masked[64:3*64]) || !slices.Equal(part.Dropped[2*64:], mk.Dropped[4*64:]) {
		t.Error("a sample's mask depends on where the batch is cut")
	}
	fixed := drawMAGE(t, m, DrawSpec{Retain: retain, Seed: 5, Step: 7, MaskRatio: 0.75}).Seen().(*mageBatch).masks
	var n float32
	for _, v := range fixed.Masked {
		n += v
	}
	if n != 3*48 {
		t.Errorf("%v tokens of 3 images are masked, want 48 each", n)
	}
}

// TestMAGERatios: the masked fraction's distribution.
// Source: the project's specification, section 1.6 (mean 0.694).
func TestMAGERatios(t *testing.T) {
	const draws = 4000
	var sum float64
	for i := range draws {
		v := truncatedNormal(rng.New(1, rng.Mask, uint64(i), ratioKey))
		if !(v >= 0.5 && v <= 1) {
			t.Fatalf("draw %d is %v", i, v)
		}
		sum += v
	}
	// The deviation of a draw is about 0.13, of the mean of 4000 0.002.
	if mean := sum / draws; !(math.Abs(mean-0.694) <= 0.007) {
		t.Errorf("the mean is %v, want 0.694", mean)
	}
}

// TestMAGENoisedAndSwapped: what stands in place of the forget images' tokens.
func TestMAGENoisedAndSwapped(t *testing.T) {
	m := newTinyMAGE(t)
	d := drawMAGE(t, m, DrawSpec{Retain: pixels(1, 2), Forget: pixels(2, 3), Seed: 5, Step: 7})
	seen, noised, swapped := tokensIn(m, d.Seen()), tokensIn(m, d.Noised()), tokensIn(m, d.Swapped())
	for i := range 2 {
		if !slices.Equal(noised[i], seen[i]) || !slices.Equal(swapped[i], seen[i]) {
			t.Errorf("retain sample %d was replaced", i)
		}
	}
	for i := range 3 {
		if !slices.Equal(swapped[2+i], seen[i%2]) {
			t.Errorf("forget sample %d is not retain sample %d", i, i%2)
		}
		noise := make([]float32, one)
		r := rng.New(5, rng.Noise, 7, 2*uint64(i)+1)
		for k := range noise {
			c := k / (size * size)
			noise[k] = float32(r.NormFloat64())*data.ImageNetStd[c] + data.ImageNetMean[c]
		}
		want := m.model.Tokens(autodiff.NewTape(), autodiff.FromSlice(noise, 1, 3, size, size))
		if !slices.Equal(noised[2+i], want) {
			t.Errorf("forget sample %d has not the tokens of its noise image", i)
		}
	}
}

// TestMAGENoisyLabels: the truth of a noised batch is random token numbers, kept
// in the codebook; that of the other batches is their tokens.
func TestMAGENoisyLabels(t *testing.T) {
	m := newTinyMAGE(t)
	d := drawMAGE(t, m, DrawSpec{Retain: pixels(1, 2), Forget: pixels(2, 3), Seed: 5, Step: 7})
	tp := autodiff.NewTape()
	seen := tokensIn(m, d.Seen())
	mean, std := tokenStats(slices.Concat(seen...))
	truth := m.Truth(tp, d.Noised())
	for i := range 5 {
		r := rng.New(5, rng.Noise, 7, 2*uint64(i-2)+1)
		for j := range 64 {
			want := float64(seen[i][j])
			if i >= 2 {
				want = math.RoundToEven(min(max(r.NormFloat64()*std+mean, 0), 39))
			}
			if got := float64(truth.Data[i*64+j]); got != want {
				t.Fatalf("sample %d, token %d: the truth is %v, want %v", i, j, got, want)
			}
		}
	}
	for _, b := range []Batch{d.Seen(), d.Swapped()} {
		for i, token := range slices.Concat(tokensIn(m, b)...) {
			if m.Truth(tp, b).Data[i] != float32(token) {
				t.Fatalf("the truth of token %d is not the token", i)
			}
		}
	}
}

// TestMAGETokensOnce: a clone takes over the tokens that its original computed,
// another model does not.
func TestMAGETokensOnce(t *testing.T) {
	m := newTinyMAGE(t)
	calls := 0
	tokens := once(func(*autodiff.Tape, *mage.Model) []int32 { calls++; return []int32{int32(calls)} })
	clone, err := m.Clone(func(name string) bool { return strings.HasPrefix(name, "blocks.") })
	if err != nil {
		t.Fatal(err)
	}
	other := newTinyMAGE(t)
	for i, row := range []struct {
		m    *mage.Model
		want int32
	}{{m.model, 1}, {clone.(*MAGE).model, 1}, {m.model, 1}, {other.model, 2}, {other.model, 2}} {
		if got := tokens(autodiff.NewTape(), row.m); got[0] != row.want {
			t.Errorf("call %d: computation %d, want %d", i, got[0], row.want)
		}
	}
}

func TestMAGEClone(t *testing.T) {
	m := newTinyMAGE(t)
	m.Untie()
	owned := func(name string) bool { return strings.HasPrefix(name, "token_emb.") }
	c, err := m.Clone(owned)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Params()) != len(m.Params()) {
		t.Fatalf("the clone has %d tensors, want %d", len(c.Params()), len(m.Params()))
	}
	for i, p := range m.Params() {
		q := c.Params()[i]
		if shared := &q.Value.Data[0] == &p.Value.Data[0]; shared == owned(p.Name) || !slices.Equal(p.Value.Data, q.Value.Data) {
			t.Errorf("%s: shared %v", p.Name, shared)
		}
	}
	c.Params()[0].Value.Data[0] += 0
	for _, p := range c.Encoder() {
		if p.Name == "token_emb.word_embeddings.weight" {
			p.Value.Data[0]++
		}
	}
	if m.model.HeadDiffers() || !c.(*MAGE).model.HeadDiffers() {
		t.Error("training the clone's word embedding should set its head apart, and its alone")
	}
}

// TestMAGELoss: of a group, over its own masked tokens.
func TestMAGELoss(t *testing.T) {
	m := newTinyMAGE(t)
	d := drawMAGE(t, m, DrawSpec{Retain: pixels(1, 2), Forget: pixels(2, 3), Seed: 5, Step: 7})
	tp := autodiff.NewTape()
	b := d.Seen()
	out, truth := m.Output(tp, b), m.Truth(tp, b)
	all := float64(m.Loss(tp, out, truth, b, Group{0, 5}).Data[0])
	retain := float64(m.Loss(tp, out, truth, b, d.Retain).Data[0])
	forget := float64(m.Loss(tp, out, truth, b, d.Forget).Data[0])
	// As many tokens of each image are masked, so the whole is the mean of images.
	if want := (2*retain + 3*forget) / 5; !(math.Abs(all-want) <= 1e-5*want) {
		t.Errorf("the loss of all is %v, that of the groups says %v", all, want)
	}
}

// TestMAGEComplete: known pixels far from the hole stay, pixels in the hole are
// made, the ring between is a mixture, and nothing depends on what was removed.
func TestMAGEComplete(t *testing.T) {
	m := newTinyMAGE(t)
	order, keep, err := data.CentreOrder(8, 2)
	if err != nil {
		t.Fatal(err)
	}
	images := pixels(3, 2)
	complete := func(images [][]uint8) Completion {
		masks := make([]Mask, len(images))
		for i := range masks {
			masks[i] = Mask{Order: order, Keep: keep}
		}
		b, err := m.Prepare(images, masks)
		if err != nil {
			t.Fatal(err)
		}
		c := m.Complete(autodiff.NewTape(), b)
		c.Input = slices.Clone(c.Input)
		return c
	}
	c := complete(images)
	if len(c.Features) != 2*c.FeatureLen || c.FeatureLen != (1+64)*16 {
		t.Errorf("%d features, %d an image", len(c.Features), c.FeatureLen)
	}
	plane := size * size
	for i := range 2 {
		for k := range plane {
			y, x := k/size, k%size
			hole := y >= 6 && y < 10 && x >= 6 && x < 10 // 2x2 tokens of 2 pixels
			if (c.Removed[i*plane+k] == 1) != hole {
				t.Fatalf("pixel %d,%d of image %d: removed %v", y, x, i, c.Removed[i*plane+k])
			}
			far := y < 4 || y >= 12 || x < 4 || x >= 12 // 1 pixel of dilation, three blurs of box 0 and a part
			for ch := range 3 {
				at := (3*i+ch)*plane + k
				if far && c.Predicted[at] != c.Input[at] {
					t.Fatalf("pixel %d,%d of image %d changed from %v to %v", y, x, i, c.Input[at], c.Predicted[at])
				}
			}
		}
	}
	changed := [][]uint8{slices.Clone(images[0]), images[1]}
	for y := 6; y < 10; y++ {
		for x := 6; x < 10; x++ {
			changed[0][3*(y*size+x)] ^= 0xff
		}
	}
	if again := complete(changed); !slices.Equal(again.Predicted, c.Predicted) || !slices.Equal(again.Features, c.Features) {
		t.Error("the completion depends on pixels that were removed")
	}
	if alone := complete(images[1:]); !slices.Equal(alone.Predicted, c.Predicted[3*plane:]) {
		t.Error("an image's completion depends on its company")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if one := complete(images); !slices.Equal(one.Predicted, c.Predicted) {
		t.Error("one worker completes otherwise")
	}
}

// TestMAGEHoles: which tokens are unknown. Scale: 8x8 tokens of 2 pixels.
func TestMAGEHoles(t *testing.T) {
	m := newTinyMAGE(t)
	centre, centreKeep, err := data.CentreOrder(8, 4)
	if err != nil {
		t.Fatal(err)
	}
	outpaint, outpaintKeep, err := data.OutpaintOrder(8, 4)
	if err != nil {
		t.Fatal(err)
	}
	random := data.RandomOrder(rng.New(1, rng.Eval, 0, 0), 64)
	for _, row := range []struct {
		name    string
		mask    Mask
		unknown int
		dilated bool
	}{
		{"centre", Mask{Order: centre, Keep: centreKeep}, 36, true},
		{"outpaint", Mask{Order: outpaint, Keep: outpaintKeep}, 60, true},
		{"random", Mask{Order: random, Keep: 20}, 44, false},
	} {
		b, err := m.Prepare(pixels(1, 1), []Mask{row.mask})
		if err != nil {
			t.Fatal(err)
		}
		mb := b.(*mageBatch)
		unknown := 0
		for _, v := range mb.masks.Masked {
			unknown += int(v)
		}
		if unknown != row.unknown {
			t.Errorf("%s: %d tokens are unknown, want %d", row.name, unknown, row.unknown)
		}
		if filled := !slices.Equal(mb.holes.filled.Data, mb.holes.images.Data); filled != row.dilated {
			t.Errorf("%s: the hole is filled: %v", row.name, filled)
		}
		for i, v := range mb.holes.removed {
			if v == 1 && row.dilated && mb.holes.filled.Data[i] != data.ImageNetMean[0] {
				t.Fatalf("%s: pixel %d of the hole is %v, want ImageNet's mean", row.name, i, mb.holes.filled.Data[i])
			}
			if !row.dilated && mb.holes.blend[i] != v {
				t.Fatalf("%s: pixel %d is blended by %v", row.name, i, mb.holes.blend[i])
			}
		}
	}
	// A border of half a token, which no cell can say.
	b, err := m.Prepare(pixels(1, 1), []Mask{{Order: outpaint, Keep: 36, Border: 1}})
	if err != nil {
		t.Fatal(err)
	}
	unknown, removed := 0, 0
	for _, v := range b.(*mageBatch).masks.Masked {
		unknown += int(v)
	}
	for _, v := range b.(*mageBatch).holes.removed {
		removed += int(v)
	}
	if unknown != 64-4*4 || removed != 4*(size-1) { // three pixels, so two tokens on each side
		t.Errorf("a border of half a token: %d tokens are unknown and %d pixels removed, want 48 and %d", unknown, removed, 4*(size-1))
	}
	for _, border := range []int{-1, size / 2} {
		if _, err := m.Prepare(pixels(1, 1), []Mask{{Order: outpaint, Keep: 36, Border: border}}); err == nil || !strings.Contains(err.Error(), "border") {
			t.Errorf("a border of %d pixels: %v", border, err)
		}
	}
	if _, err := m.Prepare(pixels(1, 1), nil); err == nil {
		t.Error("an image without a mask is not refused")
	}
}

func TestMAGENormalized(t *testing.T) {
	m := newTinyMAGE(t)
	px := pixels(4, 1)[0]
	in, out := make([]float32, one), make([]float32, one)
	m.Normalized(in, px)
	m.Displayed(out, in)
	for k := range size * size {
		for c := range 3 {
			if want := float32(px[3*k+c]) / 255; in[c*size*size+k] != want || out[c*size*size+k] != want {
				t.Fatalf("pixel %d is %v and %v, want %v", k, in[c*size*size+k], out[c*size*size+k], want)
			}
		}
	}
	m.Displayed(out, []float32{-1, 2, 0.5})
	if out[0] != 0 || out[1] != 1 || out[2] != 0.5 {
		t.Errorf("shown as %v", out[:3])
	}
}

func TestMAGEDrawRefuses(t *testing.T) {
	m := newTinyMAGE(t)
	for _, row := range []struct {
		d    DrawSpec
		want string
	}{
		{DrawSpec{Retain: pixels(1, 1), Noise: "pink"}, "pink"},
		{DrawSpec{Retain: pixels(1, 1), Noise: Gaussian, MaskRatio: 0.4}, "mask ratio 0.4"},
		{DrawSpec{Retain: pixels(1, 1), Noise: Gaussian, MaskRatio: math.NaN()}, "mask ratio NaN"},
		{DrawSpec{Retain: [][]uint8{{1, 2}}, Noise: Gaussian}, "image 0 has 2 values"},
	} {
		if _, err := m.Draw(row.d); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("error is %v, want one with %q", err, row.want)
		}
	}
}

// TestUnitNoise: the other two kinds of noise.
func TestUnitNoise(t *testing.T) {
	forget := make([]float32, 2*12) // two images of 3x2x2
	images := make([]float32, 4*12)
	r := rng.New(2, rng.World, 0, 0)
	for i := range images {
		images[i] = r.Float32()
	}
	copy(images[24:36], images[36:]) // the forget images are equal: no deviation
	d := DrawSpec{Retain: make([][]uint8, 2), Forget: make([][]uint8, 2), Seed: 1, Noise: DiagForget}
	drawUnitNoise(forget, images, d)
	for i, v := range forget {
		if want := data.ImageNetMean[i%12/4]; v != want {
			t.Errorf("without deviation element %d is %v, want %v", i, v, want)
		}
	}
	d.Noise = BatchNoise
	drawUnitNoise(forget, images, d)
	mean, std := unitStats(images)
	n := rng.New(1, rng.Noise, 0, 1)
	for i, v := range forget[:12] {
		if want := float32(min(max(n.NormFloat64()*std+mean, 0), 1)); v != want {
			t.Errorf("element %d is %v, want %v", i, v, want)
		}
	}
}
