package feature

import (
	"context"
	"errors"
	"fmt"

	"lethe/autodiff"
	"lethe/harness/data"
	"lethe/kernels"
)

// Decoder names how data.Decode makes pixels of a file, for records.
const Decoder = "go-image, pillow-chroma-and-colour"

// defaultBatch is the number of images that run together where Options do not
// say; a larger one takes more memory.
const defaultBatch = 8

// Options are the choices of an extraction.
type Options struct {
	Batch     int                   // images that run together, 0: 8; results do not depend on it
	Cache     string                // folder of activations computed before; "": none
	Progress  func(done, total int) // called after every batch; nil: not
	PaperCode bool                  // prepare images as the authors' evaluation does
}

// Features are what a network says of images, and what that depends on.
type Features struct {
	Network, SHA256, Resizer, Decoder string
	N, D, Classes                     int
	Rows                              []float32 // [N,D]
	Logits                            []float32 // [N,Classes], or nil where the network does not classify
}

// Extract computes features and logits.
//
// Errors: ctx's, an empty image, an unwritable cache.
func (n *Network) Extract(ctx context.Context, images []data.Image, o Options) (Features, error) {
	p := n.kind.prepare
	if o.PaperCode {
		p = n.kind.paperCode
	}
	f := Features{
		Network: n.name, SHA256: n.sha, Resizer: p.resizer(), Decoder: Decoder,
		N: len(images), D: n.kind.width, Classes: n.kind.classes,
		Rows: make([]float32, len(images)*n.kind.width),
	}
	if f.Classes > 0 {
		f.Logits = make([]float32, len(images)*f.Classes)
	}
	if err := checkImages(images, o); err != nil {
		return Features{}, err
	}
	batch := o.Batch
	if batch == 0 {
		batch = defaultBatch
	}
	n.running.Lock()
	defer n.running.Unlock()
	cache := cache{dir: o.Cache, network: n.sha, preparation: p.name}
	for lo := 0; lo < len(images); lo += batch {
		if err := ctx.Err(); err != nil {
			return Features{}, err
		}
		hi := min(lo+batch, len(images))
		if err := n.extractBatch(images, lo, hi, p, cache, &f); err != nil {
			return Features{}, err
		}
		if o.Progress != nil {
			o.Progress(hi, len(images))
		}
	}
	return f, nil
}

func checkImages(images []data.Image, o Options) error {
	if o.Batch < 0 {
		return errors.New("the batch of an extraction is negative")
	}
	for i, im := range images {
		if im.W < 1 || im.H < 1 || len(im.Pix) != 3*im.W*im.H {
			return fmt.Errorf("image %d of an extraction is %dx%d with %d bytes", i, im.W, im.H, len(im.Pix))
		}
	}
	return nil
}

// extractBatch fills rows [lo,hi) of f, from the cache where it has them.
func (n *Network) extractBatch(images []data.Image, lo, hi int, p preparation, c cache, f *Features) error {
	var todo []int
	for i := lo; i < hi; i++ {
		if !c.get(images[i], f.row(i), f.logit(i)) {
			todo = append(todo, i)
		}
	}
	if len(todo) == 0 {
		return nil
	}
	each, tp := 3*p.size*p.size, n.tape
	if len(n.pixels) < len(todo)*each {
		n.pixels = make([]float32, len(todo)*each)
	}
	x := autodiff.FromSlice(n.pixels[:len(todo)*each], len(todo), p.size, p.size, 3)
	kernels.For(len(todo), func(k int) { p.apply(x.Data[k*each:][:each], images[todo[k]]) })
	outs := tp.FrozenAll(func() []*autodiff.Tensor {
		features, logits := n.forward(tp, x)
		if logits == nil {
			return []*autodiff.Tensor{features}
		}
		return []*autodiff.Tensor{features, logits}
	})
	for k, i := range todo {
		copy(f.row(i), outs[0].Data[k*f.D:][:f.D])
		if f.Classes > 0 {
			copy(f.logit(i), outs[1].Data[k*f.Classes:][:f.Classes])
		}
	}
	tp.Reset()
	for _, i := range todo {
		if err := c.put(images[i], f.row(i), f.logit(i)); err != nil {
			return err
		}
	}
	return nil
}

func (f *Features) row(i int) []float32   { return f.Rows[i*f.D:][:f.D] }
func (f *Features) logit(i int) []float32 { return f.Logits[i*f.Classes:][:f.Classes] }

// Map is one activation of one image, [H,W,C].
type Map struct {
	H, W, C int
	Data    []float32
}

// leastTaps is the smallest side of an image that has all of them.
const leastTaps = 32

// Taps computes for every image, at its own size, the activations that LPIPS
// compares, scaled as LPIPS wants: seven of SqueezeNet. Nothing of them is cached.
//
// Errors: ctx's, a network without such activations, an image that is empty
// or smaller than 32 pixels a side.
func (n *Network) Taps(ctx context.Context, images []data.Image, o Options) ([][]Map, error) {
	if n.taps == nil {
		return nil, n.noTaps()
	}
	if err := checkImages(images, o); err != nil {
		return nil, err
	}
	n.running.Lock()
	defer n.running.Unlock()
	p, tp := lpipsPreparation(), n.tape
	out := make([][]Map, len(images))
	for i, im := range images {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if im.W < leastTaps || im.H < leastTaps {
			return nil, fmt.Errorf("image %d is %dx%d: LPIPS wants at least %d pixels a side", i, im.W, im.H, leastTaps)
		}
		x := autodiff.New(1, im.H, im.W, 3)
		p.apply(x.Data, im)
		for _, t := range tp.FrozenAll(func() []*autodiff.Tensor { return n.taps(tp, x) }) {
			s := t.Shape()
			out[i] = append(out[i], Map{s[1], s[2], s[3], append([]float32(nil), t.Data...)})
		}
		tp.Reset()
		if o.Progress != nil {
			o.Progress(i+1, len(images))
		}
	}
	return out, nil
}
