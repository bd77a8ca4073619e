package mage

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"lethe/layers"
)

// checkpoint returns tensors of those shapes, each element another number.
func checkpoint(specs []layers.Spec) []layers.Named {
	var out []layers.Named
	for i, s := range specs {
		data := make([]float32, s.Len())
		for j := range data {
			data[j] = float32(i) + float32(j)/(1<<16)
		}
		out = append(out, layers.Named{Name: s.Name, Shape: s.Shape, Data: data})
	}
	return out
}

// without drops the keys that drop picks.
func without(ts []layers.Named, drop func(string) bool) []layers.Named {
	return slices.DeleteFunc(slices.Clone(ts), func(t layers.Named) bool { return drop(t.Name) })
}

func isVQGAN(key string) bool { return strings.HasPrefix(key, vqganPrefix) }

// TestLoad: what is loaded comes out again, in the shapes of the state dict.
func TestLoad(t *testing.T) {
	m, err := New(small())
	if err != nil {
		t.Fatal(err)
	}
	src := checkpoint(small().Shapes())
	slices.Reverse(src) // the order of a file does not matter
	if err := m.Load(src); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(src)
	for i, p := range m.Params() {
		if p.Name != src[i].Name || !slices.Equal(p.Shape, src[i].Shape) || !slices.Equal(p.Export(), src[i].Data) {
			t.Errorf("%s was not loaded", p.Name)
		}
	}
	src[0].Data[0] = 77
	if m.Params()[0].Value.Data[0] == 77 {
		t.Error("the model shares memory with the checkpoint")
	}
}

// TestLoadHead: a checkpoint with the head's own words unties the head, one
// without ties it, and one that does not fit changes nothing.
func TestLoadHead(t *testing.T) {
	m, err := New(small())
	if err != nil {
		t.Fatal(err)
	}
	tied := checkpoint(small().Shapes())
	words := layers.Named{Name: HeadWords, Shape: m.words.Shape(), Data: slices.Repeat([]float32{3}, m.words.Len())}
	if err := m.Load(append(slices.Clone(tied), words)); err != nil {
		t.Fatal(err)
	}
	if m.headWords == nil || m.headWords.Value.Data[5] != 3 || !m.HeadDiffers() {
		t.Error("the head's own words were not loaded")
	}
	if err := m.Load(tied[1:]); err == nil || m.headWords == nil || m.headWords.Value.Data[5] != 3 || len(m.Params()) != len(tied)+1 {
		t.Errorf("after a checkpoint that does not fit (%v) the head is another", err)
	}
	if err := m.Load(tied); err != nil || m.headWords != nil || len(m.Params()) != len(tied) {
		t.Errorf("a checkpoint without the head's words leaves them: %v", err)
	}
	words.Shape = []int{1}
	if err := m.Load(append(slices.Clone(tied), words)); err == nil || m.headWords != nil {
		t.Errorf("misshapen words: %v", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	add := func(name string) func([]layers.Named) []layers.Named {
		return func(src []layers.Named) []layers.Named {
			return append(src, layers.Named{Name: name, Shape: []int{1}, Data: []float32{1}})
		}
	}
	total := len(small().Shapes())
	for _, row := range []struct {
		name string
		edit func([]layers.Named) []layers.Named
		want []string
	}{
		{"one missing", func(src []layers.Named) []layers.Named {
			return without(src, func(k string) bool { return k == "norm.weight" })
		}, []string{"1 of 124 keys missing (norm.weight)", "looks like a MAGE", "36 tokens, width 12, 2 blocks"}},
		{"no tokenizer", func(src []layers.Named) []layers.Named { return without(src, isVQGAN) },
			[]string{"keys missing (vqgan.encoder.conv_in.weight, "}},
		{"a tokenizer alone", func(src []layers.Named) []layers.Named {
			return without(src, func(k string) bool { return !isVQGAN(k) })
		}, []string{"looks like a VQGAN alone", "ch 32, ch_mult [1 2], 20 codes of 5"}},
		{"extra", add("unheard.of"), []string{"1 extra (unheard.of)"}},
		{"twice", add("cls_token"), []string{"cls_token is given twice"}},
		{"conv in the wrong layout", func(src []layers.Named) []layers.Named {
			for i, s := range src {
				if s.Name == "vqgan.encoder.conv_in.weight" {
					src[i].Shape = []int{32, 3, 3, 2}
				}
			}
			return src
		}, []string{"1 misshapen (vqgan.encoder.conv_in.weight is [32 3 3 2], want [32 2 3 3])"}},
		{"NaN", func(src []layers.Named) []layers.Named {
			src[5].Data[1] = float32(math.NaN())
			return src
		}, []string{"vqgan.encoder.conv_in.weight has NaN at element 1"}},
		{"nothing", func([]layers.Named) []layers.Named { return nil }, []string{"124 of 124 keys missing", "no MAGE and no VQGAN (0 keys)"}},
	} {
		m, err := New(small())
		if err != nil {
			t.Fatal(err)
		}
		m.Init(1)
		before := slices.Clone(m.words.Data)
		err = m.Load(row.edit(checkpoint(small().Shapes())))
		var e *LoadError
		if !errors.As(err, &e) || e.Keys != total {
			t.Errorf("%s: error is %v, want a *LoadError of %d keys", row.name, err, total)
			continue
		}
		for _, want := range row.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error is %q, want %q in it", row.name, err, want)
			}
		}
		if !slices.Equal(before, m.words.Data) {
			t.Errorf("%s: the model changed", row.name)
		}
	}
}

