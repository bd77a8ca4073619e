package family

import (
	"fmt"

	"lethe/autodiff"
	"lethe/layers"
)

// Batch is a number of samples prepared for one family, masks included. Only
// the family that made it looks inside.
type Batch interface {
	// Len is the number of samples.
	Len() int
}

// Group names the samples [First, First+Count) of a batch.
type Group struct{ First, Count int }

// Model is one generative model with its weights.
type Model interface {
	// Family is the name of its Kind.
	Family() string
	// Name is the preset's or the configuration's name.
	Name() string
	// Geometry says what images the model takes.
	Geometry() Geometry
	// Params lists every tensor in state-dict order.
	Params() []*layers.Param
	// Encoder lists the tensors that belong to the encoder.
	Encoder() []*layers.Param
	// Features computes the encoder's feature maps, [N,...] each, that the
	// encoder losses compare.
	Features(tp *autodiff.Tape, b Batch) []*autodiff.Tensor
	// Output computes encoder and decoder.
	Output(tp *autodiff.Tape, b Batch) *autodiff.Tensor
	// Truth is what the training loss wants Output to be.
	Truth(tp *autodiff.Tape, b Batch) *autodiff.Tensor
	// Loss is the training loss [1] of output against truth, a mean over
	// the samples of g.
	Loss(tp *autodiff.Tape, output, truth *autodiff.Tensor, b Batch, g Group) *autodiff.Tensor
	// Draw prepares the batches of one training step.
	Draw(d DrawSpec) (*Draw, error)
	// Prepare makes a batch of images with given masks, for evaluation.
	Prepare(pixels [][]uint8, masks []Mask) (Batch, error)
	// Complete fills the holes of a batch: three images a sample, in the
	// normalized space of the model.
	Complete(tp *autodiff.Tape, b Batch) Completion
	// Normalized writes image pixels [H,W,3] in 0..255 as the model's input
	// [3,H,W].
	Normalized(dst []float32, pixels []uint8)
	// Displayed undoes Normalized into [3,H,W] in [0,1], clamped.
	Displayed(dst, normalized []float32)
	// Clone makes a second model with the same weights. It has its own copy of
	// the tensors that own names and shares the others, which nobody may then
	// write.
	Clone(own func(name string) bool) (Model, error)
	// Config is the JSON form of the constructor arguments.
	Config() ([]byte, error)
	// Load copies a checkpoint's floating-point tensors into the weights.
	Load(src []layers.Named) error
	// Init draws weights to train from scratch.
	Init(seed uint64)
}

// Geometry is the image that a model takes.
type Geometry struct {
	// Size is the side of the square image in pixels.
	Size int
	// Grid is the number of mask cells a side; a cell is Size/Grid pixels.
	Grid int
	// Whole says that the model removes nothing but whole cells.
	Whole bool
}

// Completion is what a model made of a batch, all [N,3,H,W] in normalized
// units.
type Completion struct {
	// Input is the whole image.
	Input []float32
	// Predicted has the visible pixels of Input and the model's in the holes.
	Predicted []float32
	// Removed [N,H,W] is 1 where the model saw nothing.
	Removed []float32
	// Features is the first feature map, flattened to [N, FeatureLen].
	Features   []float32
	FeatureLen int
}

// Noise says how the image n of the forget target is drawn (spec, section 9.3).
type Noise string

// The kinds of noise. Gaussian is N(0,I) in the model's normalized input space;
// Batch is the released MAGE code's: scalar mean and deviation of the pixels of
// the batch, clamped to the displayable range; DiagForget has the mean 0 and
// the per-element variance of the batch's forget images.
//
// A diffusion model has two kinds, both N(0,I): Gaussian is the noise that the
// model is shown mixed with the forget image, as in the released code, and Fresh
// is independent of it, as in the loss of the paper. Elsewhere all noise is.
const (
	Gaussian   Noise = "gaussian"
	BatchNoise Noise = "batch"
	DiagForget Noise = "diag-forget"
	Fresh      Noise = "fresh"
)

