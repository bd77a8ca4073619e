package mage

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"lethe/layers"
)

// small is a model that tests can afford; every size differs from the others.
func small() Config {
	return Config{ImgSize: 12, PatchSize: 2, InChans: 2, EmbedDim: 12, Depth: 2, NumHeads: 3,
		DecoderEmbedDim: 8, DecoderDepth: 1, DecoderNumHeads: 2, MLPRatio: 2.5, VQGAN: smallVQGAN()}
}

func smallVQGAN() VQGANConfig {
	return VQGANConfig{Ch: 32, ChMult: []int{1, 2}, NumResBlocks: 1, ZChannels: 5, EmbedDim: 5, NEmbed: 20,
		Resolution: 12, InChannels: 2, OutCh: 2}
}

func preconfigured(t testing.TB, name string) Config {
	t.Helper()
	cfg, err := Preset(name)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// sum counts the tensors and elements of the keys with one of the prefixes.
func sum(specs []layers.Spec, prefixes ...string) (tensors, elements int) {
	for _, s := range specs {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s.Name, p) }) {
			tensors, elements = tensors+1, elements+s.Len()
		}
	}
	return tensors, elements
}

// TestCounts: parameters and tensors of the published models.
// Source: the project's specification, section 7.2.
func TestCounts(t *testing.T) {
	encoder := []string{"token_emb.", "blocks.", "norm."}
	decoder := []string{"decoder_embed.", "decoder_pos_embed_learned", "decoder_blocks.", "decoder_norm.", "mlm_layer."}
	for _, row := range []struct {
		preset                   string
		encoder, decoder, unused int
	}{
		{"mage_vit_base_patch16", 86810112, 58086633, 1577472},
		{"mage_vit_large_patch16", 304650240, 103138281, 2103040},
	} {
		cfg := preconfigured(t, row.preset)
		if err := cfg.Validate(); err != nil {
			t.Errorf("%s: %v", row.preset, err)
		}
		specs := cfg.Shapes()
		all, total := sum(specs, "")
		tensors, elements := 0, 0
		for _, part := range []struct {
			what     string
			prefixes []string
			tensors  int // 0: the specification does not say
			elements int
		}{
			{"encoder", encoder, 0, row.encoder},
			{"decoder", decoder, 0, row.decoder},
			{"unused", []string{"patch_embed.", "cls_token", "pos_embed", "mask_token", "decoder_pred."}, 0, 0},
			{"vqgan", []string{"vqgan."}, 168, 54515587},
			{"vqgan encoder", []string{"vqgan.encoder."}, 0, 23775104},
			{"vqgan decoder", []string{"vqgan.decoder."}, 0, 30478339},
			{"codes", []string{"vqgan.quantize."}, 0, 262144},
		} {
			n, size := sum(specs, part.prefixes...)
			if part.what == "unused" { // its decoder_pos_embed is a prefix of the learned one
				n, size = n+1, size+cfg.DecoderEmbedDim*257
				part.elements = row.unused
			}
			if part.tensors != 0 && n != part.tensors || size != part.elements {
				t.Errorf("%s: %s: %d tensors of %d elements, want %d of %d", row.preset, part.what, n, size, part.tensors, part.elements)
			}
			if part.what != "vqgan encoder" && part.what != "vqgan decoder" && part.what != "codes" {
				tensors, elements = tensors+n, elements+size
			}
		}
		if tensors != all || elements != total {
			t.Errorf("%s: the parts have %d tensors of %d elements, the model %d of %d", row.preset, tensors, elements, all, total)
		}
	}
	if n, size := sum(publishedVQGAN().Shapes(), ""); n != 168 || size != 54515587 {
		t.Errorf("the VQGAN alone: %d tensors of %d elements", n, size)
	}
}

func TestStateDictOrder(t *testing.T) {
	var keys []string
	for _, s := range small().Shapes() {
		keys = append(keys, s.Name)
	}
	text := " " + strings.Join(keys, " ") + " "
	for _, want := range []string{
		" cls_token pos_embed mask_token decoder_pos_embed decoder_pos_embed_learned vqgan.encoder.conv_in.weight vqgan.encoder.down.0.block.0.norm1.weight ",
		" vqgan.encoder.down.1.block.0.norm1.weight vqgan.encoder.down.1.block.0.norm1.bias vqgan.encoder.down.1.block.0.conv1.weight " +
			"vqgan.encoder.down.1.block.0.norm2.weight vqgan.encoder.down.1.block.0.norm2.bias vqgan.encoder.down.1.block.0.conv2.weight " +
			"vqgan.encoder.down.1.block.0.nin_shortcut.weight vqgan.encoder.mid.block_1.norm1.weight ",
		" vqgan.encoder.norm_out.weight vqgan.encoder.norm_out.bias vqgan.encoder.conv_out.weight vqgan.encoder.conv_out.bias " +
			"vqgan.decoder.conv_in.weight vqgan.decoder.conv_in.bias vqgan.decoder.mid.block_1.norm1.weight ",
		" vqgan.decoder.up.1.upsample.conv.weight vqgan.decoder.up.1.upsample.conv.bias vqgan.decoder.norm_out.weight vqgan.decoder.norm_out.bias " +
			"vqgan.decoder.conv_out.weight vqgan.decoder.conv_out.bias vqgan.quantize.embedding.weight token_emb.word_embeddings.weight " +
			"token_emb.position_embeddings.weight token_emb.LayerNorm.weight token_emb.LayerNorm.bias patch_embed.proj.weight patch_embed.proj.bias " +
			"blocks.0.norm1.weight ",
		" blocks.1.mlp.fc2.bias norm.weight norm.bias decoder_embed.weight decoder_embed.bias decoder_blocks.0.norm1.weight ",
		" decoder_norm.weight decoder_norm.bias decoder_pred.weight decoder_pred.bias mlm_layer.bias mlm_layer.fc.weight mlm_layer.fc.bias " +
			"mlm_layer.ln.weight mlm_layer.ln.bias ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the keys lack%q\n%s", want, text)
		}
	}
}

