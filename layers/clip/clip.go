package clip

import (
	"fmt"
	"math"
	"strings"

	"lethe/autodiff"
	"lethe/layers"
	"lethe/layers/pretrained"
)

// eps is added to the variance of every normalization.
const eps = 1e-5

// quick is the slope of QuickGELU, x*sigmoid(quick*x).
const quick = 1.702

// Config tells one tower from another.
type Config struct {
	Size, Patch         int // sides in pixels
	Width, Depth, Heads int
	Hidden, Embed       int
	Exact               bool   // the exact GELU instead of QuickGELU
	Prefix              string // of the keys: visual. or nothing
}

// Name is CLIP-B/32, CLIP-H/14, or the shape of another tower.
func (c Config) Name() string {
	for letter, s := range map[string][2]int{"B": {768, 12}, "L": {1024, 24}, "H": {1280, 32}} {
		if s == [2]int{c.Width, c.Depth} {
			return fmt.Sprintf("CLIP-%s/%d", letter, c.Patch)
		}
	}
	return fmt.Sprintf("CLIP-%dx%d/%d", c.Width, c.Depth, c.Patch)
}

// Identify judges a checkpoint by its keys and shapes.
func Identify(shapes map[string][]int) (Config, bool) {
	var c Config
	if shapes["visual.conv1.weight"] != nil {
		c.Prefix = "visual."
	}
	conv, pos, proj := shapes[c.Prefix+"conv1.weight"], shapes[c.Prefix+"positional_embedding"], shapes[c.Prefix+"proj"]
	hidden := shapes[c.Prefix+"transformer.resblocks.0.mlp.c_fc.weight"]
	if len(conv) != 4 || len(pos) != 2 || len(proj) != 2 || len(hidden) != 2 || shapes[c.Prefix+"class_embedding"] == nil {
		return Config{}, false
	}
	c.Width, c.Patch, c.Embed, c.Hidden = conv[0], conv[2], proj[1], hidden[0]
	c.Size = int(math.Round(math.Sqrt(float64(pos[0]-1)))) * c.Patch
	for shapes[fmt.Sprintf("%stransformer.resblocks.%d.ln_1.weight", c.Prefix, c.Depth)] != nil {
		c.Depth++
	}
	c.Heads = c.Width / 64
	if c.Width == 1280 { // ViT-H has heads of 80 channels
		c.Heads, c.Exact = c.Width/80, true
	}
	if c.Heads < 1 || c.Width%c.Heads != 0 {
		return Config{}, false
	}
	return c, true
}

// block is a pre-norm transformer block. QuickGELU is SiLU between a factor and
// its inverse, which the two products around it have taken in.
type block struct {
	norm1, norm2 layers.LayerNorm
	attn         layers.Attention
	mlp          layers.MLP
	exact        bool
}

// Model is one image tower.
type Model struct {
	cfg       Config
	patches   layers.Conv
	class     *autodiff.Tensor // [Width]
	positions *autodiff.Tensor // [T,Width]
	pre, post layers.LayerNorm
	blocks    []block
	proj      *autodiff.Tensor // [Embed,Width]
}

// Specs lists keys and shapes.
func Specs(c Config) []layers.Spec {
	w := pretrained.Record()
	build(c, w)
	return w.Specs()
}

// New loads a tower.
//
// Errors: a *pretrained.LoadError.
func New(c Config, src []layers.Named) (*Model, error) {
	w := pretrained.Of(src)
	m := build(c, w)
	w.Freeze()
	return m, w.Err(c.Name(), func(key string) bool { return c.Prefix != "" && !strings.HasPrefix(key, c.Prefix) })
}

func build(c Config, w *pretrained.Weights) *Model {
	p, grid := c.Prefix, c.Size/c.Patch
	m := &Model{
		cfg:       c,
		patches:   w.ConvBare(p+"conv1", pretrained.Square(c.Width, 3, c.Patch), pretrained.Geometry(c.Patch, 0)),
		class:     w.Tensor(p+"class_embedding", c.Width),
		positions: w.Tensor(p+"positional_embedding", grid*grid+1, c.Width),
		pre:       w.LayerNorm(p+"ln_pre", c.Width, eps),
		post:      w.LayerNorm(p+"ln_post", c.Width, eps),
		proj:      autodiff.New(c.Embed, c.Width),
	}
	for i, v := range w.Take(p+"proj", c.Width, c.Embed) {
		m.proj.Data[i%c.Embed*c.Width+i/c.Embed] = v
	}
	for i := range c.Depth {
		n := fmt.Sprintf("%stransformer.resblocks.%d.", p, i)
		b := block{
			norm1: w.LayerNorm(n+"ln_1", c.Width, eps),
			norm2: w.LayerNorm(n+"ln_2", c.Width, eps),
			attn: layers.Attention{
				QKV: layers.Linear{
					Weight: w.Matrix(n+"attn.in_proj_weight", 3*c.Width, c.Width),
					Bias:   w.Tensor(n+"attn.in_proj_bias", 3*c.Width),
				},
				Proj: w.Linear(n+"attn.out_proj", c.Width, c.Width), Heads: c.Heads,
			},
			mlp:   layers.MLP{FC1: w.Linear(n+"mlp.c_fc", c.Width, c.Hidden), FC2: w.Linear(n+"mlp.c_proj", c.Hidden, c.Width)},
			exact: c.Exact,
		}
		if !c.Exact {
			scale(b.mlp.FC1.Weight.Data, quick)
			scale(b.mlp.FC1.Bias.Data, quick)
			scale(b.mlp.FC2.Weight.Data, 1/quick)
		}
		m.blocks = append(m.blocks, b)
	}
	return m
}

func scale(x []float32, a float64) {
	for i, v := range x {
		x[i] = float32(float64(v) * a)
	}
}

func (b block) forward(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor {
	return tp.Scope(func() *autodiff.Tensor {
		y := b.attn.ForwardAdd(tp, b.norm1.Forward(tp, x), x)
		h := b.norm2.Forward(tp, y)
		if b.exact {
			return b.mlp.ForwardAdd(tp, h, y)
		}
		return tp.LinearAdd(tp.SiLU(b.mlp.FC1.Forward(tp, h)), b.mlp.FC2.Weight, b.mlp.FC2.Bias, y)
	})
}

// Forward computes the embedding of each image, as the tower projects it: not
// normalized.
//
// Shapes: x [N,Size,Size,3]; the embedding [N,Embed].
// Panics: ShapeError for images of another size.
func (m *Model) Forward(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor {
	n, patches := x.Shape()[0], m.positions.Shape()[0]-1
	tokens, width := patches+1, m.cfg.Width
	pick, place, first := make([]int32, 0, n*tokens), make([]int32, 0, n*tokens), make([]int32, n)
	for i := range n {
		first[i] = int32(i * tokens)
		pick, place = append(pick, -1), append(place, 0)
		for t := range patches {
			pick, place = append(pick, int32(i*patches+t)), append(place, int32(t+1))
		}
	}
	x = tp.Scope(func() *autodiff.Tensor {
		rows := tp.Reshape(m.patches.Fused(tp, x, autodiff.ConvEnds{}), n*patches, width)
		y := tp.AddRows(tp.GatherRows(rows, m.class, pick), m.positions, place)
		return m.pre.Forward(tp, y)
	})
	x = tp.Reshape(x, n, tokens, width)
	for _, b := range m.blocks {
		x = b.forward(tp, x)
	}
	y := tp.GatherRows(tp.Reshape(x, n*tokens, width), nil, first)
	return tp.Linear(m.post.Forward(tp, y), m.proj, nil)
}
