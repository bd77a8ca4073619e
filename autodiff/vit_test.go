package autodiff

import (
	"math/rand/v2"
	"slices"
	"testing"

	"lethe/kernels"
)

// testBlock is a pre-norm transformer block with its parameters in the order
// norm1, qkv, proj, norm2, fc1, fc2, each weight then bias.
type testBlock struct {
	heads  int
	params []*Tensor
}

func newTestBlock(rng *rand.Rand, d, heads int) testBlock {
	b := testBlock{heads: heads}
	for _, shape := range [][]int{{d}, {d}, {3 * d, d}, {3 * d}, {d, d}, {d}, {d}, {d}, {4 * d, d}, {4 * d}, {d, 4 * d}, {d}} {
		p := New(shape...)
		for i := range p.Data {
			p.Data[i] = float32(rng.NormFloat64()) * 0.05
		}
		if len(shape) == 1 && shape[0] == d {
			p.Data[0] += 1
		}
		p.SetTrainable(true)
		b.params = append(b.params, p)
	}
	return b
}

func (b testBlock) forward(tp *Tape, x *Tensor) *Tensor {
	p := b.params
	h := tp.LayerNorm(x, p[0], p[1], 1e-6)
	h = tp.Attention(tp.Linear(h, p[2], p[3]), b.heads)
	x = tp.Add(x, tp.Linear(h, p[4], p[5]))
	h = tp.LayerNorm(x, p[6], p[7], 1e-6)
	h = tp.Gelu(tp.Linear(h, p[8], p[9]))
	return tp.Add(x, tp.Linear(h, p[10], p[11]))
}

// testNet is a stack of blocks and the data of an unlearning step: student
// and frozen teacher, a loss on each half of the batch.
type testNet struct {
	scoped, once      bool
	student, teacher  []testBlock
	batch, tokens, d  int
	images, corrupted *Tensor
}

func newTestNet(depth, batch, tokens, d, heads int) *testNet {
	rng := rand.New(rand.NewPCG(1, 2))
	n := &testNet{batch: batch, tokens: tokens, d: d, images: New(batch, tokens, d), corrupted: New(batch, tokens, d)}
	for range depth {
		b := newTestBlock(rng, d, heads)
		n.student = append(n.student, b)
		frozen := testBlock{heads: heads}
		for _, p := range b.params {
			frozen.params = append(frozen.params, FromSlice(slices.Clone(p.Data), p.Shape()...))
		}
		n.teacher = append(n.teacher, frozen)
	}
	for i := range n.images.Data {
		n.images.Data[i] = float32(rng.NormFloat64())
		n.corrupted.Data[i] = float32(rng.NormFloat64())
	}
	copy(n.corrupted.Data[:len(n.corrupted.Data)/2], n.images.Data)
	return n
}

func (n *testNet) encode(tp *Tape, blocks []testBlock, x *Tensor) *Tensor {
	for _, b := range blocks {
		if n.scoped {
			in := x
			x = tp.Scope(func() *Tensor { return b.forward(tp, in) })
			continue
		}
		x = b.forward(tp, x)
	}
	return x
}

// losses returns the retain and the forget loss of one step, before Backward.
func (n *testNet) losses(tp *Tape) (retain, forget *Tensor) {
	target := tp.Frozen(func() *Tensor { return n.encode(tp, n.teacher, n.corrupted) })
	latent := n.encode(tp, n.student, n.images)
	half := n.batch / 2
	return tp.MSE(tp.Rows(latent, 0, half), tp.Rows(target, 0, half)), tp.MSE(tp.Rows(latent, half, n.batch), tp.Rows(target, half, n.batch))
}

// step runs one step without an optimizer and leaves gradients behind.
func (n *testNet) step(tp *Tape) {
	tp.Reset()
	for _, b := range n.student {
		for _, p := range b.params {
			p.ZeroGrad()
		}
	}
	retain, forget := n.losses(tp)
	terms, weights := [2]*Tensor{retain, forget}, [2]float32{1, 0.25}
	total := tp.WeightedSum(terms[:], weights[:])
	if n.once {
		tp.BackwardOnce(total)
		return // Reset would end the gradients
	}
	tp.Backward(total)
	tp.Reset()
}

func (n *testNet) grads() [][]float32 {
	var all [][]float32
	for _, b := range n.student {
		for _, p := range b.params {
			all = append(all, slices.Clone(p.Grad()))
		}
	}
	return all
}

// BenchmarkBlock is a step with one block: student forward and backward, teacher
// forward, two losses. vit-b is what a step of MAE unlearning on 8+8 images with
// 75 percent masked does twelve times, tiny the same for mae_tiny.
func BenchmarkBlock(b *testing.B) {
	for _, c := range []struct {
		net              string
		tokens, d, heads int
		scoped           bool
	}{
		{"net=vit-b/m=800/scope=on", 50, 768, 12, true},
		{"net=tiny/m=272/scope=on", 17, 128, 4, true},
		{"net=tiny/m=272/scope=off", 17, 128, 4, false},
	} {
		b.Run("isa="+kernels.ISA()+"/prec=f32/"+c.net, func(b *testing.B) {
			n := newTestNet(1, 16, c.tokens, c.d, c.heads)
			n.scoped = c.scoped
			tp := NewTape()
			n.step(tp)
			tp.ResetFLOPs()
			b.ReportAllocs()
			for b.Loop() {
				n.step(tp)
			}
			b.ReportMetric(tp.FLOPs()/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			b.ReportMetric(float64(tp.Memory().Peak), "arena-elements")
		})
	}
}
