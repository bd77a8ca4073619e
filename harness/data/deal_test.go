package data

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestSamplerDealsEpochs(t *testing.T) {
	for _, c := range [][2]int{{10, 3}, {4, 4}, {3, 7}, {1, 2}} { // across epochs, exact, batch above n, one picture
		n, batch := c[0], c[1]
		p := NewSampler(n, batch, 9, 0)
		var stream, buf []int
		for step := range 4 * n {
			buf = p.Step(buf, step)
			if len(buf) != batch {
				t.Fatalf("n %d: step %d has %d members, want %d", n, step, len(buf), batch)
			}
			stream = append(stream, buf...)
		}
		orders := map[string]bool{}
		for e := 0; (e+1)*n <= len(stream); e++ {
			epoch := slices.Clone(stream[e*n : (e+1)*n])
			orders[fmt.Sprint(epoch)] = true
			slices.Sort(epoch)
			for i, v := range epoch {
				if v != i {
					t.Fatalf("n %d batch %d: epoch %d holds %v", n, batch, e, epoch)
				}
			}
		}
		if n == 10 && len(orders) < 10 {
			t.Errorf("epochs repeat: %d orders", len(orders))
		}
	}
}

func TestSamplerHasNoState(t *testing.T) {
	a := NewSampler(37, 5, 1, 1)
	want := map[int][]int{}
	for step := range 40 {
		want[step] = slices.Clone(a.Step(nil, step))
	}
	b := NewSampler(37, 5, 1, 1)
	for _, step := range []int{39, 0, 17, 16, 38, 7} { // backwards and across epochs
		if got := b.Step(nil, step); !slices.Equal(got, want[step]) {
			t.Errorf("step %d is %v after others, %v in order", step, got, want[step])
		}
	}
	if slices.Equal(NewSampler(37, 5, 1, 0).Step(nil, 0), want[0]) || slices.Equal(NewSampler(37, 5, 2, 1).Step(nil, 0), want[0]) {
		t.Error("stream or seed does not matter")
	}
	if a.StepsPerEpoch() != 8 {
		t.Errorf("37 pictures in batches of 5 are %d steps", a.StepsPerEpoch())
	}
	mustPanic(t, func() { a.Step(nil, -1) })
	mustPanic(t, func() { NewSampler(0, 1, 1, 1) })
}

func TestSplitClasses(t *testing.T) {
	names := WorldClasses[:]
	keep, drop, err := SplitClasses(names, 5, 1)
	if err != nil || len(keep) != 5 || len(drop) != 5 {
		t.Fatalf("%v %v %v", keep, drop, err)
	}
	all := slices.Concat(keep, drop)
	slices.Sort(all)
	if !slices.Equal(all, names) || !slices.IsSorted(keep) || !slices.IsSorted(drop) {
		t.Errorf("halves %v and %v", keep, drop)
	}
	mixed := slices.Clone(names)
	slices.Reverse(mixed)
	if k2, _, _ := SplitClasses(mixed, 5, 1); !slices.Equal(k2, keep) {
		t.Error("the order of the input matters")
	}
	if k2, _, _ := SplitClasses(names, 5, 2); slices.Equal(k2, keep) {
		t.Error("the seed does not matter")
	}
	for _, bad := range []int{0, 10, -1, 11} {
		if _, _, err := SplitClasses(names, bad, 1); err == nil {
			t.Errorf("forget %d of 10: no error", bad)
		}
	}
}

func TestSubsetJoin(t *testing.T) {
	s := mustOpen(t, "world:train?per-class=3", Options{})
	if err := s.Load(32, LoadOptions{}); err != nil {
		t.Fatal(err)
	}
	part, err := s.Subset([]string{"fish", "brick"})
	if err != nil || len(part.Items) != 6 || strings.Join(part.Classes, " ") != "brick fish" {
		t.Fatalf("%v, %v", part, err)
	}
	if !bytes.Equal(part.Pixels(0), s.Pixels(0)) {
		t.Error("the subset lost its pixels")
	}
	if _, err := s.Subset([]string{"cow"}); err == nil || !strings.Contains(err.Error(), `"cow"`) {
		t.Errorf("error %v", err)
	}
	car, _ := s.Subset([]string{"car"})
	both, err := Join(part, car)
	if err != nil || len(both.Items) != 9 || len(both.Classes) != 3 || !bytes.Equal(both.Pixels(6), car.Pixels(0)) {
		t.Errorf("join: %v, %v", both, err)
	}
	if _, err := Join(part, mustOpen(t, "world:test", Options{PerClass: 1})); err == nil {
		t.Error("joined a loaded and an unloaded set")
	}
	if _, err := Join(); err == nil {
		t.Error("joined nothing")
	}
}

func TestSquareMasks(t *testing.T) {
	order, keep, err := CentreOrder(4, 2)
	if err != nil || keep != 12 || fmt.Sprint(order) != "[0 1 2 3 4 7 8 11 12 13 14 15 5 6 9 10]" {
		t.Errorf("centre: %v keep %d error %v", order, keep, err)
	}
	order, keep, err = OutpaintOrder(4, 2)
	if err != nil || keep != 4 || fmt.Sprint(order) != "[5 6 9 10 0 1 2 3 4 7 8 11 12 13 14 15]" {
		t.Errorf("outpainting: %v keep %d error %v", order, keep, err)
	}
	// the paper's central 8x8 of a 14x14 grid: rows and columns 3..10 removed, 132 visible
	order, keep, _ = CentreOrder(14, 8)
	if keep != 132 || order[132] != 3*14+3 || order[195] != 10*14+10 {
		t.Errorf("14x14: keep %d, hole from %d to %d", keep, order[132], order[195])
	}
	for _, k := range []int{0, -1, 14, 15} {
		if _, _, err := CentreOrder(14, k); err == nil {
			t.Errorf("centre %d of 14: no error", k)
		}
		if _, _, err := OutpaintOrder(14, k); err == nil {
			t.Errorf("outpaint %d of 14: no error", k)
		}
	}
}

