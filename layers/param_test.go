package layers

import (
	"math"
	"slices"
	"strings"
	"testing"

	"lethe/layers/rng"
)

func blockSet() *Set {
	return Allocate(slices.Concat(
		[]Spec{{Name: "token", Shape: []int{1, 1, 8}, Start: StartToken},
			{Name: "pos", Shape: []int{1, 4, 8}, Fixed: true, Start: StartKept}},
		BlockSpecs("b", BlockShape{Width: 8, Hidden: 12, Heads: 2, Eps: 1e-6})))
}

func TestBlockKeys(t *testing.T) {
	var got []string
	for _, p := range blockSet().Params() {
		got = append(got, p.Name)
	}
	want := []string{"token", "pos", "b.norm1.weight", "b.norm1.bias", "b.attn.qkv.weight", "b.attn.qkv.bias",
		"b.attn.proj.weight", "b.attn.proj.bias", "b.norm2.weight", "b.norm2.bias",
		"b.mlp.fc1.weight", "b.mlp.fc1.bias", "b.mlp.fc2.weight", "b.mlp.fc2.bias"}
	if !slices.Equal(got, want) {
		t.Errorf("keys are %v, want %v", got, want)
	}
}

func TestInit(t *testing.T) {
	s := blockSet()
	for _, p := range s.Params() {
		for i := range p.Value.Data {
			p.Value.Data[i] = 5
		}
	}
	s.Init(3)
	bound := float32(math.Sqrt(6.0 / (24 + 8))) // qkv counts as one product of 24 rows
	for _, p := range s.Params() {
		low, high := slices.Min(p.Value.Data), slices.Max(p.Value.Data)
		ok := false
		switch {
		case p.Name == "pos":
			ok = low == 5 && high == 5
		case p.Name == "token":
			ok = low < 0 && high > 0 && max(-low, high) < 6*TokenDeviation
		case strings.HasSuffix(p.Name, ".bias"):
			ok = low == 0 && high == 0
		case strings.Contains(p.Name, "norm"):
			ok = low == 1 && high == 1
		case p.Name == "b.attn.qkv.weight":
			ok = low < -0.9*bound && low >= -bound && high > 0.9*bound && high <= bound
		default:
			ok = low < 0 && high > 0 && max(-low, high) < 1
		}
		if !ok {
			t.Errorf("%s starts between %v and %v", p.Name, low, high)
		}
	}
}

func TestInitDependsOnSeedAlone(t *testing.T) {
	a, b, c := blockSet(), blockSet(), blockSet()
	a.Init(3)
	b.Init(3)
	c.Init(4)
	for i, p := range a.Params() {
		if !slices.Equal(p.Value.Data, b.Params()[i].Value.Data) {
			t.Errorf("%s differs between two runs with one seed", p.Name)
		}
	}
	if slices.Equal(a.Tensor("token").Data, c.Tensor("token").Data) {
		t.Error("two seeds start the same")
	}
}

// TestXavierUniformMoments: the mean of n draws lies within 5 deviations of 0,
// and their variance, a²/3, within 5 of its own (variance of x² is 4a⁴/45).
func TestXavierUniformMoments(t *testing.T) {
	const n, out, in = 40000, 200, 200
	x := make([]float32, n)
	XavierUniform(x, out, in, rng.New(1, rng.Init, 0, 0))
	a2 := 6.0 / (out + in)
	var sum, squares float64
	for _, v := range x {
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	if mean := sum / n; !(math.Abs(mean) <= 5*math.Sqrt(a2/3/n)) {
		t.Errorf("mean is %v", mean)
	}
	if v := squares / n; !(math.Abs(v-a2/3) <= 5*a2*math.Sqrt(4.0/45/n)) {
		t.Errorf("variance is %v, want %v", v, a2/3)
	}
}

func TestDecayGroups(t *testing.T) {
	s := Allocate([]Spec{
		{Name: "w.weight", Shape: []int{2, 3}},
		{Name: "w.bias", Shape: []int{2}},
		{Name: "norm.weight", Shape: []int{3}},
		{Name: "odd.bias", Shape: []int{2, 2}}, // rank 2, but a bias by name
		{Name: "token", Shape: []int{1, 1, 3}},
		{Name: "pos", Shape: []int{1, 2, 3}, Fixed: true},
	})
	decay, plain := DecayGroups(s.Params())
	if len(decay) != 2 || decay[0] != s.Tensor("w.weight") || decay[1] != s.Tensor("token") {
		t.Errorf("%d tensors decay", len(decay))
	}
	if len(plain) != 3 || plain[0] != s.Tensor("w.bias") || plain[1] != s.Tensor("norm.weight") || plain[2] != s.Tensor("odd.bias") {
		t.Errorf("%d tensors do not decay", len(plain))
	}
}

func TestSetTrainableSparesFixed(t *testing.T) {
	s := blockSet()
	for _, p := range s.Params() {
		if p.Value.Trainable() {
			t.Errorf("%s trains before it was told to", p.Name)
		}
	}
	SetTrainable(s.Params(), true)
	for _, p := range s.Params() {
		if p.Value.Trainable() == p.Fixed {
			t.Errorf("%s: fixed is %v, trainable %v", p.Name, p.Fixed, p.Value.Trainable())
		}
	}
}

func TestPanics(t *testing.T) {
	s := blockSet()
	other := Allocate(LinearSpecs("x", 2, 2))
	for name, f := range map[string]func(){
		"two of a name":    func() { Allocate([]Spec{{Name: "a"}, {Name: "a"}}) },
		"unknown name":     func() { s.Tensor("nothing") },
		"copy of another":  func() { Copy(s.Params(), other.Params()) },
		"copy, other name": func() { Copy(other.Params(), Allocate(LinearSpecs("y", 2, 2)).Params()) },
		"copy, shape":      func() { Copy(other.Params(), Allocate(LinearSpecs("x", 3, 2)).Params()) },
		"short patches":    func() { Grid{4, 2, 1}.ToPixels(make([]float32, 15), make([]float32, 16)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: did not panic", name)
				}
			}()
			f()
		}()
	}
}
