package mage

import (
	"strings"
	"testing"
)

func TestCounts256(t *testing.T) {
	for _, row := range []struct {
		ratio           float64
		dropped, masked int
	}{{0.5, 128, 128}, {0.694, 128, 178}, {1, 128, 256}, {0.2, 128, 128}} {
		if d, m := Counts(256, row.ratio); d != row.dropped || m != row.masked {
			t.Errorf("ratio %v: %d dropped and %d masked, want %d and %d", row.ratio, d, m, row.dropped, row.masked)
		}
	}
	if d, m := Counts(25, 0.5); d != 13 || m != 13 {
		t.Errorf("25 tokens: %d dropped and %d masked, want 13", d, m)
	}
}

func TestMaskFromNoise(t *testing.T) {
	m := MaskFromNoise([]float32{.5, .1, .9, .1, .3, .2, .4, .8}, 2, 4, 1, 3)
	wantDropped := []float32{0, 1, 0, 0, 0, 1, 0, 0} // of equal noise the first
	wantMasked := []float32{1, 1, 0, 1, 1, 1, 1, 0}
	for i := range wantMasked {
		if m.Dropped[i] != wantDropped[i] || m.Masked[i] != wantMasked[i] {
			t.Fatalf("dropped %v masked %v, want %v and %v", m.Dropped, m.Masked, wantDropped, wantMasked)
		}
	}
	if again, err := NewMasking(m.Dropped, m.Masked, 2, 4); err != nil || again.Kept != 3 || m.Kept != 3 {
		t.Errorf("read again: %+v, %v", again, err)
	}
}

func TestNewMaskingRefuses(t *testing.T) {
	for _, row := range []struct {
		dropped, masked []float32
		want            string
	}{
		{[]float32{1, 0, 0}, []float32{1, 0, 0, 0}, "3 and 4 values, want 4"},
		{[]float32{1, 0, .5, 0}, []float32{1, 0, 1, 0}, "token 0 of image 1 are 0.5 and 1, want 0 or 1"},
		{[]float32{1, 0, 1, 0}, []float32{1, 0, 0, 0}, "token 0 of image 1 is dropped but not masked"},
		{[]float32{1, 0, 1, 1}, []float32{1, 0, 1, 1}, "image 1 keeps 0 tokens, image 0 keeps 1"},
	} {
		if _, err := NewMasking(row.dropped, row.masked, 2, 2); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%v %v: error is %v, want %q in it", row.dropped, row.masked, err, row.want)
		}
	}
}
