package family

import (
	"encoding/json"
	"fmt"

	"lethe/autodiff"
	"lethe/kernels"
	"lethe/layers"
	"lethe/layers/unet"
)

// Palette is a diffusion U-Net that fills holes. Its normalized space is [-1,1].
type Palette struct {
	name  string
	model *unet.Model
	steps int // of the sampler
	// One memory a role: a batch lives until the next draw.
	seen, swapped paletteMemory
	noised, fresh []float32 // [N,H,W,6] and [N,H,W,3]
}

// paletteSampling is how many steps of the schedule Complete takes where the
// user does not say: enough for the shape of an image, few enough for a CPU.
const paletteSampling = 10

// paletteBatch is images with holes at a noise level each.
type paletteBatch struct {
	size   int
	hole   []float32        // [N,H,W] 1 in the hole
	truth  []float32        // [N,H,W,3]
	cond   []float32        // [N,H,W,3] the truth with noise in the hole
	noise  []float32        // [N,H,W,3] what is to be predicted
	noisy  []float32        // [N,H,W,3] scratch of look
	gammas []float32        // [N]
	x      *autodiff.Tensor // [N,H,W,6] condition and noisy image
}

func (b *paletteBatch) Len() int { return len(b.gammas) }

// paletteMemory is what a batch is made of, kept from step to step.
type paletteMemory struct{ hole, truth, cond, noise, gammas, noisy, x []float32 }

// batch returns a batch of n images over the memory; what it holds is of an
// earlier one.
func (m *paletteMemory) batch(n, size int) *paletteBatch {
	plane := n * size * size
	return &paletteBatch{
		size: size, hole: grown(&m.hole, plane), gammas: grown(&m.gammas, n),
		truth: grown(&m.truth, 3*plane), cond: grown(&m.cond, 3*plane), noise: grown(&m.noise, 3*plane),
		noisy: grown(&m.noisy, 3*plane), x: autodiff.FromSlice(grown(&m.x, 6*plane), n, size, size, 6),
	}
}

// grown returns the first n elements of a buffer, which it makes anew when they
// are too few.
func grown(buffer *[]float32, n int) []float32 {
	if cap(*buffer) < n {
		*buffer = make([]float32, n)
	}
	return (*buffer)[:n]
}

// NewPalette wraps a model.
func NewPalette(name string, m *unet.Model) (*Palette, error) {
	if c := m.Config().UNet; c.InChannel != 6 || c.OutChannel != 3 {
		return nil, fmt.Errorf("model %s: in_channel is %d and out_channel %d; images have 3 channels, which makes 6 and 3", name, c.InChannel, c.OutChannel)
	}
	return &Palette{name: name, model: m, steps: min(paletteSampling, len(m.Gammas()))}, nil
}

// Family implements Model.
func (m *Palette) Family() string { return paletteName }

// Name implements Model.
func (m *Palette) Name() string { return m.name }

// Geometry implements Model: 16 cells a side where they divide the image.
func (m *Palette) Geometry() Geometry {
	size := m.model.Config().UNet.ImageSize
	grid := min(16, size)
	for size%grid != 0 {
		grid--
	}
	return Geometry{Size: size, Grid: grid}
}

// Params implements Model.
func (m *Palette) Params() []*layers.Param { return m.model.Params() }

// Encoder implements Model: embedding of the noise level, down path and middle.
func (m *Palette) Encoder() []*layers.Param { return m.model.Encoder() }

// Load implements Model.
func (m *Palette) Load(src []layers.Named) error { return m.model.Load(src) }

// Init implements Model.
func (m *Palette) Init(seed uint64) { m.model.Init(seed) }

// Config implements Model.
func (m *Palette) Config() ([]byte, error) { return json.Marshal(m.model.Config()) }

// Untie gives the up path its own copy of the embedding's weights, so that
// unlearning the encoder leaves the decoder as it is (spec, section 9.17).
func (m *Palette) Untie() { m.model.Untie() }

// OwnCopy names the tensors that Untie adds, which no file of the reference code
// can hold, and whether they differ from those they are copies of.
func (m *Palette) OwnCopy() (name string, differs bool) { return unet.UpEmbed, m.model.UpDiffers() }

// SetSampleSteps implements Sampler.
func (m *Palette) SetSampleSteps(n int) error {
	if n < 1 || n > len(m.model.Gammas()) {
		return fmt.Errorf("%d steps of a schedule of %d", n, len(m.model.Gammas()))
	}
	m.steps = n
	return nil
}

// Clone implements Model.
func (m *Palette) Clone(own func(name string) bool) (Model, error) {
	c, err := unet.New(m.model.Config())
	if err != nil {
		return nil, err
	}
	from := m.model.Params()
	if len(from) > len(c.Params()) {
		c.Untie()
	}
	share(c.Params(), from, own)
	return &Palette{name: m.name, model: c, steps: m.steps}, nil
}

// Features implements Model: the outputs of every down block and of the middle,
// 13 of them in the published model (spec, section 7.3).
func (m *Palette) Features(tp *autodiff.Tape, b Batch) []*autodiff.Tensor {
	pb := b.(*paletteBatch)
	return m.model.Encode(tp, pb.x, pb.gammas).Maps
}

// Output implements Model: the predicted noise [N,H,W,3].
func (m *Palette) Output(tp *autodiff.Tape, b Batch) *autodiff.Tensor {
	pb := b.(*paletteBatch)
	return m.model.Decode(tp, m.model.Encode(tp, pb.x, pb.gammas))
}

// Truth implements Model: the noise that was added [N,H,W,3].
func (m *Palette) Truth(_ *autodiff.Tape, b Batch) *autodiff.Tensor {
	pb := b.(*paletteBatch)
	return autodiff.FromSlice(pb.noise, pb.Len(), pb.size, pb.size, 3)
}

// Loss implements Model: the squared error of the noise in the holes, a mean over
// all elements of the samples (spec, section 7.3).
func (m *Palette) Loss(tp *autodiff.Tape, output, truth *autodiff.Tensor, b Batch, g Group) *autodiff.Tensor {
	pb := b.(*paletteBatch)
	plane := pb.size * pb.size
	weight := make([]float32, len(pb.hole))
	for i := g.First * plane; i < (g.First+g.Count)*plane; i++ {
		weight[i] = pb.hole[i] / float32(g.Count*plane)
	}
	return tp.RowMSE(tp.Reshape(output, len(weight), 3), tp.Reshape(truth, len(weight), 3), weight)
}

// Normalized implements Model.
func (m *Palette) Normalized(dst []float32, pixels []uint8) {
	plane := len(pixels) / 3
	for i := range plane {
		for c := range 3 {
			dst[c*plane+i] = signed(pixels[3*i+c])
		}
	}
}

// signed is a pixel in [-1,1].
func signed(v uint8) float32 { return float32(v)/127.5 - 1 }

// Displayed implements Model.
func (m *Palette) Displayed(dst, normalized []float32) {
	for i, v := range normalized {
		dst[i] = min(max((v+1)/2, 0), 1)
	}
}

// firstChannels turns [N,H,W,3] into [N,3,H,W].
func firstChannels(data []float32, n, size int) []float32 {
	out := make([]float32, len(data))
	kernels.ChannelsFirst(out, data, n, len(data)/(n*size*size), size*size)
	return out
}
