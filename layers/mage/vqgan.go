package mage

import (
	"fmt"
	"strings"

	"lethe/autodiff"
	"lethe/layers"
)

// VQGAN turns images into tokens and tokens into images: its weights and nothing
// else, so that any number of tapes may read it at once.
//
// Feature maps inside are channels-last, [N,H,W,C].
type VQGAN struct {
	cfg     VQGANConfig
	set     *layers.Set
	params  []*layers.Param
	prefix  string // of the keys
	encoder vqganEncoder
	decoder vqganDecoder
	codes   *autodiff.Tensor // [n_embed,embed_dim]
	part    int              // images that Tokens and Image take at once
}

// NewVQGAN returns a model of its own with zero weights. Nothing is trainable
// yet.
//
// Errors: the configuration does not Validate.
func NewVQGAN(cfg VQGANConfig) (*VQGAN, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return findVQGAN(layers.Allocate(cfg.Shapes()), "", cfg), nil
}

// findVQGAN finds the VQGAN of that prefix in a set.
func findVQGAN(s *layers.Set, prefix string, cfg VQGANConfig) *VQGAN {
	v := &VQGAN{
		cfg: cfg, set: s, prefix: prefix,
		encoder: newVQGANEncoder(s, prefix+"encoder", cfg),
		decoder: newVQGANDecoder(s, prefix+"decoder", cfg),
		codes:   s.Tensor(prefix + codesKey),
		part:    max(1, largestMap/(cfg.Ch*cfg.Resolution*cfg.Resolution)),
	}
	for _, p := range s.Params() {
		if strings.HasPrefix(p.Name, prefix) {
			v.params = append(v.params, p)
		}
	}
	return v
}

// largestMap bounds the feature maps of images that are encoded or decoded
// without a gradient, in elements: 64 MiB, a few of which are alive at a time.
const largestMap = 1 << 24

const codesKey = "quantize.embedding.weight"

// Shapes returns every entry of the state dict, in its order.
func (c VQGANConfig) Shapes() []layers.Spec { return c.shapes("") }

func (c VQGANConfig) shapes(prefix string) []layers.Spec {
	specs := append(c.encoderShapes(prefix+"encoder"), c.decoderShapes(prefix+"decoder")...)
	return append(specs, layers.Spec{Name: prefix + codesKey, Shape: []int{c.NEmbed, c.EmbedDim}, Start: layers.StartToken})
}

// Config returns the configuration that the model was made from.
func (v *VQGAN) Config() VQGANConfig { return v.cfg }

// Params returns every entry of the state dict in its order, under the keys that
// they have in the model it is part of. The caller must not change the slice.
func (v *VQGAN) Params() []*layers.Param { return v.params }

// Init draws the weights of a model of its own that is to be trained from
// scratch. Equal seeds give equal bits.
func (v *VQGAN) Init(seed uint64) { v.set.Init(seed) }

// Codes returns the table of codes [n_embed,embed_dim].
func (v *VQGAN) Codes() *autodiff.Tensor { return v.codes }

// Encode returns what the encoder makes of images [N,H,W,C] in [0,1]: [N,h,w,Z],
// with h = H/Shrink and w = W/Shrink.
//
// Panics: images has another rank or number of channels, or a side that Shrink
// does not divide.
func (v *VQGAN) Encode(tp *autodiff.Tape, images *autodiff.Tensor) *autodiff.Tensor {
	shape, shrink := images.Shape(), v.cfg.Shrink()
	if len(shape) != 4 || shape[3] != v.cfg.InChannels || shape[1]%shrink != 0 || shape[2]%shrink != 0 {
		panic(fmt.Sprintf("mage: Encode: images is %v, want [N,H,W,%d] with sides that %d divides", shape, v.cfg.InChannels, shrink))
	}
	return v.encoder.forward(tp, images)
}

// Nearest returns the number of the code that is nearest to each row of
// z [N,h,w,Z], in squared L2 distance; the lower number where two are as near.
func (v *VQGAN) Nearest(tp *autodiff.Tape, z *autodiff.Tensor) []int32 {
	need("Nearest", "last dimension of z", z.Shape()[len(z.Shape())-1:], v.cfg.EmbedDim)
	return tp.NearestRows(tp.Reshape(z, z.Len()/v.cfg.EmbedDim, v.cfg.EmbedDim), v.codes)
}

// Lookup returns the codes of tokens as a feature map [n,side,side,Z].
//
// Panics: the tokens are not n squares.
func (v *VQGAN) Lookup(tp *autodiff.Tape, tokens []int32, n, side int) *autodiff.Tensor {
	need("Lookup", "len(tokens)", []int{len(tokens)}, n*side*side)
	return tp.Reshape(tp.GatherRows(v.codes, nil, tokens), n, side, side, v.cfg.EmbedDim)
}

// Tokens returns the tokens [n,h*w] of images [n,C,H,W] in [0,1].
func (v *VQGAN) Tokens(tp *autodiff.Tape, images *autodiff.Tensor) []int32 {
	var tokens []int32
	n, one := images.Dim(0), images.Shape()[1:]
	size := images.Len() / n
	for first := 0; first < n; first += v.part {
		some := min(v.part, n-first)
		part := autodiff.FromSlice(images.Data[first*size:][:some*size], append([]int{some}, one...)...)
		tp.Frozen(func() *autodiff.Tensor {
			tokens = append(tokens, v.Nearest(tp, v.Encode(tp, ChannelsLast(part)))...)
			return nil
		})
	}
	return tokens
}

// Image returns the images [n,C,H,W] that tokens [n,side*side] stand for, a new
// leaf.
//
// Panics: the tokens are not n squares.
func (v *VQGAN) Image(tp *autodiff.Tape, tokens []int32, n, side int) *autodiff.Tensor {
	need("Image", "len(tokens)", []int{len(tokens)}, n*side*side)
	size := side * v.cfg.Shrink()
	out := autodiff.FromSlice(make([]float32, n*v.cfg.OutCh*size*size), n, v.cfg.OutCh, size, size)
	for first := 0; first < n; first += v.part {
		some := min(v.part, n-first)
		tp.Frozen(func() *autodiff.Tensor {
			image := v.Decode(tp, v.Lookup(tp, tokens[first*side*side:][:some*side*side], some, side))
			copy(out.Data[first*v.cfg.OutCh*size*size:], ChannelsFirst(image).Data)
			return nil
		})
	}
	return out
}

// Decode returns the images [N,H,W,C] that codes [N,h,w,Z] stand for.
func (v *VQGAN) Decode(tp *autodiff.Tape, z *autodiff.Tensor) *autodiff.Tensor {
	return v.decoder.forward(tp, z)
}
