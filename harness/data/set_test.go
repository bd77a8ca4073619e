package data

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// encoded is a world picture as a PNG file.
func encoded(t *testing.T, class, index int) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := WritePNG(&buf, World(1, class, index)); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// tree is a small data set: two splits, classes, hidden and side files.
func tree(t *testing.T) map[string][]byte {
	files := map[string][]byte{
		"labels.tsv":             []byte("a\tb\n"),
		"train/cat/notes.txt":    []byte("nothing"),
		"train/.hidden/x.png":    []byte("junk"),
		"train/cat/.DS_Store":    []byte("junk"),
		"__MACOSX/cat/._01.png":  []byte("junk"),
		"train/cat/README":       []byte("words"),
		"train/fish/JPEG_as.dat": golden(t, "jpeg_420.jpg"), // content decides, not the name
	}
	for i, name := range []string{"train/cat/03", "train/cat/01", "train/cat/02", "train/dog/9", "test/cat/01"} {
		files[name+".png"] = encoded(t, i, i)
	}
	return files
}

func writeTree(t *testing.T, files map[string][]byte) string {
	t.Helper()
	root := t.TempDir()
	for name, b := range files {
		p := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// writeTar packs the files in reverse order, so that sorting shows.
func writeTar(t *testing.T, name string, files map[string][]byte, prefix string) string {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	names := sortedKeys(files)
	slices.Reverse(names)
	for _, n := range names {
		if err := w.WriteHeader(&tar.Header{Name: prefix + n, Mode: 0o644, Size: int64(len(files[n]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(files[n]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	out := buf.Bytes()
	if !strings.HasSuffix(name, ".tar") {
		var z bytes.Buffer
		g := gzip.NewWriter(&z)
		g.Write(out)
		g.Close()
		out = z.Bytes()
	}
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, out, 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

func mustOpen(t *testing.T, name string, o Options) *Set {
	t.Helper()
	s, err := Open(name, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func paths(s *Set) string {
	var p []string
	for _, it := range s.Items {
		p = append(p, it.Path)
	}
	return strings.Join(p, " ")
}

func TestOpenIsTheSameFromFolderAndTar(t *testing.T) {
	files := tree(t)
	const want = "test/cat/01.png train/cat/01.png train/cat/02.png train/cat/03.png train/dog/9.png train/fish/JPEG_as.dat"
	var manifest string
	for _, name := range []string{
		writeTree(t, files),
		writeTar(t, "a.tar", files, ""),
		writeTar(t, "a.tar.gz", files, "./"),
		writeTar(t, "a.tgz", files, ""),
	} {
		s := mustOpen(t, name, Options{})
		if got := paths(s); got != want {
			t.Errorf("%s: items %s, want %s", name, got, want)
		}
		if got := strings.Join(s.Classes, " "); got != "cat dog fish" {
			t.Errorf("%s: classes %s", name, got)
		}
		if s.SideFiles != 3 {
			t.Errorf("%s: %d side files, want 3", name, s.SideFiles)
		}
		if manifest == "" {
			manifest = s.Manifest()
		} else if s.Manifest() != manifest {
			t.Errorf("%s: manifest differs from the folder's", name)
		}
		im, err := s.Image(2)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(im.Pix, World(1, 2, 2).Pix) {
			t.Errorf("%s: picture 2 has other pixels", name)
		}
	}
}

func TestOpenInsideTar(t *testing.T) {
	for _, kind := range []string{"a.tar", "a.tgz"} {
		name := writeTar(t, kind, tree(t), "")
		if got := paths(mustOpen(t, name+"/train", Options{})); got != "cat/01.png cat/02.png cat/03.png dog/9.png fish/JPEG_as.dat" {
			t.Errorf("items of %s/train: %s", kind, got)
		}
		if got := paths(mustOpen(t, name+"/train/dog", Options{})); got != "9.png" {
			t.Errorf("items of %s/train/dog: %s", kind, got)
		}
		if _, err := Open(name+"/val", Options{}); err == nil || !strings.Contains(err.Error(), "no folder val") {
			t.Errorf("%s/val: error %v", kind, err)
		}
	}
}

func TestOptionsChoose(t *testing.T) {
	root := writeTree(t, tree(t)) + "/train"
	s := mustOpen(t, root, Options{Classes: []string{"dog", "cat"}, PerClass: 2, Seed: 5})
	if len(s.Items) != 3 || strings.Join(s.Classes, " ") != "cat dog" {
		t.Errorf("items %s, classes %v", paths(s), s.Classes)
	}
	if again := mustOpen(t, root, Options{Classes: []string{"cat", "dog"}, PerClass: 2, Seed: 5}); again.Manifest() != s.Manifest() {
		t.Errorf("same seed: %s and %s", paths(s), paths(again))
	}
	seen := map[string]bool{}
	for seed := range uint64(20) {
		seen[paths(mustOpen(t, root, Options{Classes: []string{"cat"}, PerClass: 1, Seed: seed}))] = true
	}
	if len(seen) != 3 {
		t.Errorf("20 seeds chose %d of 3 pictures", len(seen))
	}
	if w := s.Warnings(); len(w) != 1 || !strings.Contains(w[0], "class dog: has 1 pictures, 2 were asked for") {
		t.Errorf("warnings %q", w)
	}
}

func TestOpenRefuses(t *testing.T) {
	files := tree(t)
	files["train/cat/broken.jpg"] = []byte("this is no picture")
	files["train/empty/e.png"] = nil
	root := writeTree(t, files)
	cut := writeTar(t, "cut.tar.gz", tree(t), "")
	b, err := os.ReadFile(cut)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cut, b[:len(b)*2/3], 0o644); err != nil {
		t.Fatal(err)
	}
	short := writeTar(t, "short.tar", map[string][]byte{"a.png": encoded(t, 0, 0)}, "")
	if err := os.Truncate(short, 1024); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		o    Options
		want []string
	}{
		{short, Options{}, []string{"short.tar", "truncated or damaged at a.png"}},
		{root, Options{}, []string{"train/cat/broken.jpg", "neither a JPEG nor a PNG", "--skip-bad"}},
		{root + "/train/empty", Options{}, []string{"e.png", "empty file"}},
		{root + "/train/empty", Options{SkipBad: true}, []string{"none of its 1 files is a readable"}},
		{t.TempDir(), Options{}, []string{"no JPEG or PNG file in it (0 other files)"}},
		{root + "/nowhere", Options{}, []string{"nowhere", "no such file"}},
		{root + "/labels.tsv", Options{}, []string{"labels.tsv", "want a JPEG or PNG file"}},
		{cut, Options{}, []string{"cut.tar.gz", "truncated"}},
		{root, Options{Classes: []string{"bird"}}, []string{`no class "bird"`, "cat, dog, empty, fish"}},
		{root + "/train/dog", Options{Classes: []string{"bird"}}, []string{`no class "bird"`, "no class folders"}},
		{root, Options{PerClass: -1}, []string{"-1"}},
		{"world:val", Options{}, []string{"train and test", `"val"`}},
		{"world:train?sed=1", Options{}, []string{"sed=1", "seed, per-class and classes"}},
		{"world:train?seed=x", Options{}, []string{"seed=x"}},
		{"world:train?per-class=0", Options{}, []string{"per-class=0"}},
		{"world:train?classes=unicorn", Options{}, []string{"unicorn", "sunset"}},
		{"world:train?classes=fish", Options{Classes: []string{"car"}}, []string{"twice"}},
	} {
		_, err := Open(c.name, c.o)
		if err == nil {
			t.Errorf("%s %+v: no error", c.name, c.o)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: error %q, want %q in it", c.name, err, w)
			}
		}
	}
}

func TestSkipBadWarns(t *testing.T) {
	files := tree(t)
	files["train/cat/a.jpg"] = []byte("this is no picture")
	files["train/cat/b.jpg"] = golden(t, "jpeg_420.jpg")[:300]
	files["train/cat/grey1.jpg"] = golden(t, "jpeg_grey.jpg")
	files["train/cat/grey2.png"] = golden(t, "png_grey.png")
	root := writeTree(t, files)
	s := mustOpen(t, root, Options{SkipBad: true})
	n := len(s.Items)
	if err := s.Load(32, LoadOptions{}); err != nil {
		t.Fatal(err)
	}
	if n != 9 || len(s.Items) != 8 {
		t.Errorf("%d items opened, %d loaded, want 9 and 8", n, len(s.Items))
	}
	all := strings.Join(s.Warnings(), "\n")
	for _, w := range []string{"train/cat/a.jpg: skipped: neither", "train/cat/b.jpg: skipped: truncated", "train/cat/grey1.jpg and 1 more: greyscale"} {
		if !strings.Contains(all, w) {
			t.Errorf("warnings %q, want %q in them", all, w)
		}
	}
	delete(files, "train/cat/a.jpg")
	s = mustOpen(t, writeTree(t, files), Options{})
	if err := s.Load(32, LoadOptions{}); err == nil || !strings.Contains(err.Error(), "train/cat/b.jpg: truncated") || !strings.Contains(err.Error(), "--skip-bad") {
		t.Errorf("error %v", err)
	}
}

func TestLinks(t *testing.T) {
	files := tree(t)
	root, other := writeTree(t, files), t.TempDir()
	if err := os.Symlink(filepath.Join(root, "train", "dog"), filepath.Join(other, "hound")); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	if got := paths(mustOpen(t, other, Options{})); got != "hound/9.png" {
		t.Errorf("items %s", got)
	}
	if err := os.Symlink(root, filepath.Join(root, "train", "again")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(root, Options{}); err == nil || !strings.Contains(err.Error(), "contains it") {
		t.Errorf("a link in a circle: error %v", err)
	}
}

func TestWorldSets(t *testing.T) {
	train := mustOpen(t, "world:train?classes=fish,car&per-class=3", Options{})
	if got := paths(train); got != "car/0000000 car/0000001 car/0000002 fish/0000000 fish/0000001 fish/0000002" {
		t.Errorf("items %s", got)
	}
	fish, _ := WorldClass("fish")
	im, err := train.Image(4)
	if err != nil || !bytes.Equal(im.Pix, World(1, fish, 1).Pix) {
		t.Errorf("picture 4 is not fish 1 (error %v)", err)
	}
	test := mustOpen(t, "world:test", Options{PerClass: 3})
	if len(test.Items) != 30 {
		t.Errorf("%d test items, want 30", len(test.Items))
	}
	if o := Overlap(train, test); len(o) != 0 {
		t.Errorf("train and test share %v", o)
	}
	other := mustOpen(t, "world:train?seed=2", Options{Classes: []string{"fish"}})
	if o := Overlap(train, other); len(other.Items) != 1000 || len(o) != 0 {
		t.Errorf("seed 2: %d items, shares %d with seed 1", len(other.Items), len(o))
	}
}

// TestOpenTakesOneFile opens a picture by its own name.
func TestOpenTakesOneFile(t *testing.T) {
	name, want := filepath.Join(t.TempDir(), "one.png"), World(1, 3, 5)
	if err := os.WriteFile(name, encoded(t, 3, 5), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := Open(name, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Load(want.W, LoadOptions{}); err != nil {
		t.Fatal(err)
	}
	if len(s.Items) != 1 || s.Items[0].Path != "one.png" || s.Items[0].Class != "" || !bytes.Equal(s.Pixels(0), want.Pix) {
		t.Errorf("%d items, the first %+v", len(s.Items), s.Items[0])
	}
}
