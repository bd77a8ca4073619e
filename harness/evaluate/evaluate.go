package evaluate

import (
	"context"
	"fmt"

	"lethe/autodiff"
	"lethe/harness/family"
	"lethe/harness/feature"
	"lethe/harness/metric"
	"lethe/kernels"
	"lethe/layers/rng"
)

// Group is a named list of held images: decoded pixels [H,W,3] of the model's
// size.
type Group struct {
	Name   string
	Pixels [][]uint8
	// Labels are the class names, for the pictures; may be nil.
	Labels []string
}

// Metrics are the means over the images of one group under one mask.
type Metrics struct {
	Images int `json:"images"`
	// HoleMSE is the squared error of removed patches in normalized units.
	HoleMSE float64 `json:"hole_mse"`
	PSNR    float64 `json:"psnr"`
	SSIM    float64 `json:"ssim"`
	// EncoderRMS is the distance to the original's embedding.
	EncoderRMS float64 `json:"encoder_rms"`
	// EncoderUnit is the distance to the original's embedding, both scaled
	// to length 1.
	EncoderUnit float64 `json:"encoder_unit"`
	// Shift is the squared difference to the original's completion in the
	// holes, in normalized units.
	Shift float64 `json:"shift_mse"`
	// Summary has each of them with its spread, by its JSON name.
	Summary map[string]metric.Summary `json:"summary"`
	// Sets are the metrics of the whole set of completions against the true
	// images, by column, where networks were given; SetResults says of how many
	// images, by which weights, and what makes a number doubtful.
	Sets       map[string]float64 `json:"sets,omitempty"`
	SetResults []metric.Result    `json:"set_results,omitempty"`
}

// Masked are a group's metrics: those of the first mask at the top, and every
// mask by its name.
type Masked struct {
	Metrics
	Masks map[string]Metrics `json:"masks"`
}

// Result holds the two models' metrics by group, and the paired ratio
// after/before of the hole MSE under the first mask.
type Result struct {
	Before map[string]Masked `json:"before"`
	After  map[string]Masked `json:"after"`
	Ratio  map[string]Ratio  `json:"hole_mse_ratio"`
	Masks  []string          `json:"masks"`
	// Embedded are features of some completions under the first mask, to look at.
	Embedded []Embedded `json:"-"`
}

// Ratio is mean(after)/mean(before) with its 95 % bootstrap interval.
type Ratio struct {
	Value    float64    `json:"value"`
	Interval [2]float64 `json:"interval_95"`
}

// Options choose what is measured.
type Options struct {
	Masks []MaskKind
	// Batch is the number of images in a forward pass.
	Batch int
	Seed  uint64
	// Shown is the number of images a group whose pictures are kept.
	Shown int
	// Tape lends its memory; nil makes a new one.
	Tape *autodiff.Tape
	// Progress hears of finished images.
	Progress func(done, total int)
	// LPIPS measures each completion against its true image; nil: nobody does.
	LPIPS *feature.Perceptual
	// Networks measure the completions as sets. Cache is a folder for their
	// features, "" none; PaperCode prepares images as the authors do; AfterOnly
	// spares the original's sets where there is an unlearned model.
	Networks  []*feature.Network
	Cache     string
	PaperCode bool
	AfterOnly bool
}

// Picture holds one sample's images [3,H,W] in [0,1]. After is nil when only the
// original was measured.
type Picture struct {
	Group, Mask, Label string
	Input, Masked      []float32
	Before, After      []float32
}

// NotFiniteError says that a model completes images with NaN or infinity.
type NotFiniteError struct {
	// Unlearned tells the unlearned model from the original.
	Unlearned bool
}

func (e *NotFiniteError) Error() string {
	if e.Unlearned {
		return "the unlearned model's output is not finite"
	}
	return "the model's output is not finite"
}

// series collects one model's values, image by image.
type series struct{ mse, psnr, ssim, rms, unit, shift []float64 }

// run is the state of one evaluation.
type run struct {
	tape            *autodiff.Tape
	original, after family.Model
	o               Options
	done, total     int
	pictures        []Picture
	embedded        []Embedded
}

