package reference

import (
	"encoding/json"
	"fmt"

	"lethe/autodiff"
	"lethe/harness/checkpoint"
	"lethe/kernels"
	"lethe/layers"
	"lethe/layers/unet"
)

// paletteForward computes the feature maps and the predicted noise of given
// inputs at given noise levels.
func paletteForward(b *bundle) ([]checkpoint.Tensor, error) {
	m, err := b.palette()
	if err != nil {
		return nil, err
	}
	x, err := b.paletteImages(m, "x", m.Config().UNet.InChannel, anySize)
	if err != nil {
		return nil, err
	}
	gammas, err := b.input("gammas", x.shape[0], 1)
	if err != nil {
		return nil, err
	}
	tp := b.tape()
	e := m.Encode(tp, lastChannels(x.data, x.shape), gammas.data)
	var out []checkpoint.Tensor
	for i, f := range e.Maps {
		out = append(out, channelsFirst(fmt.Sprintf("feature.%d", i), f.Data, f.Shape()))
	}
	predicted := m.Decode(tp, e)
	return append(out, channelsFirst("noise_hat", predicted.Data, predicted.Shape())), nil
}

// paletteSample runs the reverse process with given noise.
func paletteSample(b *bundle) ([]checkpoint.Tensor, error) {
	m, err := b.palette()
	if err != nil {
		return nil, err
	}
	c := m.Config().UNet
	truth, err := b.paletteImages(m, "y_0", c.OutChannel, anySize)
	if err != nil {
		return nil, err
	}
	n, h, w := truth.shape[0], truth.shape[2], truth.shape[3]
	var cond, start, mask, noise input
	for _, t := range []struct {
		name  string
		dst   *input
		shape []int
	}{
		{"y_cond", &cond, []int{n, c.InChannel - c.OutChannel, h, w}}, {"y_t", &start, truth.shape},
		{"mask", &mask, []int{n, 1, h, w}}, {"step_noise", &noise, append([]int{len(m.Gammas())}, truth.shape...)},
	} {
		if *t.dst, err = b.input(t.name, t.shape...); err != nil {
			return nil, err
		}
	}
	hole := unet.Hole{
		N: n, H: h, W: w, Mask: mask.data,
		Truth: lastChannels(truth.data, truth.shape).Data, Cond: lastChannels(cond.data, cond.shape).Data,
		Start: lastChannels(start.data, start.shape).Data,
	}
	y := m.Sample(b.tape(), hole, func(t int, dst []float32) {
		kernels.ChannelsLast(dst, noise.part(len(m.Gammas())-1-t), n, c.OutChannel, h*w)
	})
	return []checkpoint.Tensor{channelsFirst("output", y, []int{n, h, w, c.OutChannel})}, nil
}

// palette returns the model of the bundle with the checkpoint's weights and
// schedule. Its up path reads the cond_embed that trains, as the reference
// code's does.
func (b *bundle) palette() (*unet.Model, error) {
	var cfg unet.Config
	if len(b.Config) == 0 {
		return nil, b.refuse("names no config")
	}
	if err := json.Unmarshal(b.Config, &cfg); err != nil {
		return nil, b.refuse("config: %w", err)
	}
	m, err := unet.New(cfg)
	if err != nil {
		return nil, b.refuse("config: %w", err)
	}
	if err := b.load(m.Load); err != nil {
		return nil, err
	}
	m.Tie()
	return m, nil
}

// paletteImages reads images of any size that the network can halve: lead is
// the shape before the channels.
func (b *bundle) paletteImages(m *unet.Model, name string, channels int, lead ...int) (input, error) {
	in, err := b.input(name, append(append([]int{}, lead...), channels, anySize, anySize)...)
	if err != nil {
		return in, err
	}
	for _, side := range in.shape[len(lead)+1:] {
		if factor := m.Config().Factor(); side%factor != 0 {
			return in, &InputError{File: b.path(inputsFile), Tensor: name, Err: fmt.Errorf("shape is %v, want sides that are multiples of %d", in.shape, factor)}
		}
	}
	return in, nil
}

// lastChannels turns data [N,C,H,W] into a tensor [N,H,W,C].
func lastChannels(data []float32, shape []int) *autodiff.Tensor {
	n, c, h, w := shape[0], shape[1], shape[2], shape[3]
	t := unet.Input(n, h, w, c)
	kernels.ChannelsLast(t.Data, data, n, c, h*w)
	return t
}

// channelsFirst returns data of shape [N,H,W,C] as a tensor [N,C,H,W].
func channelsFirst(name string, data []float32, shape []int) checkpoint.Tensor {
	n, h, w, c := shape[0], shape[1], shape[2], shape[3]
	out := make([]float32, len(data))
	kernels.ChannelsFirst(out, data, n, c, h*w)
	return checkpoint.FromFloat32(name, []int{n, c, h, w}, out)
}

// paletteSteps is the input of the task unlearn.
type paletteSteps struct {
	steps, batch                             int
	truth, cond, noise, mask, gammas, labels input // [S,B,...]
	reduce                                   reduction
	alpha                                    float64
	loss                                     []float32 // [S]
	student, original                        *unet.Model
	train                                    *trainer
}

