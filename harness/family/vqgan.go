package family

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"lethe/autodiff"
	"lethe/layers"
	"lethe/layers/mage"
	"lethe/layers/rng"
)

// VQGAN is a MAGE's tokenizer, to be trained from scratch. Masks mean nothing to
// it: it takes whole images and gives them back. It learns by the squared error
// of its pixels alone, with neither the perceptual nor the adversarial loss of
// the published one, so that what it paints is blurred.
type VQGAN struct {
	name  string
	model *mage.VQGAN
	seen  imageBuffer
}

// vqganBatch is images, and what Output made of them, which Loss reads.
type vqganBatch struct {
	images  *autodiff.Tensor // [N,3,H,W]
	shown   *autodiff.Tensor // [N,H,W,3]
	restart *DrawSpec        // the draw whose Output may move codes, or nil
	z, near *autodiff.Tensor // [N,h,w,Z]: the encoder's vectors and their codes
}

func (b *vqganBatch) Len() int { return b.images.Dim(0) }

// The loss is squared error in units of pixelVariance, plus the distance of the
// codes to the encoder's vectors, plus commitment times that of the vectors to
// the codes.
// Source: van den Oord, Vinyals, Kavukcuoglu 2017 (arXiv:1711.00937), eq. 3;
// the variance is that of ImageNet's pixels, the mean of its three squares.
const (
	commitment    = 0.25
	pixelVariance = (0.229*0.229 + 0.224*0.224 + 0.225*0.225) / 3
)

// Codes that are lost are moved every restartEvery steps. Whether one is lost is
// seen on one micro-batch alone, so that a run that was stopped goes on the same.
const restartEvery = 20

// NewVQGAN wraps a model.
func NewVQGAN(name string, m *mage.VQGAN) (*VQGAN, error) {
	c := m.Config()
	if c.InChannels != 3 || c.OutCh != 3 {
		return nil, fmt.Errorf("model %s: in_channels is %d and out_ch %d; images have 3 channels", name, c.InChannels, c.OutCh)
	}
	if c.Resolution%c.Shrink() != 0 {
		return nil, fmt.Errorf("model %s: resolution is %d, want a multiple of %d: ch_mult has %d levels", name, c.Resolution, c.Shrink(), len(c.ChMult))
	}
	return &VQGAN{name: name, model: m}, nil
}

// Family implements Model.
func (v *VQGAN) Family() string { return vqganName }

// Name implements Model.
func (v *VQGAN) Name() string { return v.name }

// Geometry implements Model: a cell is a token.
func (v *VQGAN) Geometry() Geometry {
	c := v.model.Config()
	return Geometry{Size: c.Resolution, Grid: c.Resolution / c.Shrink()}
}

// Params implements Model.
func (v *VQGAN) Params() []*layers.Param { return v.model.Params() }

// Encoder implements Model: what makes vectors of images.
func (v *VQGAN) Encoder() []*layers.Param {
	var out []*layers.Param
	for _, p := range v.Params() {
		if strings.HasPrefix(p.Name, "encoder.") {
			out = append(out, p)
		}
	}
	return out
}

// Load copies named tensors into the weights.
func (v *VQGAN) Load(src []layers.Named) error { return v.model.Load(src) }

// Init implements Model.
func (v *VQGAN) Init(seed uint64) { v.model.Init(seed) }

// Config implements Model.
func (v *VQGAN) Config() ([]byte, error) { return json.Marshal(v.model.Config()) }

// Clone implements Model.
func (v *VQGAN) Clone(own func(name string) bool) (Model, error) {
	c, err := mage.NewVQGAN(v.model.Config())
	if err != nil {
		return nil, err
	}
	share(c.Params(), v.Params(), own)
	return NewVQGAN(v.name, c)
}

// Features implements Model: the encoder's vectors [N,h,w,Z], before they are
// replaced by codes.
func (v *VQGAN) Features(tp *autodiff.Tape, b Batch) []*autodiff.Tensor {
	return []*autodiff.Tensor{v.model.Encode(tp, b.(*vqganBatch).shown)}
}

