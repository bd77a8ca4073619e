package checkpoint

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// shared gives the path of a file of the project's shared data, outside the
// tree, and skips the test where there is none.
func shared(t *testing.T, parts ...string) string {
	t.Helper()
	root := os.Getenv("LETHE_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	p := filepath.Join(append([]string{root}, parts...)...)
	if _, err := os.Stat(p); err != nil {
		t.Skipf("LETHE_SHARED: %v", err)
	}
	return p
}

func mustOpen(t *testing.T, path string) *File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// sameTensors compares by name, in any order, byte for byte.
func sameTensors(t *testing.T, got, want *File) {
	t.Helper()
	if len(got.Tensors) != len(want.Tensors) {
		t.Errorf("%d tensors, want %d", len(got.Tensors), len(want.Tensors))
	}
	for _, w := range want.Tensors {
		g, ok := got.Get(w.Name)
		switch {
		case !ok:
			t.Errorf("tensor %q is missing", w.Name)
		case g.DType != w.DType, !slices.Equal(g.Shape, w.Shape):
			t.Errorf("tensor %q is %s %v, want %s %v", w.Name, g.DType, g.Shape, w.DType, w.Shape)
		case !bytes.Equal(g.Data, w.Data):
			t.Errorf("tensor %q: bytes differ", w.Name)
		}
	}
}

// The .pth files were written by PyTorch 0.4 in the legacy format; their
// .safetensors twins by another program.
func TestLPIPSLegacyMatchesItsTwin(t *testing.T) {
	for _, net := range []string{"alex", "squeeze", "vgg"} {
		pth := mustOpen(t, shared(t, "data", "weights", "lpips_v0.1", net+".pth"))
		if pth.Format != FormatPTHLegacy {
			t.Errorf("%s: format %q", net, pth.Format)
		}
		sameTensors(t, pth, mustOpen(t, shared(t, "data", "weights", "lpips_v0.1", net+".safetensors")))
	}
}

func TestDDPMZipOpens(t *testing.T) {
	f := mustOpen(t, shared(t, "data", "weights", "ddpm_mnist", "ddpm_mnist.pt"))
	if f.Format != FormatPTHZip || len(f.Tensors) == 0 {
		t.Errorf("format %q, %d tensors", f.Format, len(f.Tensors))
	}
	if err := CheckFinite(f); err != nil {
		t.Error(err)
	}
}

func TestSharedSafetensorsOpen(t *testing.T) {
	for _, p := range []string{
		"cifar10_resnet/resnet20.safetensors", "cifar10_resnet/resnet56.safetensors",
		"squeezenet_v1.0/squeezenet_v1.0.safetensors", "taef2/taef2_decoder.safetensors",
		"taef2/taef2_encoder.safetensors", "vqvae_cifar/vqvae_cifar.safetensors",
	} {
		f := mustOpen(t, shared(t, "data", "weights", filepath.FromSlash(p)))
		if len(f.Tensors) == 0 {
			t.Errorf("%s: no tensors", p)
		}
		if err := CheckFinite(f); err != nil {
			t.Error(err)
		}
	}
}
