package mae

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

// small is a model that tests can afford; every size differs from the others.
func small() Config {
	return Config{ImgSize: 12, PatchSize: 3, InChans: 2, EmbedDim: 12, Depth: 2, NumHeads: 3,
		DecoderEmbedDim: 8, DecoderDepth: 1, DecoderNumHeads: 2, MLPRatio: 2.5}
}

func preconfigured(t testing.TB, name string) Config {
	t.Helper()
	cfg, err := Preset(name)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestCounts: parameters and tensors of the published models.
// Source: the project's specification, section 7.1; zero where it gives none.
func TestCounts(t *testing.T) {
	for _, row := range []struct {
		preset                             string
		tensors                            int
		total, encoder, decoder, trainable int // trainable: of the encoder
	}{
		{"mae_vit_base_patch16", 254, 111907840, 85798656, 26109184, 85647360},
		{"mae_vit_large_patch16", 398, 329541888, 303301632, 26240256, 303099904},
		{"mae_vit_huge_patch14", 0, 657074508, 0, 0, 0},
	} {
		cfg := preconfigured(t, row.preset)
		if err := cfg.Validate(); err != nil {
			t.Errorf("%s: %v", row.preset, err)
		}
		var total, encoder, trainable int
		for _, s := range cfg.Shapes() {
			total += s.Len()
			if !isDecoder(s.Name) {
				encoder += s.Len()
				if !s.Fixed {
					trainable += s.Len()
				}
			}
		}
		for _, c := range []struct {
			what      string
			got, want int
		}{
			{"tensors", len(cfg.Shapes()), row.tensors}, {"parameters", total, row.total},
			{"encoder", encoder, row.encoder}, {"decoder", total - encoder, row.decoder}, {"trainable", trainable, row.trainable},
		} {
			if c.want != 0 && c.got != c.want {
				t.Errorf("%s: %s: %d, want %d", row.preset, c.what, c.got, c.want)
			}
		}
	}
}

func TestStateDictOrder(t *testing.T) {
	var got []string
	for _, s := range small().Shapes() {
		got = append(got, s.Name)
	}
	text := strings.Join(got, " ")
	want := "cls_token pos_embed mask_token decoder_pos_embed patch_embed.proj.weight patch_embed.proj.bias blocks.0.norm1.weight"
	if !strings.HasPrefix(text, want) {
		t.Errorf("keys begin %q, want %q", text[:len(want)], want)
	}
	want = "blocks.1.mlp.fc2.bias norm.weight norm.bias decoder_embed.weight decoder_embed.bias decoder_blocks.0.norm1.weight"
	if !strings.Contains(text, want) {
		t.Errorf("keys %q lack %q", text, want)
	}
	if want = "decoder_blocks.0.mlp.fc2.bias decoder_norm.weight decoder_norm.bias decoder_pred.weight decoder_pred.bias"; !strings.HasSuffix(text, want) {
		t.Errorf("keys %q do not end %q", text, want)
	}
}

func TestTinyPreset(t *testing.T) {
	want := Config{ImgSize: 32, PatchSize: 4, InChans: 3, EmbedDim: 128, Depth: 6, NumHeads: 4,
		DecoderEmbedDim: 64, DecoderDepth: 2, DecoderNumHeads: 4, MLPRatio: 4}
	if got := preconfigured(t, "mae_tiny"); got != want {
		t.Errorf("mae_tiny is %+v, want %+v", got, want)
	}
}

func TestPresetUnknown(t *testing.T) {
	_, err := Preset("mae_vit_base")
	if err == nil || !strings.Contains(err.Error(), "mae_vit_base_patch16") {
		t.Errorf("error is %v, want one that lists the presets", err)
	}
}

func TestValidate(t *testing.T) {
	for _, row := range []struct {
		change func(*Config)
		want   string
	}{
		{func(c *Config) { c.PatchSize = 5 }, "patch_size 5 does not divide img_size 12"},
		{func(c *Config) { c.NumHeads = 5 }, "num_heads 5 does not divide embed_dim 12"},
		{func(c *Config) { c.DecoderNumHeads = 3 }, "decoder_num_heads 3 does not divide decoder_embed_dim 8"},
		{func(c *Config) { c.EmbedDim, c.NumHeads = 6, 2 }, "embed_dim is 6, want a multiple of 4"},
		{func(c *Config) { c.DecoderEmbedDim = 10 }, "decoder_embed_dim is 10, want a multiple of 4"},
		{func(c *Config) { c.ImgSize = 0 }, "img_size is 0"},
		{func(c *Config) { c.Depth = -1 }, "depth is -1"},
		{func(c *Config) { c.InChans = 0 }, "in_chans is 0"},
		{func(c *Config) { c.NumHeads = 0 }, "num_heads is 0"},
		{func(c *Config) { c.EmbedDim = math.MaxInt }, "embed_dim is"},
		{func(c *Config) { c.MLPRatio = 0 }, "mlp_ratio 0"},
		{func(c *Config) { c.MLPRatio = math.NaN() }, "mlp_ratio NaN"},
		{func(c *Config) { c.MLPRatio = math.Inf(1) }, "mlp_ratio +Inf"},
		{func(c *Config) { c.PatchSize, c.InChans, c.NormPixLoss = 1, 1, true }, "norm_pix_loss"},
		{func(c *Config) { c.ImgSize = 3 << 28 }, "weights"},
		{func(c *Config) { c.EmbedDim, c.NumHeads, c.MLPRatio = 1<<30, 1, 1 }, "weights"},
		{func(c *Config) { c.Depth = math.MaxInt32 }, "weights"},
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

func TestConfigJSONRoundTrip(t *testing.T) {
	want := small()
	want.NormPixLoss = true
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Config
	if err := json.Unmarshal(text, &got); err != nil || got != want {
		t.Errorf("%s reads as %+v, %v", text, got, err)
	}
	for _, key := range []string{"img_size", "patch_size", "in_chans", "embed_dim", "depth", "num_heads", "decoder_embed_dim",
		"decoder_depth", "decoder_num_heads", "mlp_ratio", "norm_pix_loss"} {
		if !strings.Contains(string(text), `"`+key+`"`) {
			t.Errorf("%s lacks %s", text, key)
		}
	}
}

func TestConfigJSONAsPythonWritesIt(t *testing.T) {
	var got Config
	text := `{"img_size": 12.0, "patch_size": 3, "embed_dim": 12, "depth": 2.0, "num_heads": 3, "mlp_ratio": 2,
		"decoder_embed_dim": 8, "decoder_depth": 1, "decoder_num_heads": 2, "norm_layer": "LayerNorm"}`
	want := small()
	want.InChans, want.MLPRatio = 3, 2 // in_chans and norm_pix_loss have the constructor's defaults
	if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
		t.Errorf("reads as %+v, %v, want %+v", got, err, want)
	}
	if err := json.Unmarshal([]byte(`{}`), &got); err != nil || got.EmbedDim != 1024 || got.Depth != 24 || got.MLPRatio != 4 {
		t.Errorf("an empty config reads as %+v, %v, want the constructor's defaults", got, err)
	}
	for text, want := range map[string]string{
		`{"depth": 2.5}`:           "depth is 2.5",
		`{"depth": "2"}`:           "depth",
		`{"depth": 1e99}`:          "depth is 1e+99",
		`{"norm_pix_loss": "yes"}`: "norm_pix_loss",
		`{"mlp_ratio": []}`:        "mlp_ratio",
		`[]`:                       "config",
	} {
		if err := json.Unmarshal([]byte(text), &got); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want one with %q", text, err, want)
		}
	}
}
