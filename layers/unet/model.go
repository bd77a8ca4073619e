package unet

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"lethe/autodiff"
	"lethe/layers"
)

// Model is the network with its weights and its noise schedule.
type Model struct {
	cfg            Config
	set            *layers.Set
	params         []*layers.Param // those of set, then, after Untie, those of up
	up             *layers.Set     // the up path's own embedding; nil: it reads cond_embed
	down, middle   []block
	output         []block
	embed, upEmbed embedding
	outNorm        layers.GroupNorm
	outConv        layers.Conv
}

// block is what stands under one number of input_blocks or output_blocks.
type block []layer

// layer is one module: exactly one of its fields is set.
type layer struct {
	conv *layers.Conv
	res  *resBlock
	att  *attention
}

// embedding is the two layers that embed the noise level.
type embedding struct{ first, second layers.Linear }

func newEmbedding(s *layers.Set, prefix string) embedding {
	return embedding{layers.NewLinear(s, prefix+".0"), layers.NewLinear(s, prefix+".2")}
}

// New makes a model with zero weights and the schedule of its configuration.
//
// Errors: those of Config.Validate.
func New(cfg Config) (*Model, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m := &Model{cfg: cfg, set: layers.Allocate(cfg.Shapes())}
	m.params = m.set.Params()
	fillSchedule(m.set, cfg.Schedule)
	n, p := cfg.UNet, cfg.UNet.plan()
	m.embed = newEmbedding(m.set, condEmbed)
	m.upEmbed = m.embed
	for _, b := range p.input {
		m.down = append(m.down, newBlock(m.set, n, b))
	}
	m.middle = []block{newBlock(m.set, n, p.middle)}
	for _, b := range p.output {
		m.output = append(m.output, newBlock(m.set, n, b))
	}
	m.outNorm = norm(m.set, netPrefix+"out.0")
	m.outNorm.SiLU = true
	m.outConv = layers.NewConv(m.set, netPrefix+"out.2", 1, 1)
	return m, nil
}

func newBlock(s *layers.Set, n NetConfig, modules []module) block {
	var b block
	for _, m := range modules {
		switch m.kind {
		case firstConv:
			c := layers.NewConv(s, m.prefix, 1, 1)
			b = append(b, layer{conv: &c})
		case residual:
			r := newResBlock(s, m.prefix, m.resample)
			b = append(b, layer{res: &r})
		case attending:
			a := newAttention(s, m.prefix, n.heads(m.in))
			b = append(b, layer{att: &a})
		}
	}
	return b
}

func (b block) forward(tp *autodiff.Tape, x, active *autodiff.Tensor) *autodiff.Tensor {
	for _, l := range b {
		switch {
		case l.conv != nil:
			x = l.conv.Forward(tp, x)
		case l.res != nil:
			x = l.res.forward(tp, x, active)
		default:
			x = l.att.forward(tp, x)
		}
	}
	return x
}

// Config returns the constructor arguments.
func (m *Model) Config() Config { return m.cfg }

// Params returns every entry of the state dict in its order, and last, after
// Untie, the up path's own embedding. The caller must not change the slice.
func (m *Model) Params() []*layers.Param { return m.params }

// Tensors returns how many of the reference state dict's entries are of the
// network; the others, which stand before them, are the schedule's buffers.
func (m *Model) Tensors() int { return len(m.set.Params()) - len(scheduleKeys()) }

// Encoder returns the parameters of the noise level's embedding, the down path
// and the middle.
func (m *Model) Encoder() []*layers.Param {
	var out []*layers.Param
	for _, p := range m.set.Params() {
		if isEncoder(p.Name) {
			out = append(out, p)
		}
	}
	return out
}

func isEncoder(key string) bool {
	for _, part := range []string{condEmbed + ".", netPrefix + "input_blocks.", netPrefix + "middle_block."} {
		if strings.HasPrefix(key, part) {
			return true
		}
	}
	return false
}

// Init draws weights to train from scratch. The schedule stays.
func (m *Model) Init(seed uint64) {
	m.set.Init(seed)
	m.copyEmbedding()
}

// Untie gives the up path a copy of cond_embed as it now is, which no training
// touches. Without it both paths read one, as in the reference code.
func (m *Model) Untie() {
	if m.up != nil {
		return
	}
	specs := embedSpecs(UpEmbed, m.cfg.UNet)
	for i := range specs {
		specs[i].Fixed, specs[i].Start = true, layers.StartKept
	}
	m.up = layers.Allocate(specs)
	m.params = append(slices.Clip(m.set.Params()), m.up.Params()...)
	m.upEmbed = newEmbedding(m.up, UpEmbed)
	m.copyEmbedding()
}

// Tie makes both paths read one cond_embed again.
func (m *Model) Tie() { m.up, m.params, m.upEmbed = nil, m.set.Params(), m.embed }

