package main

import (
	"errors"
	"fmt"

	"github.com/alecthomas/kong"

	"lethe/harness/evaluate"
	"lethe/harness/family"
	"lethe/harness/feature"
	"lethe/harness/metric"
	"lethe/harness/unlearn"
)

// unlearnCmd is lethe unlearn.
type unlearnCmd struct {
	RunFlags
	Data   DataFlags `embed:"" group:"Images"`
	Method string    `help:"Unlearning method; lethe methods lists them." default:"ours"`
	Model  string    `help:"Preset (mae_vit_base_patch16, mae_tiny, ...) or a JSON file of constructor arguments. Default: what the checkpoint says."`
	NormPixFlag
	Checkpoint   string        `help:"Weights of the trained model: .safetensors or PyTorch .pth."`
	SavePth      bool          `help:"Also write checkpoint.pth for PyTorch."`
	Alpha        *float64      `help:"Weight of the forget term. Default: the family's."`
	Lr           *float64      `help:"Peak learning rate. Default: the family's."`
	WeightDecay  *float64      `help:"Decoupled weight decay of matrices. Default: the family's."`
	Epochs       int           `help:"Passes over the larger of the two sets. Default: the family's." default:"0"`
	Steps        int           `help:"Optimizer steps, instead of --epochs." default:"0"`
	Batch        int           `help:"Retain images a step, and as many forget images." default:"16"`
	MicroBatch   int           `help:"Split a step into micro-batches of so many pairs (0: do not). Part of the result's definition." default:"0"`
	Warmup       int           `help:"Steps of linear warm-up." default:"0"`
	Schedule     string        `help:"Learning rate after the warm-up: constant or cosine." enum:"constant,cosine" default:"constant"`
	Clip         float64       `help:"Bound on the global gradient norm; 0 does not clip." default:"0"`
	MaskRatio    *float64      `help:"Fraction of patches removed while unlearning. Default: the family's (0.75 for a masked autoencoder)."`
	Noise        family.Noise  `help:"Forget target's noise image: gaussian N(0,I), batch (mean and deviation of the batch's pixels, clamped), diag-forget (per-element variance of the forget images); of a diffusion model gaussian (the noise that it is shown mixed with the image, as in the authors' code) or fresh (noise of its own, as in the paper's loss)." enum:"gaussian,batch,diag-forget,fresh" default:"gaussian"`
	Reduction    string        `help:"Distance of feature maps: mse, or l2 (the norm as printed in Eq. 10)." enum:"mse,l2" default:"mse"`
	UnitNoise    bool          `help:"random-encoder: draw N(0,1) instead of the original latent's mean and deviation."`
	CodeFaithful bool          `help:"mage, palette: let the decoder read the weights that the encoder trains, as the authors' code does, instead of a frozen copy of them."`
	Augment      bool          `help:"Random resized crop (0.2 to 1 of the area of the image as already scaled to the model's size) and horizontal flip while unlearning."`
	Evaluation   EvaluateFlags `embed:"" group:"Evaluation"`
	defaultTitle string
}

// EvaluateFlags say what is measured at the end of a run.
type EvaluateFlags struct {
	EvalMasks  []string `help:"Masks to measure under: random:RATIO, centre:CELLS, outpaint:CELLS, uncrop:K (a border of K/32 of the image). Default: the family's (random:0.75, centre:4 and, on larger grids, centre:8 for a masked autoencoder)."`
	EvalImages int      `help:"Images a group that are measured; 0 takes all." default:"500"`
	EvalBatch  int      `help:"Images in a forward pass of the evaluation." default:"50"`
	EvalSeed   uint64   `help:"Seed of the fixed masks." default:"2024"`
	Shown      int      `help:"Samples a group in the report's pictures." default:"8"`
	Networks   []string `name:"eval-network" aliases:"inception,resnet,squeezenet" help:"Weights of a network that measures the completions as a set, against the true images: Frechet distance (FID where the network is FID's Inception), KID, cosine and, where it classifies, Inception Score. .safetensors or .pth; keys and shapes say which network it is, --inception, --resnet and --squeezenet are the same flag. May be given again." placeholder:"FILE" sep:"none"`
	Cache      string   `name:"feature-cache" help:"Folder in which those networks' features are kept for the next time." placeholder:"DIR"`
	PaperCode  bool     `help:"Prepare images for those networks as the authors' evaluation does."`
	LPIPS      []string `name:"lpips" help:"Two files, LPIPS's backbone (SqueezeNet 1.1 with torchvision's keys) and the heads of version 0.1 for it: the perceptual distance of each completion to its true image." placeholder:"BACKBONE,HEADS"`
	SampleFlag
}

// SampleFlag is for commands that complete images.
type SampleFlag struct {
	SampleSteps int `help:"Steps in which mage and palette complete an image; 0: the family's." default:"0"`
}

// apply sets the steps of the models that have any; nil models are left out.
func (f SampleFlag) apply(models ...family.Model) error {
	if f.SampleSteps == 0 {
		return nil
	}
	for _, m := range models {
		if m == nil {
			continue
		}
		s, ok := m.(family.Sampler)
		if !ok {
			return usage("--sample-steps: %s completes an image in one step", family.KindOf(m.Family()).Title)
		}
		if err := s.SetSampleSteps(f.SampleSteps); err != nil {
			return usage("--sample-steps: %w", err)
		}
	}
	return nil
}

