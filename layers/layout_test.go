package layers

import (
	"slices"
	"testing"
)

// TestConvLayout: in memory the channels of a tap are adjacent, in the state
// dict the taps of a channel.
func TestConvLayout(t *testing.T) {
	s := Allocate(ConvSpecs("c", ConvShape{In: 3, Out: 2, Kernel: 2, NoBias: true}))
	p := s.Params()[0]
	if !slices.Equal(p.Value.Shape(), []int{2, 2, 2, 3}) || !slices.Equal(p.Shape, []int{2, 3, 2, 2}) {
		t.Fatalf("in memory %v, in the state dict %v", p.Value.Shape(), p.Shape)
	}
	dict := make([]float32, 24)
	for i := range dict {
		dict[i] = float32(i)
	}
	p.Import(dict)
	if got := p.Value.Data[:6]; !slices.Equal(got, []float32{0, 4, 8, 1, 5, 9}) {
		t.Errorf("the first two taps are %v", got)
	}
	if got := p.Export(); !slices.Equal(got, dict) {
		t.Errorf("exported as %v", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("too few values were taken")
		}
	}()
	p.Import(dict[1:])
}