// Compare measures the original and the unlearned model. With after nil only
// the original is measured, and After stays empty.
func Compare(ctx context.Context, original, after family.Model, groups []Group, o Options) (Result, []Picture, error) {
	r := &run{tape: o.Tape, original: original, after: after, o: o}
	if r.tape == nil {
		r.tape = autodiff.NewTape()
	}
	r.tape.Reset()
	res := Result{Before: map[string]Masked{}, After: map[string]Masked{}, Ratio: map[string]Ratio{}}
	for _, k := range o.Masks {
		res.Masks = append(res.Masks, k.String())
	}
	for _, g := range groups {
		r.total += len(g.Pixels) * len(o.Masks)
	}
	for j, g := range groups {
		if len(g.Pixels) == 0 {
			continue
		}
		if err := r.group(ctx, j, g, &res); err != nil {
			return res, nil, fmt.Errorf("evaluating %s: %w", g.Name, err)
		}
	}
	res.Embedded = r.embedded
	return res, r.pictures, nil
}

func (r *run) group(ctx context.Context, j int, g Group, res *Result) error {
	before := Masked{Masks: map[string]Metrics{}}
	after := Masked{Masks: map[string]Metrics{}}
	var shown sets
	for m, kind := range r.o.Masks {
		var b, a series
		for at := 0; at < len(g.Pixels); at += r.o.Batch {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			end := min(at+r.o.Batch, len(g.Pixels))
			if err := r.batch(j, g, kind, at, end, &b, &a, &shown); err != nil {
				return fmt.Errorf("mask %s: %w", kind, err)
			}
		}
		mb, err := r.summary(b)
		if err != nil {
			return err
		}
		var ma Metrics
		if r.after != nil {
			if ma, err = r.summary(a); err != nil {
				return err
			}
		}
		if err := r.measureSets(ctx, g.Name, &shown, &mb, &ma); err != nil {
			return fmt.Errorf("mask %s: %w", kind, err)
		}
		before.Masks[kind.String()] = mb
		if m == 0 {
			before.Metrics = mb
		}
		if r.after == nil {
			continue
		}
		after.Masks[kind.String()] = ma
		if m == 0 {
			after.Metrics = ma
			if res.Ratio[g.Name], err = r.ratio(a.mse, b.mse); err != nil {
				return err
			}
		}
	}
	res.Before[g.Name] = before
	if r.after != nil {
		res.After[g.Name] = after
	}
	return nil
}

// batch completes images [at,end) with both models.
func (r *run) batch(j int, g Group, kind MaskKind, at, end int, b, a *series, shown *sets) error {
	masks := make([]family.Mask, end-at)
	for i := range masks {
		mk, err := kind.mask(r.original.Geometry(), r.o.Seed, j, at+i)
		if err != nil {
			return err
		}
		masks[i] = mk
	}
	batch, err := r.original.Prepare(g.Pixels[at:end], masks)
	if err != nil {
		return err
	}
	defer r.tape.Reset()
	before := r.complete(r.original, batch)
	if !kernels.AllFinite(before.Predicted) || !kernels.AllFinite(before.Features) {
		return &NotFiniteError{Unlearned: false}
	}
	if err := b.add(r.original, before, before); err != nil {
		return fmt.Errorf("the original model: %w", err)
	}
	after := before
	if r.after != nil {
		after = r.complete(r.after, batch)
		if !kernels.AllFinite(after.Predicted) || !kernels.AllFinite(after.Features) {
			return &NotFiniteError{Unlearned: true}
		}
		if err := a.add(r.original, after, before); err != nil {
			return fmt.Errorf("the unlearned model: %w", err)
		}
	}
	r.keep(g, kind, at, end, before, after)
	r.collect(shown, before, after)
	r.done += end - at
	if r.o.Progress != nil {
		r.o.Progress(r.done, r.total)
	}
	return nil
}

// complete runs one model without recording.
func (r *run) complete(m family.Model, b family.Batch) family.Completion {
	var c family.Completion
	r.tape.Frozen(func() *autodiff.Tensor {
		c = m.Complete(r.tape, b)
		c.Features = append([]float32(nil), c.Features...)
		return nil
	})
	return c
}

// sampleValues are the metrics of one sample.
type sampleValues struct {
	mse, shift, psnr, ssim float64
	distance               metric.Distance
	err                    error
}