// TestPublishedShapes: the shapes that the specification gives, and the levels
// whose channels change.
func TestPublishedShapes(t *testing.T) {
	shapes := shapesOf(preconfigured(t, "mage_vit_base_patch16").Shapes())
	for key, want := range map[string][]int{
		"token_emb.word_embeddings.weight":                 {2025, 768},
		"token_emb.position_embeddings.weight":             {257, 768},
		"decoder_pos_embed_learned":                        {1, 257, 768},
		"mlm_layer.bias":                                   {1, 1, 2025},
		"vqgan.quantize.embedding.weight":                  {1024, 256},
		"vqgan.encoder.conv_in.weight":                     {128, 3, 3, 3},
		"vqgan.encoder.conv_out.weight":                    {256, 512, 1, 1},
		"vqgan.encoder.down.2.block.0.nin_shortcut.weight": {256, 256, 1, 1},
		"vqgan.encoder.down.4.block.0.nin_shortcut.weight": {512, 512, 1, 1},
		"vqgan.encoder.down.1.block.0.nin_shortcut.weight": nil,
		"vqgan.encoder.down.4.block.1.nin_shortcut.weight": nil,
		"vqgan.encoder.conv_in.bias":                       nil,
		"vqgan.decoder.conv_in.weight":                     {512, 256, 3, 3},
		"vqgan.decoder.up.3.block.0.nin_shortcut.weight":   {256, 256, 1, 1},
		"vqgan.decoder.up.1.block.0.nin_shortcut.weight":   {128, 128, 1, 1},
		"vqgan.decoder.up.0.upsample.conv.weight":          nil,
		"vqgan.decoder.up.4.upsample.conv.weight":          {512, 512, 3, 3},
		"vqgan.decoder.conv_out.weight":                    {3, 128, 3, 3},
	} {
		if got := shapes[key]; !slices.Equal(got, want) {
			t.Errorf("%s is %v, want %v", key, got, want)
		}
	}
}

func shapesOf(specs []layers.Spec) map[string][]int {
	out := map[string][]int{}
	for _, s := range specs {
		out[s.Name] = s.Shape
	}
	return out
}

func TestVocabulary(t *testing.T) {
	c := preconfigured(t, "mage_vit_base_patch16")
	if c.Vocabulary() != 2025 || c.ClassWord() != 1100 || c.MaskWord() != 2024 || c.Tokens() != 256 || c.Side() != 16 {
		t.Errorf("vocabulary %d, class word %d, mask word %d, %d tokens, side %d", c.Vocabulary(), c.ClassWord(), c.MaskWord(), c.Tokens(), c.Side())
	}
}

func TestPresets(t *testing.T) {
	for _, name := range Presets() {
		c := preconfigured(t, name)
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if c.presetName() != name || c.VQGAN.presetName() == "" {
			t.Errorf("%s is not recognized, or its VQGAN is no preset", name)
		}
	}
	if _, err := Preset("mage_vit_base"); err == nil || !strings.Contains(err.Error(), "mage_vit_base_patch16") {
		t.Errorf("error is %v, want one that lists the presets", err)
	}
	if _, err := VQGANPreset("vqgan"); err == nil || !strings.Contains(err.Error(), "vqgan_tiny") {
		t.Errorf("error is %v, want one that lists the presets", err)
	}
}

