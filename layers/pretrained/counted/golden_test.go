package counted_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"lethe/autodiff"
	"lethe/layers"
	"lethe/layers/clip"
	"lethe/layers/inception"
	"lethe/layers/pretrained"
	"lethe/layers/pretrained/counted"
	"lethe/layers/resnet"
	"lethe/layers/squeezenet"
)

// frozen runs f on a tape of its own, recording nothing.
func frozen(f func(tp *autodiff.Tape) []*autodiff.Tensor) []*autodiff.Tensor {
	tp := autodiff.NewTape()
	tp.SetConvAlgorithm(autodiff.ConvWinograd) // as extraction has it
	return tp.FrozenAll(func() []*autodiff.Tensor { return f(tp) })
}

// checkAll runs a network frozen and holds features and logits against PyTorch.
func checkAll(t *testing.T, name string, run func(tp *autodiff.Tape) []*autodiff.Tensor, kinds ...string) {
	t.Helper()
	for i, out := range frozen(run) {
		if err := counted.Check(name+kinds[i], out); err != nil {
			t.Error(err)
		}
	}
}

func TestInceptionMatchesTorch(t *testing.T) {
	for _, c := range []inception.Config{{Classes: 1000}, {FID: true, Classes: 1008}} {
		src := counted.Weights(inception.Specs(c))
		if got, ok := inception.Identify(layers.ShapesOf(src)); !ok || got != c {
			t.Errorf("identified as %+v %v, want %+v", got, ok, c)
		}
		net, err := inception.New(c, src)
		if err != nil {
			t.Fatal(err)
		}
		checkAll(t, c.Name(), func(tp *autodiff.Tape) []*autodiff.Tensor {
			f, l := net.Forward(tp, counted.Images(2, 139, 107))
			return []*autodiff.Tensor{f, l}
		}, ":features", ":logits")
	}
}

func TestResNetMatchesTorch(t *testing.T) {
	bottleneck := []int{3, 4, 6, 3}
	for _, c := range []struct {
		cfg        resnet.Config
		name, gold string
		h, w       int
	}{
		{resnet.Config{Blocks: bottleneck, Classes: 1000, Head: "fc", Project: "downsample"}, "ResNet-50", "ResNet-50", 97, 64},
		{resnet.Config{Blocks: bottleneck, Classes: 365, Head: "fc", Project: "downsample"}, "ResNet-50-Places365", "ResNet-50-Places365", 97, 64},
		{resnet.Config{Small: true, Blocks: []int{3, 3, 3}, Classes: 10, Head: "linear"}, "ResNet-20", "ResNet-20", 32, 32},
		{resnet.Config{Small: true, Blocks: []int{9, 9, 9}, Classes: 10, Head: "linear"}, "ResNet-56", "ResNet-56", 32, 32},
		{resnet.Config{Small: true, Blocks: []int{3, 3, 3}, Classes: 10, Head: "fc", Project: "downsample"}, "ResNet-20", "ResNet-20-projected", 32, 32},
	} {
		src := counted.Weights(resnet.Specs(c.cfg))
		if got, ok := resnet.Identify(layers.ShapesOf(src)); !ok || got.Name() != c.name || fmt.Sprint(got) != fmt.Sprint(c.cfg) {
			t.Errorf("identified as %+v %v, want %+v", got, ok, c.cfg)
		}
		net, err := resnet.New(c.cfg, src)
		if err != nil {
			t.Fatal(err)
		}
		checkAll(t, c.gold, func(tp *autodiff.Tape) []*autodiff.Tensor {
			f, l := net.Forward(tp, counted.Images(2, c.h, c.w))
			return []*autodiff.Tensor{f, l}
		}, ":features", ":logits")
	}
}

func TestSqueezeNetMatchesTorch(t *testing.T) {
	for _, c := range []squeezenet.Config{{Classes: 1000}, {Later: true, Classes: 1000}} {
		src := counted.Weights(squeezenet.Specs(c))
		if got, ok := squeezenet.Identify(layers.ShapesOf(src)); !ok || got != c {
			t.Errorf("identified as %+v %v, want %+v", got, ok, c)
		}
		net, err := squeezenet.New(c, src)
		if err != nil {
			t.Fatal(err)
		}
		checkAll(t, c.Name(), func(tp *autodiff.Tape) []*autodiff.Tensor {
			f, l := net.Forward(tp, counted.Images(2, 80, 71))
			return []*autodiff.Tensor{f, l}
		}, ":features", ":logits")
		for i, tap := range frozen(func(tp *autodiff.Tape) []*autodiff.Tensor { return net.Taps(tp, counted.Images(2, 80, 71)) }) {
			if err := counted.Check(fmt.Sprintf("%s/tap%d:features", c.Name(), i), tap); err != nil {
				t.Error(err)
			}
			if tap.Shape()[3] != c.TapWidths()[i] {
				t.Errorf("tap %d has %d channels, TapWidths says %v", i, tap.Shape()[3], c.TapWidths())
			}
		}
	}
}

