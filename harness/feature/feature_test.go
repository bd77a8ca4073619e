package feature

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"lethe/harness/checkpoint"
	"lethe/harness/data"
	"lethe/layers"
	"lethe/layers/pretrained/counted"
	"lethe/layers/resnet"
	"lethe/layers/squeezenet"
)

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

// written writes weights made by formula and returns the file's name.
func written(t *testing.T, specs []layers.Spec, prefix string) string {
	t.Helper()
	var ts []checkpoint.Tensor
	for _, w := range counted.Weights(specs) {
		ts = append(ts, checkpoint.FromFloat32(prefix+w.Name, w.Shape, w.Data))
	}
	path := filepath.Join(t.TempDir(), "net.safetensors")
	if err := checkpoint.WriteSafetensors(path, ts, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

func tinyResNet() []layers.Spec {
	return resnet.Specs(resnet.Config{Small: true, Blocks: []int{3, 3, 3}, Classes: 10, Head: "fc", Project: "downsample"})
}

func world(n int) []data.Image {
	var out []data.Image
	for i := range n {
		out = append(out, data.World(1, i%10, i))
	}
	return out
}

// TestCIFARResNets: real weights, the lossless first image, and logits that an
// independent forward computed.
func TestCIFARResNets(t *testing.T) {
	raw, err := os.ReadFile(shared(t, "cifar10/lossless/"+sheetName(t)))
	if err != nil {
		t.Fatal(err)
	}
	im, _, err := data.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	frog := data.Image{W: 32, H: 32, Pix: im.Pix[:3*1024]}
	for name, want := range map[string][]float64{
		"ResNet-20": {-12.4492, -5.6982, -0.6590, 9.1207, 0.7110, 4.5553, 19.8279, 0.3810, -6.6409, -9.1128},
		"ResNet-56": {-7.6252, -5.1928, 0.1378, 6.3441, -1.9831, 2.3456, 19.9556, -4.8482, -4.4107, -4.7011},
	} {
		file := "weights/cifar10_resnet/" + strings.ReplaceAll(strings.ToLower(name), "-", "") + ".safetensors"
		n, err := Open(shared(t, file))
		if err != nil {
			t.Fatal(err)
		}
		f, err := n.Extract(context.Background(), []data.Image{frog}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if n.Name() != name || f.D != 64 || f.Classes != 10 {
			t.Errorf("%s: name %s, D %d, Classes %d", file, n.Name(), f.D, f.Classes)
		}
		for i, w := range want { // given to four places; 1e-4 of the largest for the sums
			if !(math.Abs(float64(f.Logits[i])-w) <= 2e-3) {
				t.Errorf("%s: logit %d is %v, want %v", name, i, f.Logits[i], w)
			}
		}
	}
}

// sheetName is the first sheet of the lossless images.
func sheetName(t *testing.T) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(shared(t, "cifar10/lossless"), "*.png"))
	if err != nil || len(names) == 0 {
		t.Skip("LETHE_SHARED: no sheet of lossless images")
	}
	slices.Sort(names)
	return filepath.Base(names[0])
}

// TestSqueezeNetClassifies: the real network is right about at least half of the
// first 40 images of a folder of ImageNet's.
func TestSqueezeNetClassifies(t *testing.T) {
	n, err := Open(shared(t, "weights/squeezenet_v1.0/squeezenet_v1.0.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	folder := shared(t, "imagenet_sample")
	labels, err := os.ReadFile(filepath.Join(folder, "labels.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	set, err := data.Open(filepath.Join(folder, "forget"), data.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var images []data.Image
	for i := range 40 {
		im, err := set.Image(i)
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, im)
	}
	f, err := n.Extract(context.Background(), images, Options{})
	if err != nil {
		t.Fatal(err)
	}
	right := 0
	for i := range images {
		row := f.Logits[i*f.Classes:][:f.Classes]
		if classOf(t, string(labels), set.Items[i].Path) == slices.Index(row, slices.Max(row)) {
			right++
		}
	}
	if n.Name() != "SqueezeNet-1.0" || f.D != 512 || f.Classes != 1000 || right < 20 {
		t.Errorf("%s, D %d, Classes %d: %d of 40 right, want at least 20", n.Name(), f.D, f.Classes, right)
	}
}

// classOf finds the class of a picture by the wnid in its name.
func classOf(t *testing.T, labels, path string) int {
	t.Helper()
	for _, line := range strings.Split(labels, "\n") {
		cells := strings.Split(line, "\t")
		for i, cell := range cells {
			if strings.HasPrefix(cell, "n0") || strings.HasPrefix(cell, "n1") {
				if wnid := strings.TrimSpace(cell)[:9]; strings.Contains(path, wnid) {
					class := 0
					for _, d := range cells[i+1] {
						class = 10*class + int(d-'0')
					}
					return class
				}
			}
		}
	}
	t.Fatalf("no label for %s", path)
	return -1
}

// TestExtractBits: threads and batches do not change a bit.
func TestExtractBits(t *testing.T) {
	for _, specs := range [][]layers.Spec{tinyResNet(), squeezenet.Specs(squeezenet.Config{Classes: 1000})} {
		n, err := Open(written(t, specs, "module."))
		if err != nil {
			t.Fatal(err)
		}
		images := world(5)
		var first Features
		for i, o := range []struct{ threads, batch int }{{2, 5}, {1, 5}, {2, 2}, {1, 1}} {
			old := runtime.GOMAXPROCS(o.threads)
			f, err := n.Extract(context.Background(), images, Options{Batch: o.batch})
			runtime.GOMAXPROCS(old)
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				first = f
			}
			if !slices.Equal(f.Rows, first.Rows) || !slices.Equal(f.Logits, first.Logits) {
				t.Errorf("%s: %+v changes bits", n.Name(), o)
			}
		}
	}
}

// TestExtractKeepsItsMemory: one extraction after another takes no more of it, since
// that of a tape is never given back.
func TestExtractKeepsItsMemory(t *testing.T) {
	n, err := Open(written(t, tinyResNet(), ""))
	if err != nil {
		t.Fatal(err)
	}
	tape, want := n.tape, 0
	for i := range 3 {
		if _, err := n.Extract(context.Background(), world(9), Options{Batch: 4}); err != nil {
			t.Fatal(err)
		}
		if got := n.tape.Memory().Reserved; i == 0 {
			want = got
		} else if got != want || n.tape != tape {
			t.Errorf("extraction %d has an arena of %d elements, the first had %d", i+1, got, want)
		}
	}
	if want == 0 {
		t.Error("the extraction did not use the network's tape")
	}
}

// TestCache: a second run takes the cache, a damaged entry is computed again and
// replaced.
func TestCache(t *testing.T) {
	n, err := Open(written(t, tinyResNet(), ""))
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Cache: t.TempDir()}
	want, err := n.Extract(context.Background(), world(3), o)
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	err = filepath.WalkDir(o.Cache, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, p)
		}
		return err
	})
	if err != nil || len(files) != 3 {
		t.Fatalf("%d files in the cache, want 3 (%v)", len(files), err)
	}
	whole := map[string][]byte{}
	for i, p := range files {
		raw, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		whole[p] = slices.Clone(raw)
		if i == 0 {
			raw[7] ^= 1
		} else if i == 1 {
			raw = raw[:len(raw)-1]
		}
		if err := os.WriteFile(p, raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := n.Extract(context.Background(), world(3), o)
	if err != nil || !slices.Equal(got.Rows, want.Rows) || !slices.Equal(got.Logits, want.Logits) {
		t.Errorf("a damaged cache changed the result (%v)", err)
	}
	for p, raw := range whole {
		if now, err := os.ReadFile(p); err != nil || !slices.Equal(now, raw) {
			t.Errorf("%s was not mended (%v)", p, err)
		}
	}
	n.forward = nil // nothing is computed when all is cached
	if _, err := n.Extract(context.Background(), world(3), o); err != nil {
		t.Error(err)
	}
}

func TestExtractStops(t *testing.T) {
	n, err := Open(written(t, tinyResNet(), ""))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	calls := 0
	_, err = n.Extract(ctx, world(4), Options{Batch: 1, Progress: func(done, total int) {
		if calls++; done != calls || total != 4 {
			t.Errorf("progress %d of %d, call %d", done, total, calls)
		}
		cancel()
	}})
	if !errors.Is(err, context.Canceled) || calls != 1 {
		t.Errorf("error %v after %d batches", err, calls)
	}
	if _, err := n.Extract(context.Background(), []data.Image{{W: 2, H: 2}}, Options{}); err == nil {
		t.Error("an image without pixels was taken")
	}
}

func TestOpenRefuses(t *testing.T) {
	good := tinyResNet()
	for want, specs := range map[string][]layers.Spec{
		"missing (bn1.bias [16])": slices.Delete(slices.Clone(good), 2, 3),
		"known are":               {{Name: "weight", Shape: []int{3}}},
	} {
		path := written(t, specs, "")
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("error is %v, want %q in it, and the file", err, want)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none.pth")); err == nil {
		t.Error("a file that is not there was opened")
	}
}

func TestTaps(t *testing.T) {
	n, err := Open(written(t, squeezenet.Specs(squeezenet.Config{Later: true, Headless: true}), ""))
	if err != nil {
		t.Fatal(err)
	}
	taps, err := n.Taps(context.Background(), world(2), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var widths []int
	for _, m := range taps[1] {
		widths = append(widths, m.C)
		if len(m.Data) != m.H*m.W*m.C {
			t.Errorf("a map of %dx%dx%d has %d numbers", m.H, m.W, m.C, len(m.Data))
		}
	}
	if !slices.Equal(widths, []int{64, 128, 256, 384, 384, 512, 512}) {
		t.Errorf("channels %v are not those of LPIPS's heads", widths)
	}
	if n, err = Open(written(t, tinyResNet(), "")); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Taps(context.Background(), world(1), Options{}); err == nil || !strings.Contains(err.Error(), "ResNet-20") {
		t.Errorf("taps of a ResNet: %v", err)
	}
}
