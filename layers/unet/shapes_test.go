package unet

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestShapesArePyTorchs: keys, shapes and order of the state dicts of models with
// one to five levels, one to three blocks a level, attention in some, as the
// PyTorch program of harness/reference/torch builds them. In the file a line with
// # has the configuration of the lines that follow.
func TestShapesArePyTorchs(t *testing.T) {
	text, err := os.ReadFile("testdata/state_dicts.txt")
	if err != nil {
		t.Fatal(err)
	}
	dicts := strings.Split(strings.TrimPrefix(string(text), "# "), "\n# ")
	if len(dicts) != 6 {
		t.Fatalf("%d state dicts, want 6", len(dicts))
	}
	for _, dict := range dicts {
		config, keys, _ := strings.Cut(strings.TrimSpace(dict), "\n")
		var c Config
		if err := json.Unmarshal([]byte(config), &c); err != nil {
			t.Fatal(err)
		}
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", config, err)
			continue
		}
		want, specs := strings.Split(keys, "\n"), c.Shapes()
		if len(specs) != len(want) {
			t.Errorf("%s: %d tensors, want %d", config, len(specs), len(want))
		}
		for i, s := range specs[:min(len(specs), len(want))] {
			if got := s.Name + " " + strings.Trim(fmt.Sprint(s.Shape), "[]"); got != want[i] {
				t.Errorf("%s: tensor %d is %s, want %s", config, i, got, want[i])
				break
			}
		}
	}
}
