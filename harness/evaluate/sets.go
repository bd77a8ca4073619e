package evaluate

import (
	"context"
	"fmt"

	"lethe/harness/data"
	"lethe/harness/family"
	"lethe/harness/feature"
	"lethe/harness/metric"
)

// sets are the images of one group under one mask, as a screen would show them, for
// metrics that compare sets. The truth has the crop of the completions (spec,
// section 9.22), and its features serve all masks.
type sets struct {
	truth, before, after []data.Image
	features             []feature.Features // of the truth, one for each network
}

// collect keeps what a batch shows; nothing where nobody measures sets.
func (r *run) collect(s *sets, before, after family.Completion) {
	if len(r.o.Networks) == 0 && r.o.LPIPS == nil {
		return
	}
	if s.features == nil || r.o.LPIPS != nil { // the first mask, or each
		s.truth = r.shown(s.truth, before.Input)
	}
	if r.after == nil || !r.o.AfterOnly {
		s.before = r.shown(s.before, before.Predicted)
	}
	if r.after != nil {
		s.after = r.shown(s.after, after.Predicted)
	}
}

// shown appends images [n,3,H,W] of the model's space in 8 bits.
func (r *run) shown(to []data.Image, from []float32) []data.Image {
	size := r.original.Geometry().Size
	one := 3 * size * size
	for ; len(from) >= one; from = from[one:] {
		im := metric.Image{C: 3, H: size, W: size, Pix: make([]float32, one)}
		r.original.Displayed(im.Pix, from[:one])
		to = append(to, data.Image{W: size, H: size, Pix: im.Bytes()})
	}
	return to
}

// Embedded are a network's features [N,D] of completions of one group: of every
// few, embeddedMost of them at most.
type Embedded struct {
	Network, Group string
	Unlearned      bool // completed by the unlearned model, not by the original
	N, D           int
	Rows           []float32
}

// embeddedMost keeps a layout of six clouds readable, and quick to compute.
const embeddedMost = 100

func (r *run) embed(f feature.Features, group string, unlearned bool) {
	e := Embedded{Network: f.Network, Group: group, Unlearned: unlearned, N: min(f.N, embeddedMost), D: f.D}
	for i := range e.N {
		e.Rows = append(e.Rows, f.Rows[i*f.N/e.N*f.D:][:f.D]...)
	}
	r.embedded = append(r.embedded, e)
}

// measureSets adds the metrics of sets to those of the group's models, and forgets
// the completions.
func (r *run) measureSets(ctx context.Context, group string, s *sets, before, after *Metrics) error {
	for i, n := range r.o.Networks {
		first := len(s.features) == i
		if first {
			f, err := n.Extract(ctx, s.truth, feature.Options{Cache: r.o.Cache, PaperCode: r.o.PaperCode})
			if err != nil {
				return err
			}
			s.features = append(s.features, f)
		}
		for _, side := range []struct {
			images []data.Image
			to     *Metrics
		}{{s.before, before}, {s.after, after}} {
			if len(side.images) == 0 {
				continue
			}
			f, err := n.Extract(ctx, side.images, feature.Options{Cache: r.o.Cache, PaperCode: r.o.PaperCode})
			if err != nil {
				return err
			}
			if err := side.to.addSets(ctx, f, s.features[i]); err != nil {
				return fmt.Errorf("%s: %w", n.Name(), err)
			}
			if first {
				r.embed(f, group, side.to == after)
			}
		}
	}
	if err := r.measurePairs(ctx, s, before, after); err != nil {
		return err
	}
	s.truth, s.before, s.after = nil, nil, nil
	return nil
}

// measurePairs adds the mean perceptual distance of completions to their true images.
func (r *run) measurePairs(ctx context.Context, s *sets, before, after *Metrics) error {
	p := r.o.LPIPS
	if p == nil {
		return nil
	}
	for _, side := range []struct {
		images []data.Image
		to     *Metrics
	}{{s.before, before}, {s.after, after}} {
		if len(side.images) == 0 {
			continue
		}
		distances, err := p.Distances(ctx, side.images, s.truth)
		if err != nil {
			return fmt.Errorf("%s: %w", p.Column(), err)
		}
		sum := 0.0
		for _, d := range distances {
			sum += d
		}
		side.to.addResult(metric.Result{Column: p.Column(), Value: sum / float64(len(distances)), N: []int{len(distances)}, From: p.From()})
	}
	return nil
}

// usualSplits of the Inception Score are the paper's; each needs two images.
const usualSplits = 10

// addSets adds the Fréchet and the kernel distance of completions to the truth, the
// mean cosine of each to its own truth, and the Inception Score where the network
// classifies.
func (m *Metrics) addSets(ctx context.Context, got, want feature.Features) error {
	x, y := setOf(got), setOf(want)
	results := []func() (metric.Result, error){
		func() (metric.Result, error) { return metric.FrechetDistance(x, y) },
		func() (metric.Result, error) { return metric.KID(ctx, x, y, metric.KIDOptions{}) },
		func() (metric.Result, error) { return metric.Cosine(x, y) },
	}
	if got.Classes > 0 {
		results = append(results, func() (metric.Result, error) {
			splits := min(usualSplits, max(got.N/2, 1))
			v, err := metric.InceptionScore(got.Logits, got.N, got.Classes, x.From, metric.ISOptions{Splits: splits})
			if splits < usualSplits {
				v.Warnings = append(v.Warnings, fmt.Sprintf("n = %d fills %d splits, not the usual %d: use more images", got.N, splits, usualSplits))
			}
			return v, err
		})
	}
	for _, compute := range results {
		v, err := compute()
		if err != nil {
			return err
		}
		m.addResult(v)
	}
	return nil
}

func (m *Metrics) addResult(v metric.Result) {
	if m.Sets == nil {
		m.Sets = map[string]float64{}
	}
	m.Sets[v.Column] = v.Value
	m.SetResults = append(m.SetResults, v)
}

func setOf(f feature.Features) metric.Set {
	return metric.Set{N: f.N, D: f.D, Rows: f.Rows,
		From: metric.Provenance{Network: f.Network, SHA256: f.SHA256, Resizer: f.Resizer, Decoder: f.Decoder}}
}
