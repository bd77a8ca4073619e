package mae

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"lethe/layers"
)

// checkpoint returns the tensors of a model with that configuration, for
// configurations small enough to have memory.
func checkpoint(cfg Config) []layers.Named {
	var out []layers.Named
	for i, s := range cfg.Shapes() {
		data := make([]float32, s.Len())
		for j := range data {
			data[j] = float32(i) + float32(j)/1024
		}
		out = append(out, layers.Named{Name: s.Name, Shape: s.Shape, Data: data})
	}
	return out
}

// shapesOf returns the shapes of a configuration, for any size.
func shapesOf(cfg Config) map[string][]int {
	out := map[string][]int{}
	for _, s := range cfg.Shapes() {
		out[s.Name] = s.Shape
	}
	return out
}

// without drops the keys that drop picks.
func without(ts []layers.Named, drop func(string) bool) []layers.Named {
	return slices.DeleteFunc(slices.Clone(ts), func(t layers.Named) bool { return drop(t.Name) })
}

func TestLoad(t *testing.T) {
	m, err := New(small())
	if err != nil {
		t.Fatal(err)
	}
	src := checkpoint(small())
	slices.Reverse(src) // the order of a file does not matter
	if err := m.Load(src); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(src)
	for i, p := range m.Params() {
		if p.Name != src[i].Name || !slices.Equal(p.Value.Data, src[i].Data) {
			t.Errorf("%s was not loaded", p.Name)
		}
	}
	src[0].Data[0] = 77
	if m.Params()[0].Value.Data[0] == 77 {
		t.Error("the model shares memory with the checkpoint")
	}
}

func TestLoadRefuses(t *testing.T) {
	nan := func(src []layers.Named) []layers.Named {
		src[5].Data[1] = float32(math.NaN())
		return src
	}
	reshape := func(src []layers.Named) []layers.Named {
		src[4].Shape = []int{12, 18}
		return src
	}
	add := func(name string) func([]layers.Named) []layers.Named {
		return func(src []layers.Named) []layers.Named {
			return append(src, layers.Named{Name: name, Shape: []int{1}, Data: []float32{1}})
		}
	}
	for _, row := range []struct {
		name string
		edit func([]layers.Named) []layers.Named
		want []string
	}{
		{"one missing", func(src []layers.Named) []layers.Named {
			return without(src, func(k string) bool { return k == "norm.weight" })
		},
			[]string{"1 of 50 keys missing (norm.weight)"}},
		{"no decoder", func(src []layers.Named) []layers.Named { return without(src, isDecoder) },
			[]string{"20 of 50 keys missing (mask_token, decoder_pos_embed, decoder_embed.weight, decoder_embed.bias, …)",
				"encoder of a masked autoencoder alone", "mae_pretrain_*", "mae_visualize_*"}},
		{"classifier", func(src []layers.Named) []layers.Named {
			return add("head.weight")(add("fc_norm.weight")(without(src, isDecoder)))
		}, []string{"2 extra (fc_norm.weight, head.weight)", "fine-tuned classifier"}},
		{"extra", add("unheard.of"), []string{"1 extra (unheard.of)"}},
		{"misshapen", reshape, []string{"1 misshapen (patch_embed.proj.weight is [12 18], want [12 2 3 3])"}},
		{"twice", add("cls_token"), []string{"cls_token is given twice"}},
		{"NaN", nan, []string{"patch_embed.proj.bias has NaN at element 1"}},
		{"nothing", func([]layers.Named) []layers.Named { return nil }, []string{"50 of 50 keys missing", "no model known here (0 keys)"}},
	} {
		m, err := New(small())
		if err != nil {
			t.Fatal(err)
		}
		m.Init(1)
		before := slices.Clone(m.Params()[6].Value.Data)
		err = m.Load(row.edit(checkpoint(small())))
		var e *LoadError
		if !errors.As(err, &e) {
			t.Errorf("%s: error is %v, want a *LoadError", row.name, err)
			continue
		}
		for _, want := range row.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error is %q, want %q in it", row.name, err, want)
			}
		}
		if !slices.Equal(before, m.Params()[6].Value.Data) {
			t.Errorf("%s: the model changed", row.name)
		}
	}
}