// add measures every sample of a completion against the truth and against the
// original's completion.
func (s *series) add(m family.Model, c, original family.Completion) error {
	size := m.Geometry().Size
	values := make([]sampleValues, len(c.Removed)/(size*size))
	kernels.For(len(values), func(i int) { values[i] = measure(m, c, original, i, size) })
	for _, v := range values {
		if v.err != nil {
			return v.err
		}
		s.mse, s.shift = append(s.mse, v.mse), append(s.shift, v.shift)
		s.psnr, s.ssim = append(s.psnr, v.psnr), append(s.ssim, v.ssim)
		s.rms, s.unit = append(s.rms, v.distance.RMS), append(s.unit, v.distance.Unit)
	}
	return nil
}

// measure computes the metrics of sample i.
func measure(m family.Model, c, original family.Completion, i, size int) (v sampleValues) {
	plane := size * size
	in, out := c.Input[3*i*plane:][:3*plane], c.Predicted[3*i*plane:][:3*plane]
	removed := make([]float32, 3*plane)
	for ch := range 3 {
		copy(removed[ch*plane:], c.Removed[i*plane:][:plane])
	}
	shown := metric.Image{C: 3, H: size, W: size, Pix: make([]float32, 3*plane)}
	truth := metric.Image{C: 3, H: size, W: size, Pix: make([]float32, 3*plane)}
	m.Displayed(shown.Pix, out)
	m.Displayed(truth.Pix, in)
	n := c.FeatureLen
	for _, step := range []func() error{
		func() (err error) { v.mse, err = metric.HoleMSE(out, in, removed); return },
		func() (err error) {
			v.shift, err = metric.HoleMSE(out, original.Predicted[3*i*plane:][:3*plane], removed)
			return
		},
		func() (err error) { v.psnr, err = metric.PSNR(shown, truth); return },
		func() (err error) { v.ssim, err = metric.SSIM(shown, truth); return },
		func() (err error) {
			v.distance, err = metric.EncoderDistance(c.Features[i*n:][:n], original.Features[i*n:][:n])
			return
		},
	} {
		if v.err = step(); v.err != nil {
			return v
		}
	}
	return v
}

// summary turns the series into means with their spread.
func (r *run) summary(s series) (Metrics, error) {
	out := Metrics{Images: len(s.mse), Summary: map[string]metric.Summary{}}
	for i, f := range []struct {
		name   string
		mean   *float64
		values []float64
	}{
		{"hole_mse", &out.HoleMSE, s.mse}, {"psnr", &out.PSNR, s.psnr}, {"ssim", &out.SSIM, s.ssim},
		{"encoder_rms", &out.EncoderRMS, s.rms}, {"encoder_unit", &out.EncoderUnit, s.unit}, {"shift_mse", &out.Shift, s.shift},
	} {
		sum, err := metric.Summarise(f.values, metric.Bootstrap{}, rng.New(r.o.Seed, rng.Eval, bootstrapStep, uint64(i)))
		if err != nil {
			return out, fmt.Errorf("%s: %w", f.name, err)
		}
		out.Summary[f.name], *f.mean = sum, sum.Mean
	}
	return out, nil
}

// bootstrapStep keys the resampling apart from the masks, whose step is the
// number of the group.
const bootstrapStep = 1 << 32

func (r *run) ratio(after, before []float64) (Ratio, error) {
	v, lo, hi, err := metric.Ratio(after, before, metric.Bootstrap{}, rng.New(r.o.Seed, rng.Eval, bootstrapStep+1, 0))
	return Ratio{Value: v, Interval: [2]float64{lo, hi}}, err
}

// keep stores the pictures of the first images of a group.
func (r *run) keep(g Group, kind MaskKind, at, end int, before, after family.Completion) {
	size := r.original.Geometry().Size
	plane := size * size
	for i := at; i < min(end, r.o.Shown); i++ {
		one := func(src []float32) []float32 {
			dst := make([]float32, 3*plane)
			r.original.Displayed(dst, src[3*(i-at)*plane:][:3*plane])
			return dst
		}
		p := Picture{Group: g.Name, Mask: kind.String(), Input: one(before.Input), Masked: one(before.Input), Before: one(before.Predicted)}
		if r.after != nil {
			p.After = one(after.Predicted)
		}
		for k, gone := range before.Removed[(i-at)*plane:][:plane] {
			if gone != 0 {
				p.Masked[k], p.Masked[plane+k], p.Masked[2*plane+k] = 0.5, 0.5, 0.5
			}
		}
		if i < len(g.Labels) {
			p.Label = g.Labels[i]
		}
		r.pictures = append(r.pictures, p)
	}
}