func TestCLIPMatchesTorch(t *testing.T) {
	base := clip.Config{Size: 224, Patch: 32, Width: 768, Depth: 12, Heads: 12, Hidden: 3072, Embed: 512}
	small := clip.Config{Size: 56, Patch: 14, Width: 160, Depth: 3, Heads: 2, Hidden: 640, Embed: 64, Exact: true}
	for name, c := range map[string]clip.Config{"CLIP-B/32": base, "CLIP-H-small": small} {
		src := counted.Weights(clip.Specs(c))
		n := 2
		if name == "CLIP-B/32" {
			n = 1
			if got, ok := clip.Identify(layers.ShapesOf(src)); !ok || got != c || got.Name() != name {
				t.Errorf("identified as %+v %v, want %+v", got, ok, c)
			}
		}
		net, err := clip.New(c, src)
		if err != nil {
			t.Fatal(err)
		}
		checkAll(t, name, func(tp *autodiff.Tape) []*autodiff.Tensor {
			return []*autodiff.Tensor{net.Forward(tp, counted.Images(n, c.Size, c.Size))}
		}, ":features")
	}
}

// TestIdentifyHuge reads the configuration of ViT-H/14 in a whole checkpoint.
func TestIdentifyHuge(t *testing.T) {
	shapes := map[string][]int{
		"text_projection": {1024, 1024}, "visual.class_embedding": {1280},
		"visual.conv1.weight": {1280, 3, 14, 14}, "visual.positional_embedding": {257, 1280}, "visual.proj": {1280, 1024},
		"visual.transformer.resblocks.0.mlp.c_fc.weight": {5120, 1280},
	}
	for i := range 32 {
		shapes[fmt.Sprintf("visual.transformer.resblocks.%d.ln_1.weight", i)] = []int{1280}
	}
	want := clip.Config{Size: 224, Patch: 14, Width: 1280, Depth: 32, Heads: 16, Hidden: 5120, Embed: 1024, Exact: true, Prefix: "visual."}
	if got, ok := clip.Identify(shapes); !ok || got != want || got.Name() != "CLIP-H/14" {
		t.Errorf("%+v %v", got, ok)
	}
}

// TestLoadErrorsName feeds files with one fault each.
func TestLoadErrorsName(t *testing.T) {
	c := resnet.Config{Small: true, Blocks: []int{1, 1, 1}, Classes: 10, Head: "fc"}
	good := counted.Weights(resnet.Specs(c))
	with := func(change func(src []layers.Named) []layers.Named) error {
		_, err := resnet.New(c, change(append([]layers.Named(nil), good...)))
		return err
	}
	for want, change := range map[string]func(src []layers.Named) []layers.Named{
		"missing (conv1.weight [16 3 3 3])": func(src []layers.Named) []layers.Named { return src[1:] },
		"extra (more.weight)": func(src []layers.Named) []layers.Named {
			return append(src, layers.Named{Name: "more.weight", Shape: []int{1}, Data: []float32{1}})
		},
		"conv1.weight is [16 27], want [16 3 3 3]": func(src []layers.Named) []layers.Named {
			src[0].Shape = []int{16, 27}
			return src
		},
		"bn1.running_var has -1 at element 0": func(src []layers.Named) []layers.Named {
			data := append([]float32(nil), src[4].Data...)
			data[0] = -1
			src[4].Data = data
			return src
		},
		"given twice": func(src []layers.Named) []layers.Named { return append(src, src[0]) },
	} {
		err := with(change)
		var load *pretrained.LoadError
		if !errors.As(err, &load) || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q in it", err, want)
		}
	}
	counter := layers.Named{Name: "bn1.num_batches_tracked", Data: []float32{1}}
	if err := with(func(src []layers.Named) []layers.Named { return append(src, counter) }); err != nil {
		t.Error(err)
	}
}

// TestCLIPWholeCheckpoint: the keys of the text tower are not read, a key of the
// image tower that the network lacks is refused.
func TestCLIPWholeCheckpoint(t *testing.T) {
	c := clip.Config{Size: 64, Patch: 32, Width: 128, Depth: 2, Heads: 2, Hidden: 512, Embed: 32, Prefix: "visual."}
	one := func(name string) layers.Named { return layers.Named{Name: name, Shape: []int{1}, Data: []float32{1}} }
	src := append(counted.Weights(clip.Specs(c)), one("logit_scale"), one("transformer.resblocks.0.ln_1.weight"))
	if got, ok := clip.Identify(layers.ShapesOf(src)); !ok || got != c {
		t.Errorf("identified as %+v %v, want %+v", got, ok, c)
	}
	if _, err := clip.New(c, src); err != nil {
		t.Error(err)
	}
	if _, err := clip.New(c, append(src, one("visual.more"))); err == nil || !strings.Contains(err.Error(), "extra (visual.more)") {
		t.Errorf("error is %v", err)
	}
}

// TestInceptionAuxiliary: the auxiliary head is not read.
func TestInceptionAuxiliary(t *testing.T) {
	c := inception.Config{Classes: 1000}
	src := append(counted.Weights(inception.Specs(c)), layers.Named{Name: "AuxLogits.fc.bias", Shape: []int{1}, Data: []float32{1}})
	if _, err := inception.New(c, src); err != nil {
		t.Error(err)
	}
}