func TestLoadNamesPresets(t *testing.T) {
	tiny := preconfigured(t, "mae_tiny")
	other := tiny
	other.ImgSize, other.DecoderDepth = 64, 1
	m, err := New(other)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Load(checkpoint(tiny)); err == nil || !strings.Contains(err.Error(), "size mae_tiny") {
		t.Errorf("error is %v, want one that says the file is mae_tiny", err)
	}
	if m, err = New(tiny); err != nil {
		t.Fatal(err)
	}
	err = m.Load(checkpoint(other))
	for _, want := range []string{"misshapen", "pos_embed is [1 257 128], want [1 65 128]", "of no preset's size", "the model is mae_tiny"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want %q in it", err, want)
		}
	}
}

func TestIdentify(t *testing.T) {
	drop := func(shapes map[string][]int, gone func(string) bool) map[string][]int {
		for key := range shapes {
			if gone(key) {
				delete(shapes, key)
			}
		}
		return shapes
	}
	huge := preconfigured(t, "mae_vit_huge_patch14")
	base := preconfigured(t, "mae_vit_base_patch16")
	classifier := drop(shapesOf(base), func(k string) bool { return isDecoder(k) || strings.HasPrefix(k, "norm.") })
	classifier["head.weight"], classifier["fc_norm.weight"] = []int{1000, 768}, []int{768}
	prefixed := map[string][]int{}
	for key, shape := range shapesOf(base) {
		prefixed["module."+key] = shape
	}
	deeper := base
	deeper.Depth++
	for _, row := range []struct {
		name   string
		shapes map[string][]int
		kind   Kind
		preset string
		says   string
	}{
		{"huge", shapesOf(huge), KindMAE, "mae_vit_huge_patch14", "mae_vit_huge_patch14"},
		{"large encoder", drop(shapesOf(preconfigured(t, "mae_vit_large_patch16")), isDecoder), KindEncoder, "mae_vit_large_patch16", "mae_visualize_*"},
		{"classifier", classifier, KindClassifier, "mae_vit_base_patch16", "head.*"},
		{"mage", map[string][]int{"token_emb.word_embeddings.weight": {2025, 768}, "cls_token": {1, 1, 768}}, KindMAGE, "", "MAGE"},
		{"palette", map[string][]int{"denoise_fn.out.0.weight": {64}, "gammas": {2000}}, KindPalette, "", "Palette"},
		{"own size", shapesOf(small()), KindMAE, "", "patch 3, width 12, 2 blocks, decoder width 8, 1 blocks"},
		{"one block more", shapesOf(deeper), KindMAE, "", "13 blocks"},
		{"parallel", prefixed, KindMAE, "mae_vit_base_patch16", "module."},
		{"something else", map[string][]int{"conv1.weight": {64, 3, 7, 7}}, KindUnknown, "", "no model known here (1 keys)"},
		{"odd shapes", map[string][]int{"cls_token": {1, 1, 8}, "patch_embed.proj.weight": {8, 3, 2, 2}, "pos_embed": {}}, KindEncoder, "", "width 8"},
	} {
		id := Identify(row.shapes)
		if id.Kind != row.kind || id.Preset != row.preset || !strings.Contains(id.String(), row.says) {
			t.Errorf("%s: %+v: %q, want %s, preset %q, saying %q", row.name, id, id, row.kind, row.preset, row.says)
		}
	}
	want := small()
	want.NumHeads, want.DecoderNumHeads = 0, 0 // shapes do not tell
	if got := Identify(shapesOf(small())).Config; got != want {
		t.Errorf("shapes of %+v read as %+v", want, got)
	}
}
