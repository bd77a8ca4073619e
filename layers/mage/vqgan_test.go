package mage

import (
	"math"
	"slices"
	"strings"
	"testing"

	"lethe/autodiff"
	"lethe/layers"
	"lethe/layers/rng"
)

func drawnVQGAN(t *testing.T, cfg VQGANConfig) *VQGAN {
	t.Helper()
	v, err := NewVQGAN(cfg)
	if err != nil {
		t.Fatal(err)
	}
	v.Init(1)
	jiggle(v.Params(), 1)
	return v
}

// TestShortcutDropsItsInput: where the channels change, out = W h + h, so that
// shifting the input of the first normalization's group changes nothing that a
// skip connection would show.
func TestShortcutDropsItsInput(t *testing.T) {
	set := layers.Allocate(slices.Concat(resBlockSpecs("wide", 32, 64), resBlockSpecs("same", 32, 32)))
	set.Init(1)
	jiggle(set.Params(), 2)
	r := rng.New(3, rng.Noise, 0, 0)
	x := autodiff.New(1, 4, 4, 32)
	layers.Normal(x.Data, 1, r)
	tp := autodiff.NewTape()
	for _, row := range []struct {
		name string
		out  int
	}{{"wide", 64}, {"same", 32}} {
		b := newResBlock(set, row.name, 32, row.out)
		h := b.conv2.Forward(tp, b.norm2.Forward(tp, b.conv1.Forward(tp, b.norm1.Forward(tp, x))))
		want := slices.Clone(h.Data)
		if row.out == 32 {
			for i, v := range x.Data {
				want[i] += v
			}
		} else {
			w := set.Tensor("wide.nin_shortcut.weight").Data // [64,1,1,64]
			for p := range 16 {
				for o := range 64 {
					var sum float64
					for c := range 64 {
						sum += float64(w[o*64+c]) * float64(h.Data[p*64+c])
					}
					want[p*64+o] = float32(float64(h.Data[p*64+o]) + sum)
				}
			}
		}
		got := b.forward(tp, x)
		for i := range want {
			// 64 products and one sum of values up to some 10.
			if !(math.Abs(float64(got.Data[i]-want[i])) <= 1e-4) {
				t.Fatalf("%s: element %d is %v, want %v", row.name, i, got.Data[i], want[i])
			}
		}
	}
}

func TestVQGANShapes(t *testing.T) {
	v := drawnVQGAN(t, smallVQGAN())
	tp := autodiff.NewTape()
	images := ChannelsLast(pictures(rng.New(1, rng.Noise, 0, 0), 3, 2, 12))
	z := v.Encode(tp, images)
	if want := []int{3, 6, 6, 5}; !slices.Equal(z.Shape(), want) {
		t.Fatalf("the vectors are %v, want %v", z.Shape(), want)
	}
	tokens := v.Nearest(tp, z)
	codes := v.Lookup(tp, tokens, 3, 6)
	for i, token := range tokens {
		best := math.Inf(1)
		for c := range 20 {
			best = min(best, squaredDistance(z.Data[i*5:][:5], v.codes.Data[c*5:][:5]))
		}
		// The distance of the choice is the least, but for the rounding of a
		// search in float32 over values of order 1.
		if d := squaredDistance(z.Data[i*5:][:5], codes.Data[i*5:][:5]); !(d <= best+1e-5) {
			t.Errorf("vector %d: code %d is %v away, the nearest %v", i, token, d, best)
		}
	}
	if out := v.Decode(tp, codes); !slices.Equal(out.Shape(), images.Shape()) {
		t.Errorf("the picture is %v, want %v", out.Shape(), images.Shape())
	}
}

func TestRestart(t *testing.T) {
	v := drawnVQGAN(t, smallVQGAN())
	z := autodiff.New(1, 6, 6, 5)
	layers.Normal(z.Data, 1, rng.New(4, rng.Noise, 0, 0))
	layers.Normal(v.codes.Data, 1, rng.New(5, rng.Noise, 0, 0))
	for i := range 5 { // codes 7 and 13 are far from everything
		v.codes.Data[7*5+i], v.codes.Data[13*5+i] = 100, -50
	}
	tp := autodiff.NewTape()
	tokens := v.Nearest(tp, z)
	before := slices.Clone(v.codes.Data)
	if moved := v.Restart(tp, z, tokens, false, rng.New(1, rng.Init, 0, 0)); moved < 2 {
		t.Fatalf("%d codes moved, want at least the two that are lost", moved)
	}
	isRow := func(code []float32) bool {
		for i := range 36 {
			if slices.Equal(code, z.Data[i*5:][:5]) {
				return true
			}
		}
		return false
	}
	used := map[int32]bool{}
	for _, token := range tokens {
		used[token] = true
	}
	for i := range 20 {
		code := v.codes.Data[i*5:][:5]
		switch same := slices.Equal(code, before[i*5:][:5]); {
		case used[int32(i)] && !same:
			t.Errorf("code %d was in use and moved", i)
		case !same && !isRow(code):
			t.Errorf("code %d moved to %v, which is no vector", i, code)
		case (i == 7 || i == 13) && same:
			t.Errorf("code %d is still lost", i)
		}
	}
	if moved := v.Restart(tp, z, v.Nearest(tp, z), true, rng.New(1, rng.Init, 0, 0)); moved != 20 {
		t.Errorf("%d codes moved, want all 20", moved)
	}
	n, perplexity := Usage(v.Nearest(tp, z), 20)
	if n != 20 || !(perplexity > 15 && perplexity <= 20) {
		t.Errorf("a codebook of its own vectors: %d of 20 codes are used, perplexity %v", n, perplexity)
	}
}

func TestUsage(t *testing.T) {
	if n, p := Usage([]int32{3, 3, 1, 1, 3, 1}, 5); n != 2 || !(math.Abs(p-2) <= 1e-12) {
		t.Errorf("two codes alike: %d, perplexity %v", n, p)
	}
	if n, p := Usage([]int32{4, 4, 4}, 5); n != 1 || p != 1 {
		t.Errorf("one code: %d, perplexity %v", n, p)
	}
}

// TestStraightThrough: the gradient of the whole tokenizer reaches the encoder
// past the choice of codes.
func TestStraightThrough(t *testing.T) {
	v := drawnVQGAN(t, smallVQGAN())
	layers.SetTrainable(v.Params(), true)
	tp := autodiff.NewTape()
	images := ChannelsLast(pictures(rng.New(1, rng.Noise, 0, 0), 2, 2, 12))
	z := v.Encode(tp, images)
	near := v.Lookup(tp, v.Nearest(tp, z), 2, 6)
	out := v.Decode(tp, tp.Add(z, tp.Detach(tp.Sub(near, z))))
	tp.Backward(tp.MSE(out, images))
	for _, p := range v.Params() {
		if got, want := p.Value.Grad() != nil, p.Name != codesKey; got != want {
			t.Errorf("%s has a gradient: %v, want %v", p.Name, got, want)
		}
		if strings.HasPrefix(p.Name, "encoder.") && p.Value.Grad() != nil && !slices.ContainsFunc(p.Value.Grad(), func(g float32) bool { return g != 0 }) {
			t.Errorf("%s: the gradient is 0", p.Name)
		}
	}
}
