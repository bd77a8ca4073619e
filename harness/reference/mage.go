package reference

import (
	"encoding/json"
	"fmt"

	"lethe/autodiff"
	"lethe/harness/checkpoint"
	"lethe/layers/mage"
)

// mageForward computes tokens, their codes and the image they stand for, latent,
// logits and loss of images under given masks.
func mageForward(b *bundle) ([]checkpoint.Tensor, error) {
	m, err := b.mage()
	if err != nil {
		return nil, err
	}
	cfg := m.Config()
	images, err := b.input("images", anySize, cfg.InChans, cfg.ImgSize, cfg.ImgSize)
	if err != nil {
		return nil, err
	}
	n, l := images.shape[0], cfg.Tokens()
	masks, err := b.mageMasks(n, l)
	if err != nil {
		return nil, err
	}
	mask, err := masks.mask(0)
	if err != nil {
		return nil, err
	}

	tp := b.tape()
	tokens := m.Tokens(tp, autodiff.FromSlice(images.data, images.shape...))
	latent := m.Encode(tp, tokens, mask)
	logits := m.Decode(tp, latent, mask)
	loss := m.Loss(tp, logits, tokens, mask)
	codes := mage.ChannelsFirst(m.VQGAN().Lookup(tp, tokens, n, cfg.Side()))
	image := m.Image(tp, tokens, n)
	indices := make([]int64, len(tokens))
	for i, token := range tokens {
		indices[i] = int64(token)
	}
	return []checkpoint.Tensor{
		checkpoint.FromInt64("token_indices", []int{n, l}, indices),
		checkpoint.FromFloat32("z_q", codes.Shape(), codes.Data),
		checkpoint.FromFloat32("reconstruction", image.Shape(), image.Data),
		checkpoint.FromFloat32("latent", latent.Shape(), latent.Data),
		checkpoint.FromFloat32("logits", logits.Shape(), logits.Data),
		checkpoint.FromFloat32("loss", []int{1}, loss.Data),
	}, nil
}

// mage returns the model of the bundle with the checkpoint's weights. Its head
// reads the word embedding that trains, as the reference code's does.
func (b *bundle) mage() (*mage.Model, error) {
	var cfg mage.Config
	if len(b.Config) == 0 {
		return nil, b.refuse("names no config")
	}
	if err := json.Unmarshal(b.Config, &cfg); err != nil {
		return nil, b.refuse("config: %w", err)
	}
	m, err := mage.New(cfg)
	if err != nil {
		return nil, b.refuse("config: %w", err)
	}
	return m, b.load(m.Load)
}

// mageMasks is the two mask inputs, [steps..., n, l].
type mageMasks struct {
	b               *bundle
	n, l            int
	dropped, masked input
}

// mageMasks reads the masks; steps is the shape before the batch, if any.
func (b *bundle) mageMasks(n, l int, steps ...int) (m mageMasks, err error) {
	shape := append(append([]int{}, steps...), n, l)
	m = mageMasks{b: b, n: n, l: l}
	if m.dropped, err = b.input("token_drop_mask", shape...); err != nil {
		return m, err
	}
	m.masked, err = b.input("token_all_mask", shape...)
	return m, err
}

// mask returns the masking of step i.
func (m mageMasks) mask(i int) (mage.Masking, error) {
	from, to := i*m.n*m.l, (i+1)*m.n*m.l
	mask, err := mage.NewMasking(m.dropped.data[from:to], m.masked.data[from:to], m.n, m.l)
	if err != nil {
		return mask, &InputError{File: m.b.path(inputsFile), Tensor: "token_drop_mask", Err: fmt.Errorf("step %d: %w", i, err)}
	}
	return mask, nil
}

// mageSteps is the input of the task unlearn.
type mageSteps struct {
	steps, batch           int
	images, noise, labels  input // [S,B,C,H,W], [S,B,C,H,W], [S,B]
	masks                  []mage.Masking
	reduce                 reduction
	alpha                  float64
	lossRetain, lossForget []float32 // [S]
	student, original      *mage.Model
	train                  *trainer
}

