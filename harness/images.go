package main

import (
	"fmt"
	"strings"

	"lethe/harness/data"
	"lethe/harness/evaluate"
	"lethe/harness/report"
	"lethe/kernels"
	"lethe/layers/rng"
)

// classNames lists the classes of a set, or says how many images there are.
func classNames(s *data.Set) string {
	switch {
	case len(s.Classes) == 0 || len(s.Classes) == 1 && s.Classes[0] == "":
		return fmt.Sprintf("%d images", len(s.Items))
	case len(s.Classes) > 6:
		return fmt.Sprintf("%s and %d more classes", strings.Join(s.Classes[:5], ", "), len(s.Classes)-5)
	}
	return strings.Join(s.Classes, ", ")
}

// evaluated draws the images of every group that are measured.
func (g *imageGroups) evaluated() []evaluate.Group {
	var out []evaluate.Group
	for j, m := range g.measured {
		out = append(out, measureGroup(m, g.evalImages, g.evalSeed, j))
	}
	return out
}

// measureGroup picks at most n images of a set (0: all).
func measureGroup(m measuredSet, n int, seed uint64, stream int) evaluate.Group {
	order := rng.New(seed, rng.Split, 3, uint64(stream)).Perm(len(m.set.Items))
	if n > 0 && n < len(order) {
		order = order[:n]
	}
	e := evaluate.Group{Name: m.name}
	for _, i := range order {
		e.Pixels = append(e.Pixels, m.set.Pixels(i))
		e.Labels = append(e.Labels, m.set.Items[i].Class)
	}
	return e
}

// dataSummary describes one set in summary.json.
type dataSummary struct {
	Group    string   `json:"group"`
	Images   int      `json:"images"`
	Classes  []string `json:"classes"`
	Source   string   `json:"source"`
	Manifest string   `json:"manifest_sha256"`
}

func describeSet(name string, s *data.Set) dataSummary {
	return dataSummary{name, len(s.Items), s.Classes, s.Name, s.Manifest()}
}

// summary describes the images for summary.json: what was trained on, then what
// was measured.
func (g *imageGroups) summary() []dataSummary {
	out := []dataSummary{describeSet("retain_trained", g.retain), describeSet("forget_trained", g.forget)}
	for _, m := range g.measured {
		out = append(out, describeSet(m.name, m.set))
	}
	return out
}

// reported describes the images for the report.
func (g *imageGroups) reported() []report.Group {
	var out []report.Group
	for _, m := range append([]measuredSet{{"retain", g.retain}, {"forget", g.forget}}, g.measured[2:]...) {
		if strings.HasSuffix(m.name, "_seen") {
			continue
		}
		d := describeSet(m.name, m.set)
		out = append(out, report.Group{Set: setOf(m.name), Images: d.Images, Classes: d.Classes, Source: d.Source, Manifest: d.Manifest})
	}
	return out
}

// batchOf picks images of a set, cropped and flipped when vary asks for it.
// Image i of the batch is varied as sample first+stride*i of the step.
func batchOf(s *data.Set, indices []int, vary variation) [][]uint8 {
	out := make([][]uint8, len(indices))
	if vary.augment == (data.Augment{}) {
		for k, i := range indices {
			out[k] = s.Pixels(i)
		}
		return out
	}
	size := s.Size()
	kernels.For(len(indices), func(k int) {
		out[k] = make([]uint8, 3*size*size)
		r := rng.New(vary.seed, rng.Augment, uint64(vary.step), uint64(vary.first+vary.stride*k))
		im := data.Image{W: size, H: size, Pix: s.Pixels(indices[k])}
		vary.augment.Apply(out[k], im, size, r, &data.Scratch{})
	})
	return out
}

// variation keys the augmentation of a batch.
type variation struct {
	augment             data.Augment
	seed                uint64
	step, first, stride int
}