// DrawSpec asks for the batches of one micro-batch of one step.
type DrawSpec struct {
	// Retain and Forget are decoded pixels [H,W,3] of the model's size.
	// Pretraining leaves Forget empty.
	Retain, Forget [][]uint8
	// Seed, Step and First key the random numbers: sample i of a group is
	// drawn as sample First+i of the step, whatever the micro-batch.
	Seed        uint64
	Step, First int
	// MaskRatio is the removed fraction; 0 where the family draws it.
	MaskRatio float64
	Noise     Noise
}

// Draw holds the batches of one micro-batch: the retain samples first, then the
// forget samples.
type Draw struct {
	Retain, Forget Group
	seen           Batch
	noised         func() Batch
	swapped        func() Batch
	labelled       func() Batch // nil: the seen one
}

// Seen is the retain and the forget images.
func (d *Draw) Seen() Batch { return d.seen }

// Noised has noise in place of the forget images, under the same masks.
func (d *Draw) Noised() Batch { return d.noised() }

// Swapped has retain images, taken cyclically, in place of the forget images,
// under the masks of the forget images.
func (d *Draw) Swapped() Batch { return d.swapped() }

// Labelled is what the student sees when the forget images' truth is noise: the
// images as they are, unless the noise is part of the input.
func (d *Draw) Labelled() Batch {
	if d.labelled == nil {
		return d.seen
	}
	return d.labelled()
}

// Coder is a tokenizer, a good one of which uses most of its codes.
type Coder interface {
	// CodeUsage says how many codes the tokens of images are spread over.
	CodeUsage(tp *autodiff.Tape, pixels [][]uint8) (CodeUsage, error)
}

// CodeUsage is how many of the codes occur, and how many would have the same
// entropy if they occurred equally often.
type CodeUsage struct {
	Used       int     `json:"used"`
	Codes      int     `json:"codes"`
	Perplexity float64 `json:"perplexity"`
}

// Untier is a model whose decoder reads weights that the encoder trains, and
// that can be given a frozen copy of them instead.
type Untier interface {
	// Untie gives the decoder its copy, of the weights as they are.
	Untie()
	// OwnCopy names the copy and says whether it differs from the encoder's
	// weights, so that the reference implementation cannot hold it.
	OwnCopy() (name string, differs bool)
}

// Sampler is a model that completes images in steps.
type Sampler interface {
	// SetSampleSteps says how many.
	SetSampleSteps(n int) error
}

// Buffer is an entry of a reference state dict that holds integers. Loading needs
// none of them; PyTorch wants them all.
type Buffer struct {
	Name  string
	Shape []int
	Data  []int64
}

// Buffered is a model whose reference state dict has such entries.
type Buffered interface {
	Buffers() []Buffer
}

// Tokenized is a model that is of no use before its tokenizer was trained.
type Tokenized interface {
	// LoadTokenizer copies the tokenizer of a checkpoint, its own or that of a
	// whole model, into the weights.
	LoadTokenizer(src []layers.Named) error
}

// TokenCounter is a model that counts what its tokenizer did since it was made.
type TokenCounter interface {
	TokenizerWork() (images int, gflop float64)
}

// share copies the parameters that own names and shares the memory of the
// others.
func share(to, from []*layers.Param, own func(name string) bool) {
	for i, p := range to {
		if own(p.Name) {
			copy(p.Value.Data, from[i].Value.Data)
		} else {
			p.Value.Data = from[i].Value.Data // the fresh memory was never touched, so it costs nothing
		}
	}
}

// checkOwnNoise refuses what CheckNoise refuses, and Fresh: a name of diffusion
// models for what is not a choice elsewhere.
func checkOwnNoise(n Noise) error {
	if n == Fresh {
		return fmt.Errorf("noise %s is a choice for diffusion models; here the noise is always independent of what the model sees: use %s", Fresh, Gaussian)
	}
	return CheckNoise(n)
}

// CheckNoise refuses a kind of noise that does not exist.
func CheckNoise(n Noise) error {
	switch n {
	case Gaussian, BatchNoise, DiagForget, Fresh:
		return nil
	}
	return fmt.Errorf("unknown noise %q: want %s, %s, %s or %s", n, Gaussian, BatchNoise, DiagForget, Fresh)
}
