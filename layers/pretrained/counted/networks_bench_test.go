package counted_test

import (
	"fmt"
	"testing"

	"lethe/autodiff"
	"lethe/layers/clip"
	"lethe/layers/inception"
	"lethe/layers/pretrained/counted"
	"lethe/layers/resnet"
)

// BenchmarkFeatures runs one image, and eight, through each of the large networks,
// as the extraction of features does. -short leaves one of them, and one image.
func BenchmarkFeatures(b *testing.B) {
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	for _, row := range []struct {
		name string
		px   int
		load func() func(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor
	}{
		{"ResNet-50", 224, func() func(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor {
			c := resnet.Config{Blocks: []int{3, 4, 6, 3}, Classes: 1000, Head: "fc", Project: "downsample"}
			m, err := resnet.New(c, counted.Weights(resnet.Specs(c)))
			must(err)
			return func(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor { _, l := m.Forward(tp, x); return l }
		}},
		{"Inception-v3", 299, func() func(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor {
			c := inception.Config{Classes: 1000}
			m, err := inception.New(c, counted.Weights(inception.Specs(c)))
			must(err)
			return func(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor { _, l := m.Forward(tp, x); return l }
		}},
		{"CLIP-B-32", 224, func() func(tp *autodiff.Tape, x *autodiff.Tensor) *autodiff.Tensor {
			c := clip.Config{Size: 224, Patch: 32, Width: 768, Depth: 12, Heads: 12, Hidden: 3072, Embed: 512}
			m, err := clip.New(c, counted.Weights(clip.Specs(c)))
			must(err)
			return m.Forward
		}},
	} {
		for _, images := range []int{1, 8} {
			b.Run(fmt.Sprintf("net=%s/prec=f32/px=%d/images=%d", row.name, row.px, images), func(b *testing.B) {
				if testing.Short() && (images > 1 || row.px != 299) {
					b.Skip("a large network, and -short was given")
				}
				forward, x := row.load(), counted.Images(images, row.px, row.px)
				tp := autodiff.NewTape()
				tp.SetConvAlgorithm(autodiff.ConvWinograd)
				run := func() {
					tp.FrozenAll(func() []*autodiff.Tensor { return []*autodiff.Tensor{forward(tp, x)} })
					tp.Reset()
				}
				run() // the first allocates, the others reuse
				tp.ResetFLOPs()
				for b.Loop() {
					run()
				}
				b.ReportMetric(tp.FLOPs()/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				b.ReportMetric(float64(images*b.N)/b.Elapsed().Seconds(), "images/s")
			})
		}
	}
}
