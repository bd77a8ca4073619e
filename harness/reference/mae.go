package reference

import (
	"encoding/json"

	"lethe/autodiff"
	"lethe/harness/checkpoint"
	"lethe/layers"
	"lethe/layers/mae"
)

// maeForward computes latent, mask, ids_restore, pred and loss of images under
// the masking that noise gives.
func maeForward(b *bundle) ([]checkpoint.Tensor, error) {
	ratio, err := b.ratio()
	if err != nil {
		return nil, err
	}
	m, err := b.mae()
	if err != nil {
		return nil, err
	}
	cfg := m.Config()
	images, err := b.input("images", anySize, cfg.InChans, cfg.ImgSize, cfg.ImgSize)
	if err != nil {
		return nil, err
	}
	n, l := images.shape[0], cfg.Patches()
	noise, err := b.input("noise", n, l)
	if err != nil {
		return nil, err
	}

	mask := mae.MaskFromNoise(noise.data, n, l, ratio)
	tp, x := b.tape(), autodiff.FromSlice(images.data, images.shape...)
	latent := m.Encode(tp, x, mask)
	pred := m.Decode(tp, latent, mask)
	loss := m.Loss(tp, pred, m.Target(tp, x), mask)
	restore := make([]int64, len(mask.Restore))
	for i, at := range mask.Restore {
		restore[i] = int64(at)
	}
	return []checkpoint.Tensor{
		checkpoint.FromFloat32("latent", latent.Shape(), latent.Data),
		checkpoint.FromFloat32("mask", []int{n, l}, mask.Removed),
		checkpoint.FromInt64("ids_restore", []int{n, l}, restore),
		checkpoint.FromFloat32("pred", pred.Shape(), pred.Data),
		checkpoint.FromFloat32("loss", []int{1}, loss.Data),
	}, nil
}

// mae returns the model of the bundle with the checkpoint's weights.
func (b *bundle) mae() (*mae.Model, error) {
	var cfg mae.Config
	if len(b.Config) == 0 {
		return nil, b.refuse("names no config")
	}
	if err := json.Unmarshal(b.Config, &cfg); err != nil {
		return nil, b.refuse("config: %w", err)
	}
	m, err := mae.New(cfg)
	if err != nil {
		return nil, b.refuse("config: %w", err)
	}
	return m, b.load(m.Load)
}

// maeSteps is the input of the task unlearn.
type maeSteps struct {
	steps, batch             int
	ratio, alpha             float64
	retain, forget, gaussian input // [S,B,C,H,W]
	retainNoise, forgetNoise input // [S,B,L]
	lossRetain, lossForget   []float32
	loss, gradNorm           []float32 // [S] each
	student, original        *mae.Model
	train                    *trainer
}

// maeUnlearn takes the steps of method "ours" and returns the losses, gradient
// norms and final weights.
func maeUnlearn(b *bundle) ([]checkpoint.Tensor, error) {
	s, err := b.maeSteps()
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
		checkpoint.FromFloat32("loss", []int{s.steps}, s.loss),
		checkpoint.FromFloat32("grad_norm", []int{s.steps}, s.gradNorm),
	}
	return append(out, weights(s.student.Params())...), nil
}

// weights returns "weights.<key>" for every parameter.
func weights(params []*layers.Param) []checkpoint.Tensor {
	out := make([]checkpoint.Tensor, 0, len(params))
	for _, p := range params {
		out = append(out, checkpoint.FromFloat32("weights."+p.Name, p.Shape, p.Export()))
	}
	return out
}

// maeSteps reads and checks everything that the steps need.
func (b *bundle) maeSteps() (*maeSteps, error) {
	if b.Method != "ours" {
		return nil, b.refuse("method is %q, want \"ours\"", b.Method)
	}
	ratio, err := b.ratio()
	if err != nil {
		return nil, err
	}
	s := &maeSteps{ratio: ratio}
	if s.student, err = b.mae(); err != nil {
		return nil, err
	}
	if s.original, err = mae.New(s.student.Config()); err != nil {
		return nil, b.refuse("config: %w", err)
	}
	s.original.CopyFrom(s.student)
	if s.train, err = b.trainer(s.student.Encoder()); err != nil {
		return nil, err
	}
	s.alpha = *b.Optimizer.Alpha
	if err := s.read(b); err != nil {
		return nil, err
	}
	for _, out := range []*[]float32{&s.lossRetain, &s.lossForget, &s.loss, &s.gradNorm} {
		*out = make([]float32, s.steps)
	}
	return s, nil
}

// read fetches the input tensors. The first one says how many steps there are
// and how large a batch is; the description and the others must agree.
func (s *maeSteps) read(b *bundle) (err error) {
	cfg := s.student.Config()
	if s.retain, err = b.input("retain_images", anySize, anySize, cfg.InChans, cfg.ImgSize, cfg.ImgSize); err != nil {
		return err
	}
	s.steps, s.batch = s.retain.shape[0], s.retain.shape[1]
	if err := b.checkSteps("retain_images", s.steps); err != nil {
		return err
	}
	for _, t := range []struct {
		name string
		dst  *input
		rest []int
	}{
		{"forget_images", &s.forget, s.retain.shape[2:]},
		{"gaussian", &s.gaussian, s.retain.shape[2:]},
		{"retain_noise", &s.retainNoise, []int{cfg.Patches()}},
		{"forget_noise", &s.forgetNoise, []int{cfg.Patches()}},
	} {
		if *t.dst, err = b.input(t.name, append([]int{s.steps, s.batch}, t.rest...)...); err != nil {
			return err
		}
	}
	return nil
}

// step takes step i:
//
//	loss = MSE(student(retain), original(retain)) + alpha*MSE(student(forget), original(gaussian))
//
// each pair under one mask, each MSE over all tokens and channels.
func (s *maeSteps) step(tp *autodiff.Tape, i int) {
	defer tp.Reset()
	l := s.student.Config().Patches()
	retainMask := mae.MaskFromNoise(s.retainNoise.part(i), s.batch, l, s.ratio)
	forgetMask := mae.MaskFromNoise(s.forgetNoise.part(i), s.batch, l, s.ratio)

	retain := s.distance(tp, s.images(s.retain, i), s.images(s.retain, i), retainMask)
	forget := s.distance(tp, s.images(s.forget, i), s.images(s.gaussian, i), forgetMask)
	loss := tp.WeightedSum([]*autodiff.Tensor{retain, forget}, []float32{1, float32(s.alpha)})
	s.lossRetain[i], s.lossForget[i], s.loss[i] = retain.Data[0], forget.Data[0], loss.Data[0]
	tp.Backward(loss)
	s.gradNorm[i] = float32(s.train.step())
}

// distance returns the mean squared error between the student's latent of x and
// the frozen original's of y.
func (s *maeSteps) distance(tp *autodiff.Tape, x, y *autodiff.Tensor, mask mae.Masking) *autodiff.Tensor {
	target := tp.Frozen(func() *autodiff.Tensor { return s.original.Encode(tp, y, mask) })
	return tp.MSE(s.student.Encode(tp, x, mask), target)
}

// images returns the batch of step i.
func (s *maeSteps) images(in input, i int) *autodiff.Tensor {
	return autodiff.FromSlice(in.part(i), in.shape[1:]...)
}
