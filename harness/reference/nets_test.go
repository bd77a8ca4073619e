package reference

import (
	"image"
	_ "image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"lethe/harness/checkpoint"
	"lethe/kernels"
)

// The tests of nets_*_test.go run real trained networks whose outputs are known,
// through the kernels alone: convolution, transposed convolution, folded batch
// norm, nearest codes. Their files are not part of the project.

// shared gives the path of a file of the shared data and skips the test where
// there is none.
func shared(t *testing.T, name string) string {
	t.Helper()
	root := os.Getenv("LETHE_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	p := filepath.Join(root, "data", filepath.FromSlash(name))
	if _, err := os.Stat(p); err != nil {
		t.Skipf("LETHE_SHARED: %v", err)
	}
	return p
}

// sheet reads a PNG in which a row is an image, and returns the bytes of each
// pixel's channels of the first n.
func sheet(t *testing.T, name string, n, channels int) [][]uint8 {
	t.Helper()
	f, err := os.Open(shared(t, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	im, _, err := image.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	out := make([][]uint8, n)
	for i := range out {
		for x := range im.Bounds().Dx() {
			r, g, b, _ := im.At(x, i).RGBA()
			out[i] = append(out[i], []uint8{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8)}[:channels]...)
		}
	}
	return out
}

// net is the tensors of a trained network.
type net struct {
	t    *testing.T
	file *checkpoint.File
}

func openNet(t *testing.T, name string) net {
	t.Helper()
	file, err := checkpoint.Open(shared(t, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return net{t, file}
}

// tensor returns a tensor's elements and shape.
func (n net) tensor(name string) ([]float32, []int) {
	n.t.Helper()
	t, ok := n.file.Get(name)
	if !ok {
		n.t.Fatalf("%s has no tensor %s", n.file.Path, name)
	}
	data, err := t.Float32()
	if err != nil {
		n.t.Fatal(err)
	}
	return data, t.Shape
}

// filter returns a convolution's weight as [O,KH,KW,I], of [O,I,KH,KW].
func (n net) filter(name string) ([]float32, []int) {
	n.t.Helper()
	w, s := n.tensor(name)
	out := make([]float32, len(w))
	kernels.ChannelsLast(out, w, s[0], s[1], s[2]*s[3])
	return out, []int{s[0], s[2], s[3], s[1]}
}

// maps is feature maps [N,H,W,C].
type maps struct {
	n, h, w, c int
	data       []float32
}

func newMaps(n, h, w, c int) maps { return maps{n, h, w, c, make([]float32, n*h*w*c)} }

// convOf are the choices of a convolution.
type convOf struct {
	stride, pad int
	noBias      bool
}

// conv applies the convolution name.{weight,bias}.
func (n net) conv(x maps, name string, o convOf) maps {
	n.t.Helper()
	w, s := n.filter(name + ".weight")
	var bias []float32
	if !o.noBias {
		bias, _ = n.tensor(name + ".bias")
	}
	return convolve(x, w, s, bias, o)
}

func convolve(x maps, w []float32, s []int, bias []float32, o convOf) maps {
	shape := kernels.ConvShape{N: x.n, H: x.h, W: x.w, Ci: x.c, Co: s[0], KH: s[1], KW: s[2],
		StrideH: o.stride, StrideW: o.stride, PadH: o.pad, PadW: o.pad}
	y := newMaps(x.n, shape.OutH(), shape.OutW(), s[0])
	kernels.Conv2D(y.data, x.data, w, shape, kernels.ConvOptions{Bias: bias})
	return y
}

// convT applies the transposed convolution name.{weight,bias}, whose weight is
// [I,O,KH,KW]: the gradient of a convolution from its output to its input.
func (n net) convT(x maps, name string, o convOf) maps {
	n.t.Helper()
	w, s := n.filter(name + ".weight") // [I,KH,KW,O]
	bias, _ := n.tensor(name + ".bias")
	h, wide := (x.h-1)*o.stride-2*o.pad+s[1], (x.w-1)*o.stride-2*o.pad+s[2]
	y := newMaps(x.n, h, wide, s[3])
	kernels.Conv2DGradInput(y.data, x.data, w, kernels.ConvShape{N: x.n, H: h, W: wide, Ci: s[3], Co: s[0], KH: s[1], KW: s[2],
		StrideH: o.stride, StrideW: o.stride, PadH: o.pad, PadW: o.pad}, kernels.ConvOptions{})
	for i := range y.data {
		y.data[i] += bias[i%s[3]]
	}
	return y
}

// relu returns max(x,0).
func (x maps) relu() maps {
	y := x
	y.data = slices.Clone(x.data)
	for i, v := range y.data {
		y.data[i] = max(v, 0)
	}
	return y
}

// plus returns x + y.
func (x maps) plus(y maps) maps {
	z := newMaps(x.n, x.h, x.w, x.c)
	kernels.Add(z.data, x.data, y.data)
	return z
}