// paletteUnlearn takes the steps of method "ours" and returns the losses and the
// final weights.
func paletteUnlearn(b *bundle) ([]checkpoint.Tensor, error) {
	s, err := b.paletteSteps()
	if err != nil {
		return nil, err
	}
	tp := b.tape()
	for i := range s.steps {
		s.step(tp, i)
	}
	out := []checkpoint.Tensor{checkpoint.FromFloat32("loss", []int{s.steps}, s.loss)}
	return append(out, weights(networkOf(s.student))...), nil
}

// networkOf are the parameters of the network, without the schedule.
func networkOf(m *unet.Model) []*layers.Param { return m.Params()[len(m.Params())-m.Tensors():] }

// paletteSteps reads and checks everything that the steps need.
func (b *bundle) paletteSteps() (*paletteSteps, error) {
	if err := b.needOurs(); err != nil {
		return nil, err
	}
	s := &paletteSteps{reduce: paletteCode}
	var err error
	if b.LossReduction != "" && b.LossReduction != "paper-code" {
		if s.reduce, err = b.reduction(); err != nil {
			return nil, err
		}
	}
	if s.student, err = b.palette(); err != nil {
		return nil, err
	}
	if s.original, err = unet.New(s.student.Config()); err != nil {
		return nil, b.refuse("config: %w", err)
	}
	s.original.CopyFrom(s.student)
	if s.train, err = b.trainer(s.student.Encoder()); err != nil {
		return nil, err
	}
	s.alpha = *b.Optimizer.Alpha
	return s, s.read(b)
}

// paletteCode is what the authors' code does: 1 on the images of the group and 0
// on the others, then the mean over the whole batch.
func paletteCode(labels []float32, group float32) []float32 {
	out := paperCode(labels, group)
	for i := range out {
		out[i] /= 2
	}
	return out
}

// read fetches the input tensors. The first one says how many steps there are,
// how large a batch is and what size the images have.
func (s *paletteSteps) read(b *bundle) (err error) {
	c := s.student.Config().UNet
	if s.truth, err = b.paletteImages(s.student, "y_0", c.OutChannel, anySize, anySize); err != nil {
		return err
	}
	s.steps, s.batch = s.truth.shape[0], s.truth.shape[1]
	if err := b.checkSteps("y_0", s.steps); err != nil {
		return err
	}
	h, w := s.truth.shape[3], s.truth.shape[4]
	for _, t := range []struct {
		name string
		dst  *input
		rest []int
	}{
		{"y_cond", &s.cond, []int{c.InChannel - c.OutChannel, h, w}}, {"noise", &s.noise, []int{c.OutChannel, h, w}},
		{"mask", &s.mask, []int{1, h, w}}, {"gammas", &s.gammas, []int{1}},
	} {
		if *t.dst, err = b.input(t.name, append([]int{s.steps, s.batch}, t.rest...)...); err != nil {
			return err
		}
	}
	s.labels, err = b.labels(s.steps, s.batch)
	s.loss = make([]float32, s.steps)
	return err
}

// step takes step i:
//
//	loss = sum over the maps of retain + alpha*forget
//
// each the mean squared difference between the student's map and the frozen
// original's, reduced as the bundle says. The student sees the noisy image; of
// forget images the original sees pure noise in the hole.
func (s *paletteSteps) step(tp *autodiff.Tape, i int) {
	defer tp.Reset()
	labels, gammas := s.labels.part(i), s.gammas.part(i)
	seen, shown := s.inputs(i)
	target := tp.FrozenAll(func() []*autodiff.Tensor { return s.original.Encode(tp, shown, gammas).Maps })
	var terms []*autodiff.Tensor
	var factors []float32
	for k, got := range s.student.Encode(tp, seen, gammas).Maps {
		rows := got.Len() / s.batch
		a, b := tp.Reshape(got, s.batch, rows), tp.Reshape(target[k], s.batch, rows)
		terms = append(terms, tp.RowMSE(a, b, s.reduce(labels, 1)), tp.RowMSE(a, b, s.reduce(labels, -1)))
		factors = append(factors, 1, float32(s.alpha))
	}
	loss := tp.WeightedSum(terms, factors)
	s.loss[i] = loss.Data[0]
	tp.Backward(loss)
	s.train.step()
}

// inputs returns what the student and the original see in step i, [B,H,W,In].
func (s *paletteSteps) inputs(i int) (seen, shown *autodiff.Tensor) {
	c, h, w := s.student.Config().UNet, s.truth.shape[3], s.truth.shape[4]
	out, pixels := c.OutChannel, h*w
	last := func(in input) []float32 { return lastChannels(in.part(i), in.shape[1:]).Data }
	truth, cond, noise, mask := last(s.truth), last(s.cond), last(s.noise), s.mask.part(i)
	seen, shown = unet.Input(s.batch, h, w, c.InChannel), unet.Input(s.batch, h, w, c.InChannel)
	noisy, pure := make([]float32, len(truth)), make([]float32, len(truth))
	for j, label := range s.labels.part(i) {
		image, hole := j*pixels*out, mask[j*pixels:][:pixels]
		part := func(x []float32) []float32 { return x[image : image+pixels*out] }
		unet.Noisy(part(noisy), part(truth), part(noise), hole, s.gammas.part(i)[j])
		copy(part(pure), part(noisy))
		if label < 0 {
			unet.Noisy(part(pure), part(truth), part(noise), hole, 0)
		}
	}
	unet.Join(seen.Data, cond, c.InChannel-out, noisy, out)
	unet.Join(shown.Data, cond, c.InChannel-out, pure, out)
	return seen, shown
}