// options resolves the flags for a model.
func (e EvaluateFlags) options(m family.Model) (evaluate.Options, error) {
	g := m.Geometry()
	grid := g.Grid
	if g.Size < metric.SmallestSSIM {
		return evaluate.Options{}, fmt.Errorf("the model's images are %dx%d pixels; a run is measured by SSIM, which takes at least %dx%d", g.Size, g.Size, metric.SmallestSSIM, metric.SmallestSSIM)
	}
	o := evaluate.Options{Batch: max(e.EvalBatch, 1), Seed: e.EvalSeed, Shown: e.Shown, Masks: evaluate.DefaultMasks(grid), Cache: e.Cache, PaperCode: e.PaperCode}
	var err error
	if o.Networks, err = openNetworks(e.Networks); err != nil {
		return o, err
	}
	if o.LPIPS, err = openPerceptual(e.LPIPS, g.Size); err != nil {
		return o, fmt.Errorf("--lpips: %w", err)
	}
	masks := e.EvalMasks
	if len(masks) == 0 {
		masks = family.KindOf(m.Family()).EvalMasks
	}
	if len(masks) > 0 {
		o.Masks = nil
	}
	for _, text := range masks {
		k, err := evaluate.ParseMaskKind(text)
		if err != nil {
			return o, err
		}
		o.Masks = append(o.Masks, k)
	}
	for _, k := range o.Masks {
		if err := k.Fits(g); err != nil {
			return o, err
		}
	}
	return o, nil
}

// openPerceptual opens LPIPS's backbone and heads for images of some sizes; no files
// are no LPIPS.
func openPerceptual(paths []string, sizes ...int) (*feature.Perceptual, error) {
	switch len(paths) {
	case 0:
		return nil, nil
	case 2:
	default:
		return nil, fmt.Errorf("want two files, the backbone and the heads for it, such as squeezenet1_1.pth and squeeze.pth; there are %d", len(paths))
	}
	p, err := feature.OpenPerceptual(paths[0], paths[1])
	for _, size := range sizes {
		if err == nil {
			err = p.Fits(size)
		}
	}
	return p, err
}

// openNetworks opens networks that measure; two of one name would share columns.
func openNetworks(paths []string) ([]*feature.Network, error) {
	var out []*feature.Network
	for _, path := range paths {
		n, err := feature.Open(path)
		if err != nil {
			return nil, err
		}
		for i, other := range out {
			if other.Name() == n.Name() {
				return nil, fmt.Errorf("%s and %s are both of the network %s: give one of them", paths[i], path, n.Name())
			}
		}
		out = append(out, n)
	}
	return out, nil
}

// settings are the resolved numbers of a run.
type settings struct {
	Alpha, LearningRate, WeightDecay float64
	Epochs                           int
}

// resolve fills in the family's recipe and refuses numbers out of range.
func (c *unlearnCmd) resolve(r family.Recipe) (settings, error) {
	s := settings{r.Alpha, r.LearningRate, r.WeightDecay, r.Epochs}
	if c.Alpha != nil {
		s.Alpha = *c.Alpha
	}
	if c.Lr != nil {
		s.LearningRate = *c.Lr
	}
	if c.WeightDecay != nil {
		s.WeightDecay = *c.WeightDecay
	}
	if c.Epochs != 0 {
		s.Epochs = c.Epochs
	}
	c.Alpha, c.Lr, c.WeightDecay = &s.Alpha, &s.LearningRate, &s.WeightDecay
	if c.Steps == 0 {
		c.Epochs = s.Epochs
	}
	return s, errors.Join(c.RunFlags.check(), c.Data.check(), c.Evaluation.check(), within(
		weight("alpha", s.Alpha), rate("lr", s.LearningRate), weight("weight-decay", s.WeightDecay), weight("clip", c.Clip),
		least("batch", c.Batch, 1), least("epochs", s.Epochs, 1), least("steps", c.Steps, 0),
		least("micro-batch", c.MicroBatch, 0), least("warmup", c.Warmup, 0),
	))
}

// Run unlearns.
func (c *unlearnCmd) Run(a *app, parsed *kong.Context) error {
	if c.Checkpoint == "" {
		return usage("%w", errNoCheckpoint)
	}
	method, err := unlearn.Find(c.Method)
	if err != nil {
		return usage("--method: %w", err)
	}
	s, err := newSession(a, c.Threads, c.PrecisionFlag)
	if err != nil {
		return err
	}
	choice := modelChoice{c.Model, c.NormPixLoss}
	reopen := func() (family.Model, error) { return openModel(choice, c.Checkpoint) }
	model, err := reopen()
	if err != nil {
		return err
	}
	if k := family.KindOf(model.Family()); k.Recipe.LearningRate == 0 {
		return usage("--checkpoint %s: %s is pretrained and then frozen, there is nothing to unlearn in it", c.Checkpoint, k.Title)
	}
	set, err := c.resolve(recipeOf(model))
	if err != nil {
		return err
	}
	if err := c.Evaluation.apply(model); err != nil {
		return err
	}
	if c.Out == "" {
		c.Out = fmt.Sprintf("runs/unlearn-%s-%s", baseName(model.Name()), method.Name)
	}
	c.Model = model.Name()
	options, err := c.Evaluation.options(model)
	if err != nil {
		return usage("%w", err)
	}
	if err := errors.Join(resolveMaskRatio(&c.MaskRatio, model), runDir(c.Out).checkInput("checkpoint", c.Checkpoint)); err != nil {
		return err
	}
	resolved, err := resolvedConfig(parsed)
	if err != nil {
		return err
	}
	hold, err := claimDir(c.Out, c.RunFlags)
	if err != nil {
		return err
	}
	defer hold.release()
	images, err := c.Data.open(s, model.Geometry().Size, c.Evaluation)
	if err != nil {
		return err
	}
	j := &unlearnJob{
		job: job{session: s, flags: c.RunFlags, dir: hold.dir}, cmd: c, method: method, settings: set,
		original: model, reopen: reopen, images: images, config: resolved, options: options,
	}
	stop, err := c.watch(s)
	if err != nil {
		return err
	}
	defer stop()
	return j.run()
}
