package mae

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"lethe/autodiff"
	"lethe/layers"
)

// golden is where PyTorch's tensors are: bundles of harness/reference.
const golden = "../../harness/reference/testdata"

// readTensors reads a .safetensors file of F32 and I64 tensors. Package layers
// may not import the one that reads checkpoints.
func readTensors(t *testing.T, path string) map[string]layers.Named {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	size := binary.LittleEndian.Uint64(raw)
	var header map[string]struct {
		DType   string `json:"dtype"`
		Shape   []int  `json:"shape"`
		Offsets [2]int `json:"data_offsets"`
	}
	if err := json.Unmarshal(raw[8:8+size], &header); err != nil {
		t.Fatal(err)
	}
	out := map[string]layers.Named{}
	for name, h := range header {
		bytes := raw[8+size:][h.Offsets[0]:h.Offsets[1]]
		tensor := layers.Named{Name: name, Shape: h.Shape}
		for len(bytes) > 0 {
			if h.DType == "I64" {
				tensor.Data = append(tensor.Data, float32(binary.LittleEndian.Uint64(bytes)))
				bytes = bytes[8:]
			} else {
				tensor.Data = append(tensor.Data, math.Float32frombits(binary.LittleEndian.Uint32(bytes)))
				bytes = bytes[4:]
			}
		}
		out[name] = tensor
	}
	return out
}

// describe reads what bundle.json says that the test needs.
func describe(t *testing.T, dir string) (cfg Config, ratio float64) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "bundle.json"))
	if err != nil {
		t.Fatal(err)
	}
	about := struct {
		Config    *Config  `json:"config"`
		MaskRatio *float64 `json:"mask_ratio"`
	}{&cfg, &ratio}
	if err := json.Unmarshal(text, &about); err != nil {
		t.Fatal(err)
	}
	return cfg, ratio
}

// TestMatchesPyTorch: the forward pass against PyTorch's, tensor by tensor.
func TestMatchesPyTorch(t *testing.T) {
	for _, name := range []string{"forward-plain", "forward-square"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(golden, name)
			cfg, ratio := describe(t, dir)
			m, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			weights := readTensors(t, filepath.Join(dir, "checkpoint.safetensors"))
			// The tables that New computed are those of the other implementation.
			for _, p := range m.Params() {
				if p.Fixed {
					compare(t, p.Name, p.Value, weights[p.Name], 1e-7)
				}
			}
			var src []layers.Named
			for _, w := range weights {
				src = append(src, w)
			}
			if err := m.Load(src); err != nil {
				t.Fatal(err)
			}

			in := readTensors(t, filepath.Join(dir, "inputs.safetensors"))
			want := readTensors(t, filepath.Join(dir, "expected.safetensors"))
			images := autodiff.FromSlice(in["images"].Data, in["images"].Shape...)
			mask := MaskFromNoise(in["noise"].Data, images.Dim(0), cfg.Patches(), ratio)
			restore := make([]float32, len(mask.Restore))
			for i, at := range mask.Restore {
				restore[i] = float32(at)
			}
			tp := autodiff.NewTape()
			latent := m.Encode(tp, images, mask)
			pred := m.Decode(tp, latent, mask)
			// The errors measured are below 5e-7; a wrong formula shows from 1e-3.
			const tol = 1e-5
			compare(t, "mask", autodiff.FromSlice(mask.Removed, mask.N, mask.L), want["mask"], 0)
			compare(t, "ids_restore", autodiff.FromSlice(restore, mask.N, mask.L), want["ids_restore"], 0)
			compare(t, "latent", latent, want["latent"], tol)
			compare(t, "pred", pred, want["pred"], tol)
			compare(t, "loss", m.Loss(tp, pred, m.Target(tp, images), mask), want["loss"], tol)
		})
	}
}

// compare fails the test unless ‖got−want‖ is at most tol*‖want‖.
func compare(t *testing.T, name string, got *autodiff.Tensor, want layers.Named, tol float64) {
	t.Helper()
	if fmt.Sprint(got.Shape()) != fmt.Sprint(want.Shape) {
		t.Errorf("%s is %v, want %v", name, got.Shape(), want.Shape)
		return
	}
	var err, size float64
	for i, w := range want.Data {
		err += math.Pow(float64(got.Data[i])-float64(w), 2)
		size += float64(w) * float64(w)
	}
	if !(math.Sqrt(err) <= tol*math.Sqrt(size)) {
		t.Errorf("%s is off by %.3g of its length, want at most %.3g", name, math.Sqrt(err/size), tol)
	}
}