func TestValidate(t *testing.T) {
	for _, row := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.ImgSize = 13 }, "patch_size 2 does not divide img_size 13"},
		{func(c *Config) { c.PatchSize = 4 }, "patch_size is 4, want 2: vqgan ch_mult has 2 levels"},
		{func(c *Config) { c.ImgSize = 34 }, "makes 289 tokens, want at most 256"},
		{func(c *Config) { c.InChans = 3 }, "in_chans is 3, but vqgan in_channels is 2"},
		{func(c *Config) { c.NumHeads = 5 }, "num_heads 5 does not divide embed_dim 12"},
		{func(c *Config) { c.DecoderNumHeads = 3 }, "decoder_num_heads 3 does not divide decoder_embed_dim 8"},
		{func(c *Config) { c.ImgSize = 0 }, "img_size is 0"},
		{func(c *Config) { c.Depth = -1 }, "depth is -1"},
		{func(c *Config) { c.EmbedDim = math.MaxInt }, "embed_dim is"},
		{func(c *Config) { c.MLPRatio = 0 }, "mlp_ratio 0"},
		{func(c *Config) { c.MLPRatio = math.NaN() }, "mlp_ratio NaN"},
		{func(c *Config) { c.EmbedDim, c.NumHeads, c.MLPRatio = 1<<30, 1, 1 }, "weights"},
		{func(c *Config) { c.Depth = math.MaxInt32 }, "weights"},
		{func(c *Config) { c.VQGAN.Ch = 48 }, "vqgan ch is 48, want a multiple of 32"},
		{func(c *Config) { c.VQGAN.ChMult = nil }, "number of vqgan ch_mult is 0"},
		{func(c *Config) { c.VQGAN.ChMult = []int{1, 0} }, "vqgan ch_mult[1] is 0"},
		{func(c *Config) { c.VQGAN.EmbedDim = 6 }, "vqgan z_channels is 5, want embed_dim, which is 6"},
		{func(c *Config) { c.VQGAN.NEmbed = 0 }, "vqgan n_embed is 0"},
		{func(c *Config) { c.VQGAN.NEmbed = math.MaxInt32 }, "weights"},
		{func(c *Config) { c.VQGAN.Ch = 1 << 25 }, "weights"},
		{func(c *Config) { c.VQGAN.NumResBlocks = math.MaxInt32 }, "weights"},
		{func(c *Config) { c.VQGAN.ChMult = make([]int, 40) }, "vqgan ch_mult[0] is 0"},
		{func(c *Config) { c.VQGAN.ChMult = slices.Repeat([]int{1}, 40) }, "weights"},
	} {
		cfg := small()
		row.change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("error is %v, want one with %q", err, row.want)
		}
		if _, err := New(cfg); err == nil {
			t.Errorf("New made a model that should say %q", row.want)
		}
	}
	if err := small().Validate(); err != nil {
		t.Errorf("a good configuration: %v", err)
	}
}

// TestWeightsBound: what Validate holds against its bound is never less than
// the model, and not many times as much.
func TestWeightsBound(t *testing.T) {
	for _, c := range []Config{small(), preconfigured(t, "mage_tiny"), preconfigured(t, "mage_vit_base_patch16"), preconfigured(t, "mage_vit_large_patch16")} {
		_, total := sum(c.Shapes(), "")
		_, vqgan := sum(c.VQGAN.Shapes(), "")
		if w := c.weights(); !(w >= float64(total) && w <= 4*float64(total)) {
			t.Errorf("%+v: %g, the model has %d", c, w, total)
		}
		if w := c.VQGAN.weights(); !(w >= float64(vqgan) && w <= 4*float64(vqgan)) {
			t.Errorf("%+v: %g, the VQGAN has %d", c.VQGAN, w, vqgan)
		}
	}
}

func TestConfigJSONRoundTrip(t *testing.T) {
	want := small()
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Config
	if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s reads as %+v, %v", text, got, err)
	}
}

func TestConfigJSONAsPythonWritesIt(t *testing.T) {
	var got Config
	text := `{"img_size": 12.0, "patch_size": 2, "in_chans": 2, "embed_dim": 12, "depth": 2.0, "num_heads": 3, "mlp_ratio": 2.5,
		"decoder_embed_dim": 8, "decoder_depth": 1, "decoder_num_heads": 2, "norm_layer": "LayerNorm", "vqgan": {"ch": 32.0,
		"ch_mult": [1.0, 2], "num_res_blocks": 1, "z_channels": 5, "embed_dim": 5, "n_embed": 20, "resolution": 12, "in_channels": 2, "out_ch": 2}}`
	if err := json.Unmarshal([]byte(text), &got); err != nil || !reflect.DeepEqual(got, small()) {
		t.Errorf("reads as %+v, %v, want %+v", got, err, small())
	}
	if err := json.Unmarshal([]byte(`{}`), &got); err != nil || got.EmbedDim != 1024 || got.DecoderEmbedDim != 512 || got.VQGAN.NEmbed != 1024 {
		t.Errorf("an empty config reads as %+v, %v, want the constructor's defaults", got, err)
	}
	for text, want := range map[string]string{
		`{"depth": 2.5}`:                   "depth is 2.5",
		`{"depth": "2"}`:                   "depth",
		`{"mlp_ratio": []}`:                "mlp_ratio",
		`[]`:                               "config",
		`{"vqgan": {"ch": 1.5}}`:           "vqgan ch is 1.5",
		`{"vqgan": {"ch_mult": [1, 1.5]}}`: "vqgan ch_mult is 1.5",
		`{"vqgan": {"ch_mult": 4}}`:        "vqgan ch_mult is 4",
		`{"vqgan": 7}`:                     "config",
	} {
		if err := json.Unmarshal([]byte(text), &got); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want one with %q", text, err, want)
		}
	}
}