// mageUnlearn takes the steps of method "ours" and returns the losses and the
// final weights of the encoder.
func mageUnlearn(b *bundle) ([]checkpoint.Tensor, error) {
	s, err := b.mageSteps()
	if err != nil {
		return nil, err
	}
	tp := b.tape()
	for i := range s.steps {
		s.step(tp, i)
	}
	out := []checkpoint.Tensor{
		checkpoint.FromFloat32("loss_retain", []int{s.steps}, s.lossRetain),
		checkpoint.FromFloat32("loss_forget", []int{s.steps}, s.lossForget),
	}
	return append(out, weights(s.student.Encoder())...), nil
}

// mageSteps reads and checks everything that the steps need.
func (b *bundle) mageSteps() (*mageSteps, error) {
	if err := b.needOurs(); err != nil {
		return nil, err
	}
	s := &mageSteps{}
	var err error
	if s.reduce, err = b.reduction(); err != nil {
		return nil, err
	}
	if s.student, err = b.mage(); err != nil {
		return nil, err
	}
	if s.original, err = mage.New(s.student.Config()); err != nil {
		return nil, b.refuse("config: %w", err)
	}
	s.original.CopyFrom(s.student)
	if s.train, err = b.trainer(s.student.Encoder()); err != nil {
		return nil, err
	}
	s.alpha = *b.Optimizer.Alpha
	return s, s.read(b)
}

// read fetches the input tensors. The first one says how many steps there are
// and how large a batch is; the description and the others must agree.
func (s *mageSteps) read(b *bundle) (err error) {
	cfg := s.student.Config()
	if s.images, err = b.input("images", anySize, anySize, cfg.InChans, cfg.ImgSize, cfg.ImgSize); err != nil {
		return err
	}
	s.steps, s.batch = s.images.shape[0], s.images.shape[1]
	if err := b.checkSteps("images", s.steps); err != nil {
		return err
	}
	if s.noise, err = b.input("noise_images", s.images.shape...); err != nil {
		return err
	}
	if s.labels, err = b.labels(s.steps, s.batch); err != nil {
		return err
	}
	masks, err := b.mageMasks(s.batch, cfg.Tokens(), s.steps)
	if err != nil {
		return err
	}
	for i := range s.steps {
		mask, err := masks.mask(i)
		if err != nil {
			return err
		}
		s.masks = append(s.masks, mask)
	}
	s.lossRetain, s.lossForget = make([]float32, s.steps), make([]float32, s.steps)
	return nil
}

// step takes step i:
//
//	loss = mean‖student(x) - original(x)‖² of retain images
//	     + alpha * mean‖student(x) - original(noise)‖² of forget images
//
// all under the mask of the image, each mean as the bundle's loss_reduction says.
func (s *mageSteps) step(tp *autodiff.Tape, i int) {
	defer tp.Reset()
	labels, mask := s.labels.part(i), s.masks[i]
	seen := s.student.Tokens(tp, autodiff.FromSlice(s.images.part(i), s.images.shape[1:]...))
	target := tp.Frozen(func() *autodiff.Tensor { return s.original.Encode(tp, s.shown(tp, i, seen), mask) })
	latent := s.student.Encode(tp, seen, mask)

	rows := latent.Len() / s.batch
	a, b := tp.Reshape(latent, s.batch, rows), tp.Reshape(target, s.batch, rows)
	retain := tp.RowMSE(a, b, s.reduce(labels, 1))
	forget := tp.RowMSE(a, b, s.reduce(labels, -1))
	s.lossRetain[i], s.lossForget[i] = retain.Data[0], forget.Data[0]
	tp.Backward(tp.WeightedSum([]*autodiff.Tensor{retain, forget}, []float32{1, float32(s.alpha)}))
	s.train.step()
}

// shown returns the tokens that the original sees: those of the noise images in
// the place of forget images. No other noise image is looked at.
func (s *mageSteps) shown(tp *autodiff.Tape, i int, seen []int32) []int32 {
	shown := append([]int32(nil), seen...)
	noise, one, l := s.noise.part(i), len(s.noise.part(i))/s.batch, len(seen)/s.batch
	for j, label := range s.labels.part(i) {
		if label < 0 {
			image := autodiff.FromSlice(noise[j*one:][:one], append([]int{1}, s.noise.shape[2:]...)...)
			copy(shown[j*l:], s.student.Tokens(tp, image))
		}
	}
	return shown
}
