package unet

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestConfigJSON(t *testing.T) {
	for _, name := range Presets() {
		c, err := Preset(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var back Config
		if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back, c) {
			t.Errorf("%s: read back as %+v: %v", name, back, err)
		}
	}
	var c Config
	text := `{"unet":{"in_channel":6.0,"inner_channel":32.0,"channel_mults":[1,2.5],"attn_res":[2.0,4],"res_blocks":3,"module_name":"x","num_heads":null},
"beta_schedule":{"n_timestep":1e3}}`
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	want := Config{
		NetConfig{InChannel: 6, OutChannel: 3, InnerChannel: 32, ChannelMults: []float64{1, 2.5}, AttnRes: []int{2, 4},
			NumHeads: 1, NumHeadChannels: -1, ResBlocks: 3, ImageSize: 256},
		ScheduleConfig{"linear", 1000, 1e-6, 0.01},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("read as %+v, want %+v", c, want)
	}
	for says, text := range map[string]string{
		"2.5 is no whole number":  `{"unet":{"res_blocks":2.5}}`,
		"4e9 is no whole number":  `{"unet":{"image_size":4e9}}`,
		"cannot unmarshal string": `{"unet":{"image_size":"256"}}`,
		"0.5 is no whole number":  `{"unet":{"attn_res":[1,0.5]}}`,
		"cannot unmarshal bool":   `{"beta_schedule":{"linear_end":true}}`,
	} {
		if err := json.Unmarshal([]byte(text), &c); err == nil || !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), "unet: ") {
			t.Errorf("%s: error is %v, want %q in it", text, err, says)
		}
	}
}