// copyEmbedding brings the up path's copy to what cond_embed is.
func (m *Model) copyEmbedding() {
	if m.up == nil {
		return
	}
	for _, p := range m.up.Params() {
		copy(p.Value.Data, m.set.Tensor(condEmbed+strings.TrimPrefix(p.Name, UpEmbed)).Data)
	}
}

// UpDiffers reports whether the up path's copy of cond_embed has other numbers
// than the down path's, which no file of the reference code can hold.
func (m *Model) UpDiffers() bool {
	if m.up == nil {
		return false
	}
	for _, p := range m.up.Params() {
		if !slices.Equal(p.Value.Data, m.set.Tensor(condEmbed+strings.TrimPrefix(p.Name, UpEmbed)).Data) {
			return true
		}
	}
	return false
}

// CopyFrom copies the weights of a model of the same configuration.
func (m *Model) CopyFrom(src *Model) {
	m.Tie()
	if src.up != nil {
		m.Untie()
	}
	layers.Copy(m.params, src.params)
}

// Encoded is what the encoder makes of a batch.
type Encoded struct {
	// Maps are the outputs [N,H,W,C] of the down blocks, then of the middle.
	Maps   []*autodiff.Tensor
	gammas []float32
	active *autodiff.Tensor // silu of the embedding
}

// Encode runs the down path and the middle on x [N,H,W,In], condition and noisy
// image, at the noise levels gammas [N].
//
// Panics: a shape does not fit the configuration.
func (m *Model) Encode(tp *autodiff.Tape, x *autodiff.Tensor, gammas []float32) Encoded {
	factor := m.cfg.Factor()
	if s := x.Shape(); len(s) != 4 || s[3] != m.cfg.UNet.InChannel || s[1]%factor != 0 || s[2]%factor != 0 || s[0] != len(gammas) {
		panic(fmt.Sprintf("unet: Encode: x is %v with %d noise levels, want [N H W %d] with N levels, H and W multiples of %d",
			s, len(gammas), m.cfg.UNet.InChannel, factor))
	}
	e := Encoded{gammas: gammas, active: m.embed.forward(tp, gammas)}
	for _, b := range m.down {
		x = b.forward(tp, x, e.active)
		e.Maps = append(e.Maps, x)
	}
	for _, b := range m.middle {
		x = b.forward(tp, x, e.active)
	}
	e.Maps = append(e.Maps, x)
	return e
}

// Decode runs the up path on what Encode returned and predicts the noise
// [N,H,W,Out].
func (m *Model) Decode(tp *autodiff.Tape, e Encoded) *autodiff.Tensor {
	active := e.active
	if m.up != nil {
		active = m.upEmbed.forward(tp, e.gammas)
	}
	return tp.Scope(func() *autodiff.Tensor {
		x := m.upTo(tp, e, active, len(m.output)-1)
		return m.outConv.Forward(tp, m.outNorm.Forward(tp, x))
	})
}

// upTo is the output of block i of the up path, or, before the first, that of the
// middle. The scope of a block holds those of the blocks before it, so that what
// they made is gone once the block is done: a plain loop would keep the widest
// maps of the network, its inputs here, to the end.
func (m *Model) upTo(tp *autodiff.Tape, e Encoded, active *autodiff.Tensor, i int) *autodiff.Tensor {
	last := len(e.Maps) - 1
	if i < 0 {
		return e.Maps[last]
	}
	return tp.Scope(func() *autodiff.Tensor {
		x := m.upTo(tp, e, active, i-1)
		return m.output[i].forward(tp, tp.Concat(x, e.Maps[last-1-i]), active)
	})
}

// forward is silu of the embedding [N,E] of noise levels [N]: two layers over
// cosines and sines of the level. Every residual block takes the silu of the
// embedding, so it is computed once.
func (e embedding) forward(tp *autodiff.Tape, gammas []float32) *autodiff.Tensor {
	width := e.first.Weight.Dim(1)
	x := autodiff.FromSlice(gammaFeatures(gammas, width), len(gammas), width)
	return tp.SiLU(e.second.Forward(tp, tp.SiLU(e.first.Forward(tp, x))))
}

// gammaFeatures returns [N,width]: with f_i = 10000^(-i/half), i < half = width/2,
// the cosines of gamma*f_i, then the sines, and a 0 if width is odd.
func gammaFeatures(gammas []float32, width int) []float32 {
	half := width / 2
	out := make([]float32, len(gammas)*width)
	for n, g := range gammas {
		row := out[n*width:][:width]
		for i := range half {
			f := float32(math.Exp(float64(float32(-math.Log(10000)*float64(i)) / float32(half))))
			angle := float64(g * f)
			row[i], row[half+i] = float32(math.Cos(angle)), float32(math.Sin(angle))
		}
	}
	return out
}
