package data

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sharedData is the folder of real images, which is not part of the project.
func sharedData(t testing.TB, name string) string {
	t.Helper()
	root := os.Getenv("LETHE_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	p := filepath.Join(root, "data", name)
	if _, err := os.Stat(p); err != nil {
		t.Skipf("no real images: %v (LETHE_SHARED names their folder)", err)
	}
	return p
}

func TestCIFAR10(t *testing.T) {
	for _, c := range []struct {
		file            string
		total, perClass int
	}{{"cifar10_train.tar.gz", 50000, 5000}, {"cifar10_test.tar.gz", 10000, 1000}} {
		s := mustOpen(t, sharedData(t, "cifar10/"+c.file), Options{})
		if len(s.Items) != c.total || len(s.Classes) != 10 || s.Classes[0] != "airplane" {
			t.Errorf("%s: %d pictures, classes %v", c.file, len(s.Items), s.Classes)
		}
		count := map[string]int{}
		for _, it := range s.Items {
			count[it.Class]++
		}
		for class, n := range count {
			if n != c.perClass {
				t.Errorf("%s: %d of %s", c.file, n, class)
			}
		}
		few := mustOpen(t, sharedData(t, "cifar10/"+c.file), Options{PerClass: 20})
		for i := range 5 {
			if im, err := few.Image(i); err != nil || im.W != 32 || im.H != 32 {
				t.Errorf("%s: picture %d is %dx%d, error %v", c.file, i, im.W, im.H, err)
			}
		}
		if err := few.Load(32, LoadOptions{}); err != nil || len(few.Warnings()) != 0 {
			t.Errorf("%s: %v, warnings %v", c.file, err, few.Warnings())
		}
	}
}

func TestTinyImageNet(t *testing.T) {
	tar := sharedData(t, "tinyimagenet64/tinyimagenet64.tar")
	train, val := mustOpen(t, tar+"/train", Options{}), mustOpen(t, tar+"/val", Options{})
	if len(train.Items) != 1600 || len(val.Items) != 400 || len(train.Classes) != 20 {
		t.Errorf("%d and %d pictures in %d classes", len(train.Items), len(val.Items), len(train.Classes))
	}
	if err := NeedDisjoint(train, val); err != nil {
		t.Error(err)
	}
	if err := train.Load(64, LoadOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := val.Load(64, LoadOptions{}); err != nil {
		t.Fatal(err)
	}
	// 30 files are grey
	grey := 0
	for _, w := range append(train.warnings, val.warnings...) {
		if w.what == noteGrey {
			grey++
		}
	}
	if grey != 30 {
		t.Errorf("%d greyscale pictures, want 30", grey)
	}
}

func TestImageNetSample(t *testing.T) {
	root := sharedData(t, "imagenet_sample")
	s := mustOpen(t, root, Options{PerClass: 6})
	if len(s.Items) != 12 || strings.Join(s.Classes, " ") != "forget retain" || s.SideFiles != 1 {
		t.Errorf("%d pictures, classes %v, %d side files", len(s.Items), s.Classes, s.SideFiles)
	}
	if err := s.Load(224, LoadOptions{}); err != nil {
		t.Fatal(err)
	}
	all := mustOpen(t, root, Options{})
	retain, _ := all.Subset([]string{"retain"})
	forget, _ := all.Subset([]string{"forget"})
	if err := NeedDisjoint(retain, forget); err != nil || len(retain.Items) != 100 || len(forget.Items) != 100 {
		t.Errorf("%d and %d pictures: %v", len(retain.Items), len(forget.Items), err)
	}
}

func BenchmarkLoadCIFAR10(b *testing.B) {
	file := sharedData(b, "cifar10/cifar10_test.tar.gz")
	for b.Loop() {
		s, err := Open(file, Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Load(32, LoadOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*10000/b.Elapsed().Seconds(), "img/s")
}

func BenchmarkLoadImageNet(b *testing.B) {
	file := sharedData(b, "imagenet_sample/retain")
	for b.Loop() {
		s, err := Open(file, Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Load(224, LoadOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*100/b.Elapsed().Seconds(), "img/s")
}