// Output implements Model: the images [N,H,W,3] that come back. The gradient of
// a code passes to the vector that it replaces.
//
// In training some steps first move codes that nothing uses: at step 0 all of
// them, to vectors of the images.
func (v *VQGAN) Output(tp *autodiff.Tape, b Batch) *autodiff.Tensor {
	vb := b.(*vqganBatch)
	z := v.model.Encode(tp, vb.shown)
	tokens := v.model.Nearest(tp, z)
	if d := vb.restart; d != nil && v.model.Restart(tp, z, tokens, d.Step == 0, rng.New(d.Seed, rng.Init, uint64(d.Step), restartKey)) > 0 {
		tokens = v.model.Nearest(tp, z)
	}
	near := v.model.Lookup(tp, tokens, z.Dim(0), z.Dim(1))
	vb.z, vb.near = z, near
	return v.model.Decode(tp, tp.Add(z, tp.Detach(tp.Sub(near, z))))
}

// restartKey is the sample number that moved codes are drawn under.
const restartKey = 1 << 63

// Truth implements Model: the images [N,H,W,3].
func (v *VQGAN) Truth(_ *autodiff.Tape, b Batch) *autodiff.Tensor { return b.(*vqganBatch).shown }

// Loss implements Model. Output of the same batch comes first.
func (v *VQGAN) Loss(tp *autodiff.Tape, output, truth *autodiff.Tensor, b Batch, g Group) *autodiff.Tensor {
	vb := b.(*vqganBatch)
	rows := func(t *autodiff.Tensor) *autodiff.Tensor { return tp.Rows(t, g.First, g.First+g.Count) }
	z, near := rows(vb.z), rows(vb.near)
	return tp.WeightedSum([]*autodiff.Tensor{
		tp.MSE(rows(output), rows(truth)), tp.MSE(near, tp.Detach(z)), tp.MSE(z, tp.Detach(near)),
	}, []float32{1 / pixelVariance, 1, commitment})
}

// Draw implements Model. There is nothing to unlearn in a tokenizer.
func (v *VQGAN) Draw(d DrawSpec) (*Draw, error) {
	if len(d.Forget) > 0 {
		return nil, errors.New("a VQGAN is not unlearned: it is the frozen tokenizer of a MAGE")
	}
	b, err := v.batch(d.Retain)
	if err != nil {
		return nil, err
	}
	if d.Step%restartEvery == 0 && d.First == 0 {
		b.restart = &d
	}
	same := func() Batch { return b }
	return &Draw{Retain: Group{0, len(d.Retain)}, Forget: Group{len(d.Retain), 0}, seen: b, noised: same, swapped: same}, nil
}

func (v *VQGAN) batch(pixels [][]uint8) (*vqganBatch, error) {
	images := v.seen.images(len(pixels), 3, v.Geometry().Size)
	if err := fillUnit(images, pixels); err != nil {
		return nil, err
	}
	return &vqganBatch{images: images, shown: mage.ChannelsLast(images)}, nil
}

// Prepare implements Model. The masks are not read.
func (v *VQGAN) Prepare(pixels [][]uint8, masks []Mask) (Batch, error) {
	if len(pixels) != len(masks) || len(pixels) == 0 {
		return nil, fmt.Errorf("%d images with %d masks", len(pixels), len(masks))
	}
	return v.batch(pixels)
}

// Complete implements Model: every pixel is predicted.
func (v *VQGAN) Complete(tp *autodiff.Tape, b Batch) Completion {
	vb := b.(*vqganBatch)
	n, size := vb.Len(), v.Geometry().Size
	z := v.model.Encode(tp, vb.shown)
	made := v.model.Decode(tp, v.model.Lookup(tp, v.model.Nearest(tp, z), n, z.Dim(1)))
	removed := make([]float32, n*size*size)
	for i := range removed {
		removed[i] = 1
	}
	return Completion{
		Input: vb.images.Data, Predicted: mage.ChannelsFirst(made).Data, Removed: removed,
		Features: z.Data, FeatureLen: z.Len() / n,
	}
}

// CodeUsage implements Coder.
func (v *VQGAN) CodeUsage(tp *autodiff.Tape, pixels [][]uint8) (CodeUsage, error) {
	b, err := v.batch(pixels)
	if err != nil {
		return CodeUsage{}, err
	}
	u := CodeUsage{Codes: v.model.Config().NEmbed}
	u.Used, u.Perplexity = mage.Usage(v.model.Tokens(tp, b.images), u.Codes)
	return u, nil
}

// Normalized implements Model.
func (v *VQGAN) Normalized(dst []float32, pixels []uint8) { unitPixels(dst, pixels) }

// Displayed implements Model.
func (v *VQGAN) Displayed(dst, normalized []float32) { clampUnit(dst, normalized) }
