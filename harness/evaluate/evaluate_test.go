package evaluate

import (
	"context"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"lethe/autodiff"
	"lethe/harness/data"
	"lethe/harness/family"
	"lethe/harness/metric"
	"lethe/layers/mae"
	"lethe/layers/rng"
)

const one = 3 * 16 * 16

func newTiny(t *testing.T, seed uint64) *family.MAE {
	t.Helper()
	m, err := mae.New(mae.Config{ImgSize: 16, PatchSize: 4, InChans: 3, EmbedDim: 32, Depth: 1, NumHeads: 2,
		DecoderEmbedDim: 16, DecoderDepth: 1, DecoderNumHeads: 2, MLPRatio: 2})
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

func group(name string, seed uint64, n int) Group {
	g := Group{Name: name}
	for i := range n {
		r := rng.New(seed, rng.World, 0, uint64(i))
		p := make([]uint8, one)
		for j := range p {
			p[j] = uint8(r.IntN(256))
		}
		g.Pixels, g.Labels = append(g.Pixels, p), append(g.Labels, name)
	}
	return g
}

var bothMasks = []MaskKind{{Kind: "random", Ratio: 0.75}, {Kind: "centre", Cells: 2}}

// TestCompareByHand measures one image in the test and through Compare.
func TestCompareByHand(t *testing.T) {
	before, after := newTiny(t, 1), newTiny(t, 2)
	g := group("retain", 1, 3)
	res, _, err := Compare(context.Background(), before, after, []Group{g}, Options{Masks: bothMasks, Batch: 2, Seed: 9})
	if err != nil {
		t.Fatal(err)
	}
	for _, side := range []struct {
		m    *family.MAE
		got  Masked
		name string
	}{{before, res.Before["retain"], "before"}, {after, res.After["retain"], "after"}} {
		for _, kind := range bothMasks {
			var mse, psnr, ssim, shift float64
			for i := range g.Pixels {
				mk, err := kind.mask(squares(4), 9, 0, i)
				if err != nil {
					t.Fatal(err)
				}
				complete := func(m *family.MAE) family.Completion {
					b, err := m.Prepare(g.Pixels[i:i+1], []family.Mask{mk})
					if err != nil {
						t.Fatal(err)
					}
					return m.Complete(autodiff.NewTape(), b)
				}
				c, o := complete(side.m), complete(before)
				var squares, moved, n float64
				for k := range one {
					if c.Removed[k%256] == 1 {
						d, e := float64(c.Predicted[k])-float64(c.Input[k]), float64(c.Predicted[k])-float64(o.Predicted[k])
						squares, moved, n = squares+d*d, moved+e*e, n+1
					}
				}
				mse, shift = mse+squares/n/3, shift+moved/n/3
				shown, truth := make([]float32, one), make([]float32, one)
				side.m.Displayed(shown, c.Predicted)
				side.m.Displayed(truth, c.Input)
				a, b := metric.Image{C: 3, H: 16, W: 16, Pix: shown}, metric.Image{C: 3, H: 16, W: 16, Pix: truth}
				p, err := metric.PSNR(a, b)
				if err != nil {
					t.Fatal(err)
				}
				s, err := metric.SSIM(a, b)
				if err != nil {
					t.Fatal(err)
				}
				psnr, ssim = psnr+p/3, ssim+s/3
			}
			m := side.got.Masks[kind.String()]
			for what, pair := range map[string][2]float64{"mse": {m.HoleMSE, mse}, "psnr": {m.PSNR, psnr}, "ssim": {m.SSIM, ssim}, "shift": {m.Shift, shift}} {
				if !(math.Abs(pair[0]-pair[1]) <= 1e-9*math.Max(1, math.Abs(pair[1]))) {
					t.Errorf("%s, %s, %s: %g, want %g", side.name, kind, what, pair[0], pair[1])
				}
			}
			if m.Images != 3 || m.Summary["hole_mse"].Mean != m.HoleMSE {
				t.Errorf("%s, %s: %d images, summary %+v", side.name, kind, m.Images, m.Summary["hole_mse"])
			}
		}
		if !reflect.DeepEqual(side.got.Metrics, side.got.Masks["random:0.75"]) {
			t.Errorf("%s: the first mask is not at the top", side.name)
		}
	}
	want := res.After["retain"].HoleMSE / res.Before["retain"].HoleMSE
	if r := res.Ratio["retain"]; !(math.Abs(r.Value-want) <= 1e-12) || !(r.Interval[0] <= r.Value && r.Value <= r.Interval[1]) {
		t.Errorf("ratio %+v, want %g", r, want)
	}
	if b := res.Before["retain"]; b.EncoderRMS != 0 || b.EncoderUnit != 0 || b.Shift != 0 {
		t.Errorf("the original differs from itself: %+v", b.Metrics)
	}
}

// TestMasksAreFixed: results depend on the seed, not on the batch, the threads,
// the other groups behind it, or the model after.
func TestMasksAreFixed(t *testing.T) {
	before, after := newTiny(t, 1), newTiny(t, 2)
	groups := []Group{group("retain", 1, 5), group("forget", 2, 4)}
	compare := func(o Options, gs []Group, a family.Model) Result {
		o.Masks = bothMasks
		res, _, err := Compare(context.Background(), before, a, gs, o)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	want := compare(Options{Batch: 5, Seed: 3}, groups, after)
	for _, batch := range []int{1, 2, 3, 100} {
		if got := compare(Options{Batch: batch, Seed: 3}, groups, after); !reflect.DeepEqual(got, want) {
			t.Errorf("batches of %d give another result", batch)
		}
	}
	if got := compare(Options{Batch: 5, Seed: 3}, groups[:1], nil); !reflect.DeepEqual(got.Before["retain"], want.Before["retain"]) || len(got.After) != 0 || len(got.Ratio) != 0 {
		t.Error("the original alone gives another result")
	}
	same := compare(Options{Batch: 5, Seed: 3}, groups, before)
	if same.Ratio["forget"].Value != 1 || same.Ratio["retain"].Interval != [2]float64{1, 1} {
		t.Errorf("a model against itself: %+v", same.Ratio)
	}
	if other := compare(Options{Batch: 5, Seed: 4}, groups, after); other.Before["retain"].HoleMSE == want.Before["retain"].HoleMSE {
		t.Error("another seed gives the same masks")
	}
	// two groups of the same images have masks of their own
	twins := compare(Options{Batch: 5, Seed: 3}, []Group{groups[0], {Name: "twin", Pixels: groups[0].Pixels}}, after)
	if twins.Before["twin"].Masks["random:0.75"].HoleMSE == twins.Before["retain"].Masks["random:0.75"].HoleMSE || twins.Before["twin"].Masks["centre:2"].HoleMSE != twins.Before["retain"].Masks["centre:2"].HoleMSE {
		t.Error("random masks are shared between groups, or the centre is not")
	}
}

func TestPictures(t *testing.T) {
	before, after := newTiny(t, 1), newTiny(t, 2)
	g := group("retain", 1, 5)
	var heard [][2]int
	_, pictures, err := Compare(context.Background(), before, after, []Group{g, {Name: "empty"}}, Options{
		Masks: bothMasks, Batch: 2, Seed: 3, Shown: 3, Progress: func(done, total int) { heard = append(heard, [2]int{done, total}) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := [][2]int{{2, 10}, {4, 10}, {5, 10}, {7, 10}, {9, 10}, {10, 10}}; !slices.Equal(heard, want) {
		t.Errorf("progress %v, want %v", heard, want)
	}
	if len(pictures) != 6 {
		t.Fatalf("%d pictures, want 3 a mask", len(pictures))
	}
	for i, p := range pictures {
		if p.Group != "retain" || p.Label != "retain" || p.Mask != bothMasks[i/3].String() {
			t.Errorf("picture %d is of %s, %s, %s", i, p.Group, p.Label, p.Mask)
		}
		for k := range one {
			v := float32(g.Pixels[i%3][3*(k%256)+k/256]) / 255
			hidden := p.Masked[k] == 0.5
			if math.Abs(float64(p.Input[k]-v)) > 1e-6 || !hidden && (p.Masked[k] != p.Input[k] || p.Before[k] != p.Input[k] || p.After[k] != p.Input[k]) {
				t.Fatalf("picture %d, value %d: input %g of %g, masked %g, before %g, after %g", i, k, p.Input[k], v, p.Masked[k], p.Before[k], p.After[k])
			}
		}
		if slices.Equal(p.Before, p.After) {
			t.Errorf("picture %d is the same before and after", i)
		}
	}
}

func TestStops(t *testing.T) {
	m := newTiny(t, 1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := Compare(ctx, m, nil, []Group{group("retain", 1, 2)}, Options{Masks: bothMasks, Batch: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: %v", err)
	}
	broken := newTiny(t, 2)
	for _, p := range broken.Params() {
		if p.Name == "decoder_pred.bias" {
			p.Value.Data[0] = float32(math.NaN())
		}
	}
	var notFinite *NotFiniteError
	_, _, err := Compare(context.Background(), m, broken, []Group{group("retain", 1, 2)}, Options{Masks: bothMasks, Batch: 1})
	if !errors.As(err, &notFinite) || !notFinite.Unlearned || !strings.Contains(err.Error(), "unlearned") {
		t.Errorf("an unlearned model that gives NaN: %v", err)
	}
	_, _, err = Compare(context.Background(), broken, m, []Group{group("retain", 1, 2)}, Options{Masks: bothMasks, Batch: 1})
	if !errors.As(err, &notFinite) || notFinite.Unlearned {
		t.Errorf("an original that gives NaN: %v", err)
	}
	bad := group("retain", 1, 1)
	bad.Pixels[0] = bad.Pixels[0][:5]
	if _, _, err := Compare(context.Background(), m, nil, []Group{bad}, Options{Masks: bothMasks, Batch: 1}); err == nil || !strings.Contains(err.Error(), "evaluating retain") {
		t.Errorf("an image of another size: %v", err)
	}
}

func TestParseMaskKind(t *testing.T) {
	for text, want := range map[string]MaskKind{
		"random:0.75": {Kind: "random", Ratio: 0.75}, "random:.5": {Kind: "random", Ratio: 0.5}, "centre:4": {Kind: "centre", Cells: 4},
		"center:2": {Kind: "centre", Cells: 2}, "outpaint:8": {Kind: "outpaint", Cells: 8},
		"uncrop:13": {Kind: "uncrop", Cells: 13},
	} {
		k, err := ParseMaskKind(text)
		if err != nil || k != want {
			t.Errorf("%s is %+v: %v", text, k, err)
		}
		if again, err := ParseMaskKind(k.String()); err != nil || again != k {
			t.Errorf("%s reads as %+v: %v", k, again, err)
		}
	}
	for _, text := range []string{"", "random", "random:", "random:0", "random:1", "random:-1", "random:NaN", "random:x", "centre:0", "centre:-1", "centre:1.5",
		"centre:", "outpaint:x", "uncrop:0", "uncrop:16", "uncrop:x", "star:3", "Random:0.5", "random:0.5:1"} {
		if k, err := ParseMaskKind(text); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%q is %+v: %v", text, k, err)
		}
	}
}

// squares is an image of g x g cells of 16 pixels.
func squares(g int) family.Geometry { return family.Geometry{Size: 16 * g, Grid: g} }

// TestUncrop: at 256 pixels and 16 cells, ratio k/16 removes 8*k pixels on every
// side; an odd k cuts cells in half.
func TestUncrop(t *testing.T) {
	for k := 1; k <= 15; k++ {
		mk, err := (MaskKind{Kind: "uncrop", Cells: k}).mask(squares(16), 1, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		border, inner := 8*k, 16-2*((k+1)/2)
		if k%2 == 0 {
			border = 0
		}
		if mk.Border != border || mk.Keep != inner*inner || len(mk.Order) != 256 {
			t.Errorf("uncrop:%d keeps %d of %d cells with a border of %d, want %d and %d", k, mk.Keep, len(mk.Order), mk.Border, inner*inner, border)
		}
	}
	small := family.Geometry{Size: 16, Grid: 4}
	if err := (MaskKind{Kind: "uncrop", Cells: 1}).Fits(small); err == nil || !strings.Contains(err.Error(), "mask uncrop:1: 1/32 of 16 pixels") {
		t.Errorf("a border below a pixel: %v", err)
	}
	patches := squares(16)
	patches.Whole = true
	if err := (MaskKind{Kind: "uncrop", Cells: 3}).Fits(patches); err == nil || !strings.Contains(err.Error(), "24 pixels is not whole patches of 16") {
		t.Errorf("a border of one patch and a half: %v", err)
	}
	if err := (MaskKind{Kind: "uncrop", Cells: 4}).Fits(patches); err != nil {
		t.Errorf("a border of two patches: %v", err)
	}
	whole, err := (MaskKind{Kind: "uncrop", Cells: 8}).mask(small, 1, 0, 0)
	if err != nil || whole.Border != 0 || whole.Keep != 4 {
		t.Errorf("a border of one cell: %+v, %v", whole, err)
	}
}

func TestMaskKindsFit(t *testing.T) {
	for _, c := range []struct {
		text string
		grid int
		keep int // 0: does not fit
	}{
		{"random:0.75", 8, 16}, {"random:0.75", 14, 49}, {"random:0.9", 3, 0}, {"random:0.99", 4, 0}, {"random:1e-17", 4, 0},
		{"centre:4", 8, 48}, {"centre:8", 14, 132}, {"centre:4", 4, 0}, {"centre:5", 4, 0}, {"outpaint:4", 8, 16}, {"outpaint:8", 8, 0},
	} {
		k, err := ParseMaskKind(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Fits(squares(c.grid)); (err == nil) != (c.keep > 0) || err != nil && !strings.Contains(err.Error(), k.String()) {
			t.Errorf("%s on %d x %d: %v", c.text, c.grid, c.grid, err)
		}
		if c.keep == 0 {
			continue
		}
		mk, err := k.mask(squares(c.grid), 1, 2, 3)
		if err != nil || mk.Keep != c.keep || len(mk.Order) != c.grid*c.grid {
			t.Errorf("%s on %d x %d keeps %d of %d: %v", c.text, c.grid, c.grid, mk.Keep, len(mk.Order), err)
		}
	}
	for grid, want := range map[int]string{2: "random:0.75", 4: "random:0.75", 8: "random:0.75 centre:4", 14: "random:0.75 centre:4 centre:8"} {
		var names []string
		for _, k := range DefaultMasks(grid) {
			names = append(names, k.String())
			if err := k.Fits(squares(grid)); err != nil {
				t.Error(err)
			}
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("the masks of a grid of %d are %s, want %s", grid, got, want)
		}
	}
	mk, err := (MaskKind{Kind: "random", Ratio: 0.5}).mask(squares(4), 1, 0, 0)
	if err != nil || !slices.Equal(mk.Order, data.RandomOrder(rng.New(1, rng.Eval, 0, 0), 16)) {
		t.Errorf("the mask is not that of its seed, group and image: %v", err)
	}
}