// TestLoadVQGAN: alone or out of a MAGE, into one alone or that of a MAGE.
func TestLoadVQGAN(t *testing.T) {
	alone, err := NewVQGAN(smallVQGAN())
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(small())
	if err != nil {
		t.Fatal(err)
	}
	whole := checkpoint(small().Shapes())
	bare := checkpoint(smallVQGAN().Shapes())
	part := without(whole, func(k string) bool { return !isVQGAN(k) })
	for i, v := range []*VQGAN{alone, m.VQGAN()} {
		for _, row := range []struct{ src, want []layers.Named }{{whole, part}, {bare, bare}, {part, part}} {
			if err := v.Load(row.src); err != nil {
				t.Fatal(err)
			}
			for j, p := range v.Params() {
				if !slices.Equal(p.Export(), row.want[j].Data) {
					t.Errorf("model %d: %s was not loaded", i, p.Name)
				}
			}
		}
		if err := v.Load(bare[1:]); err == nil || !strings.Contains(err.Error(), "1 of 64 keys missing (encoder.conv_in.weight)") {
			t.Errorf("model %d: error is %v", i, err)
		}
	}
}

func TestIdentify(t *testing.T) {
	base, large := preconfigured(t, "mage_vit_base_patch16"), preconfigured(t, "mage_vit_large_patch16")
	prefixed, deeper := map[string][]int{}, base
	for key, shape := range shapesOf(base.Shapes()) {
		prefixed["module."+key] = shape
	}
	deeper.Depth++
	tied := shapesOf(base.Shapes())
	tied[HeadWords] = []int{2025, 768}
	for _, row := range []struct {
		name   string
		shapes map[string][]int
		kind   Kind
		preset string
		says   string
	}{
		{"base", shapesOf(base.Shapes()), KindMAGE, "mage_vit_base_patch16", "size mage_vit_base_patch16"},
		{"large", shapesOf(large.Shapes()), KindMAGE, "mage_vit_large_patch16", "mage_vit_large_patch16"},
		{"tiny", shapesOf(preconfigured(t, "mage_tiny").Shapes()), KindMAGE, "mage_tiny", "mage_tiny"},
		{"of ours", tied, KindMAGE, "mage_vit_base_patch16", ""},
		{"one block more", shapesOf(deeper.Shapes()), KindMAGE, "", "13 blocks"},
		{"parallel", prefixed, KindMAGE, "mage_vit_base_patch16", "module."},
		{"own size", shapesOf(small().Shapes()), KindMAGE, "", "36 tokens, width 12, 2 blocks, decoder width 8, 1 blocks, 20 codes of 5"},
		{"vqgan", shapesOf(publishedVQGAN().Shapes()), KindVQGAN, "vqgan_f16_1024", "VQGAN alone, size vqgan_f16_1024"},
		{"vqgan of a mage", shapesOf(publishedVQGAN().shapes(vqganPrefix)), KindVQGAN, "vqgan_f16_1024", "VQGAN alone"},
		{"something else", map[string][]int{"conv1.weight": {64, 3, 7, 7}}, KindUnknown, "", "no MAGE and no VQGAN (1 keys)"},
		{"odd shapes", map[string][]int{wordsKey: {3, 4}, "decoder_pos_embed_learned": {}}, KindMAGE, "", "width 4"},
	} {
		id := Identify(row.shapes)
		if id.Kind != row.kind || id.Preset != row.preset || !strings.Contains(id.String(), row.says) {
			t.Errorf("%s: %+v: %q, want %s, preset %q, saying %q", row.name, id, id, row.kind, row.preset, row.says)
		}
	}
	want := small()
	want.NumHeads, want.DecoderNumHeads = 0, 0 // shapes do not tell
	if got := Identify(shapesOf(small().Shapes())).Config; !reflect.DeepEqual(got, want) {
		t.Errorf("shapes of %+v read as %+v", want, got)
	}
}

func TestBuffers(t *testing.T) {
	m, err := New(small())
	if err != nil {
		t.Fatal(err)
	}
	b := m.Buffers()
	if len(b) != 1 || b[0].Name != "token_emb.position_ids" || !slices.Equal(b[0].Shape, []int{1, 257}) || b[0].Data[256] != 256 {
		t.Errorf("the buffers are %+v", b)
	}
}