func TestRandomOrderIsUniform(t *testing.T) {
	const l, rounds = 8, 4000
	r := rand.New(rand.NewPCG(1, 2))
	var first [l]int
	for range rounds {
		order := RandomOrder(r, l)
		first[order[0]]++
		slices.Sort(order)
		for i, v := range order {
			if int(v) != i {
				t.Fatalf("not a permutation: %v", order)
			}
		}
	}
	for i, n := range first { // binomial: five deviations
		if d := math.Abs(float64(n) - rounds/l); !(d <= 5*math.Sqrt(rounds*(1.0/l)*(1-1.0/l))) {
			t.Errorf("patch %d came first %d times of %d", i, n, rounds)
		}
	}
	a, b := RandomOrder(rand.New(rand.NewPCG(3, 4)), 196), RandomOrder(rand.New(rand.NewPCG(3, 4)), 196)
	if !slices.Equal(a, b) {
		t.Error("one generator state gave two orders")
	}
}

func TestKeepCount(t *testing.T) {
	for _, c := range []struct {
		l     int
		ratio float64
		want  int // 0: an error
	}{{196, 0.75, 49}, {64, 0.75, 16}, {10, 0, 10}, {10, 1, 0}, {10, -0.1, 0}, {10, math.NaN(), 0}, {3, 0.9, 0}} {
		got, err := KeepCount(c.l, c.ratio)
		if (err == nil) != (c.want > 0) || got != c.want {
			t.Errorf("KeepCount(%d, %g) = %d, %v", c.l, c.ratio, got, err)
		}
	}
}

func TestAugment(t *testing.T) {
	im := World(1, 3, 3)
	out := make([]uint8, 32*32*3)
	var s Scratch
	Augment{}.Apply(out, im, 32, rand.New(rand.NewPCG(1, 1)), &s)
	if !bytes.Equal(out, im.Pix) {
		t.Error("the zero Augment changed the picture")
	}
	mirrored := bytes.Clone(im.Pix)
	flip(mirrored, 32)
	plain, turned := 0, 0
	for i := range uint64(200) {
		Augment{Flip: true}.Apply(out, im, 32, rand.New(rand.NewPCG(i, 0)), &s)
		switch {
		case bytes.Equal(out, im.Pix):
			plain++
		case bytes.Equal(out, mirrored):
			turned++
		}
	}
	if plain+turned != 200 || turned < 65 || turned > 135 { // five deviations of 7.1
		t.Errorf("%d plain and %d mirrored of 200", plain, turned)
	}
	mustPanic(t, func() { Augment{}.Apply(out[:9], im, 32, rand.New(rand.NewPCG(1, 1)), &s) })
}

func TestCropBounds(t *testing.T) {
	a := Augment{ScaleMin: 0.2, ScaleMax: 0.5}
	r := rand.New(rand.NewPCG(5, 6))
	for range 2000 {
		x, y, w, h := a.crop(100, 60, r)
		share, aspect := float64(w*h)/6000, float64(w)/float64(h)
		// rounding a side by half a pixel moves the share by up to 2 % here
		if x < 0 || y < 0 || x+w > 100 || y+h > 60 || !(share > 0.18 && share < 0.52) || !(aspect > 0.72 && aspect < 1.38) {
			t.Fatalf("crop %dx%d at (%d,%d): share %g, aspect %g", w, h, x, y, share, aspect)
		}
	}
	// a strip has no crop of an allowed aspect: the largest central one
	if x, y, w, h := (Augment{ScaleMin: 0.9, ScaleMax: 1}).crop(100, 10, r); w != 13 || h != 10 || x != 43 || y != 0 {
		t.Errorf("strip: %dx%d at (%d,%d)", w, h, x, y)
	}
	for _, bad := range []Augment{{ScaleMin: -1, ScaleMax: 1}, {ScaleMin: 0.5, ScaleMax: 0.2}, {ScaleMin: 0.5, ScaleMax: 2}, {ScaleMax: 1}, {ScaleMin: math.NaN(), ScaleMax: 1}} {
		if bad.Validate() == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
	if (Augment{}).Validate() != nil || a.Validate() != nil {
		t.Error("a good Augment is refused")
	}
}

func TestHoldOut(t *testing.T) {
	s := mustOpen(t, "world:train?per-class=2", Options{})
	rest, aside := s.HoldOut(0.25, 1, 0)
	if len(aside.Items) != 5 || len(rest.Items) != 15 || len(Overlap(rest, aside)) != 0 {
		t.Errorf("%d and %d of 20 pictures, shared %v", len(rest.Items), len(aside.Items), Overlap(rest, aside))
	}
	if _, other := s.HoldOut(0.25, 1, 1); paths(other) == paths(aside) {
		t.Error("the stream does not matter")
	}
	for _, share := range []float64{0, 0.01, 1} {
		if rest, aside := s.HoldOut(share, 1, 0); aside != nil || rest != s {
			t.Errorf("share %g leaves one side empty, yet something was set aside", share)
		}
	}
}
