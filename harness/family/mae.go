package family

import (
	"encoding/json"
	"fmt"

	"lethe/autodiff"
	"lethe/harness/data"
	"lethe/layers"
	"lethe/layers/mae"
)

// MAE is a masked autoencoder.
type MAE struct {
	name  string
	model *mae.Model
	// One buffer a role: a batch lives until the next draw.
	seen, noised, swapped imageBuffer
}

type imageBuffer struct{ data []float32 }

// images returns a [n,c,s,s] tensor over the buffer, grown when needed.
func (b *imageBuffer) images(n, c, s int) *autodiff.Tensor {
	need := n * c * s * s
	if cap(b.data) < need {
		b.data = make([]float32, need)
	}
	return autodiff.FromSlice(b.data[:need], n, c, s, s)
}

type maeBatch struct {
	images *autodiff.Tensor // [N,3,H,W]
	masks  mae.Masking
}

func (b *maeBatch) Len() int { return b.masks.N }

// NewMAE wraps a model.
func NewMAE(name string, m *mae.Model) (*MAE, error) {
	if c := m.Config(); c.InChans != 3 {
		return nil, fmt.Errorf("model %s: in_chans is %d; images have 3 channels", name, c.InChans)
	}
	return &MAE{name: name, model: m}, nil
}

// Family implements Model.
func (m *MAE) Family() string { return maeName }

// Name implements Model.
func (m *MAE) Name() string { return m.name }

// Geometry implements Model.
func (m *MAE) Geometry() Geometry {
	c := m.model.Config()
	return Geometry{Size: c.ImgSize, Grid: c.ImgSize / c.PatchSize, Whole: true}
}

// Params implements Model.
func (m *MAE) Params() []*layers.Param { return m.model.Params() }

// Encoder implements Model.
func (m *MAE) Encoder() []*layers.Param { return m.model.Encoder() }

// Load implements Model.
func (m *MAE) Load(src []layers.Named) error { return m.model.Load(src) }

// Init implements Model.
func (m *MAE) Init(seed uint64) { m.model.Init(seed) }

// Config implements Model.
func (m *MAE) Config() ([]byte, error) { return json.Marshal(m.model.Config()) }

// Clone implements Model.
func (m *MAE) Clone(own func(name string) bool) (Model, error) {
	c, err := mae.New(m.model.Config())
	if err != nil {
		return nil, err
	}
	share(c.Params(), m.model.Params(), own)
	return NewMAE(m.name, c)
}

// Features implements Model: the one map is the latent [N,1+keep,D] after the
// final norm, class token included (spec, section 9.9).
func (m *MAE) Features(tp *autodiff.Tape, b Batch) []*autodiff.Tensor {
	mb := b.(*maeBatch)
	return []*autodiff.Tensor{m.model.Encode(tp, mb.images, mb.masks)}
}

// Output implements Model: the predicted patches [N,L,p*p*3].
func (m *MAE) Output(tp *autodiff.Tape, b Batch) *autodiff.Tensor {
	mb := b.(*maeBatch)
	return m.model.Decode(tp, m.model.Encode(tp, mb.images, mb.masks), mb.masks)
}

// Truth implements Model: the patches of the images [N,L,p*p*3].
func (m *MAE) Truth(tp *autodiff.Tape, b Batch) *autodiff.Tensor {
	return m.model.Target(tp, b.(*maeBatch).images)
}

// Loss implements Model: the squared error of the removed patches, averaged
// over them (spec, section 7.1).
func (m *MAE) Loss(tp *autodiff.Tape, output, truth *autodiff.Tensor, b Batch, g Group) *autodiff.Tensor {
	mk := b.(*maeBatch).masks
	weight := make([]float32, mk.N*mk.L)
	each := 1 / float32(g.Count*(mk.L-mk.Keep))
	for i := g.First * mk.L; i < (g.First+g.Count)*mk.L; i++ {
		weight[i] = mk.Removed[i] * each
	}
	rows, width := mk.N*mk.L, output.Dim(2)
	return tp.RowMSE(tp.Reshape(output, rows, width), tp.Reshape(truth, rows, width), weight)
}

// Prepare implements Model.
func (m *MAE) Prepare(pixels [][]uint8, masks []Mask) (Batch, error) {
	if len(pixels) != len(masks) {
		return nil, fmt.Errorf("%d images with %d masks", len(pixels), len(masks))
	}
	g := m.Geometry()
	images := m.seen.images(len(pixels), 3, g.Size)
	if err := m.fill(images.Data, pixels); err != nil {
		return nil, err
	}
	mk, err := join(masks, g.Grid*g.Grid)
	if err != nil {
		return nil, err
	}
	return &maeBatch{images: images, masks: mk}, nil
}

// Complete implements Model.
func (m *MAE) Complete(tp *autodiff.Tape, b Batch) Completion {
	mb := b.(*maeBatch)
	latent := m.model.Encode(tp, mb.images, mb.masks)
	pred := m.model.Decode(tp, latent, mb.masks)
	n, size := mb.masks.N, m.Geometry().Size
	return Completion{
		Input:      mb.images.Data,
		Predicted:  m.model.Pixels(pred.Data, mb.images.Data, mb.masks),
		Removed:    m.removedPixels(mb.masks, n, size),
		Features:   latent.Data,
		FeatureLen: latent.Len() / n,
	}
}

// removedPixels spreads the patch mask over pixels, [N,H,W].
func (m *MAE) removedPixels(mk mae.Masking, n, size int) []float32 {
	grid := m.Geometry().Grid
	patch := size / grid
	out := make([]float32, n*size*size)
	for s := range n {
		for y := range size {
			for x := range size {
				out[(s*size+y)*size+x] = mk.Removed[s*mk.L+(y/patch)*grid+x/patch]
			}
		}
	}
	return out
}

// Normalized implements Model.
//
// The statistics are ImageNet's, as for every published masked autoencoder
// (spec, section 7.1).
func (m *MAE) Normalized(dst []float32, pixels []uint8) {
	data.Normalize(dst, pixels, m.Geometry().Size, data.ImageNetMean, data.ImageNetStd)
}

// Displayed implements Model.
func (m *MAE) Displayed(dst, normalized []float32) {
	plane := len(normalized) / 3
	for c := range 3 {
		for i, v := range normalized[c*plane : (c+1)*plane] {
			dst[c*plane+i] = min(max(v*data.ImageNetStd[c]+data.ImageNetMean[c], 0), 1)
		}
	}
}
