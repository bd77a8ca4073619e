package data

import (
	"fmt"
	"slices"
	"testing"
)

// plane is one channel of a golden grey picture.
func plane(t *testing.T, name string) (pix []uint8, w, h int) {
	t.Helper()
	im, _ := decoded(t, name)
	for i := 0; i < len(im.Pix); i += 3 {
		pix = append(pix, im.Pix[i])
	}
	return pix, im.W, im.H
}

func TestGaussianBlurMatchesPillow(t *testing.T) {
	for _, c := range []struct {
		name   string
		radius float64
	}{{"blur", 0}, {"blur", 0.4}, {"blur", 1}, {"blur", 1.75}, {"blur", 3.5}, {"blur", 7}, {"blur", 40}, {"blur_hole", 7}} {
		src, w, h := plane(t, c.name+".png")
		want, _, _ := plane(t, fmt.Sprintf("%s_%v.png", c.name, c.radius))
		got := make([]uint8, len(src))
		GaussianBlur(got, src, w, h, c.radius)
		if !slices.Equal(got, want) {
			t.Errorf("%s, radius %v: differs from Pillow's", c.name, c.radius)
		}
		if GaussianBlur(src, src, w, h, c.radius); !slices.Equal(src, want) {
			t.Errorf("%s, radius %v: in place is another result", c.name, c.radius)
		}
	}
}

func TestDilate(t *testing.T) {
	plane := []float32{
		0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0,
		0, 0, 1, 0, 0, 0,
		0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 1,
	}
	want := []float32{
		0, 0, 0, 0, 0, 0,
		0, 1, 1, 1, 0, 0,
		0, 1, 1, 1, 0, 0,
		0, 1, 1, 1, 1, 1,
		0, 0, 0, 0, 1, 1,
	}
	if got := Dilate(plane, 6, 5, 1); !slices.Equal(got, want) {
		t.Errorf("dilated by 1: %v, want %v", got, want)
	}
	if got := Dilate(plane, 6, 5, 0); !slices.Equal(got, plane) {
		t.Errorf("dilated by 0: %v", got)
	}
	for _, v := range Dilate(plane, 6, 5, 9) {
		if v != 1 {
			t.Fatal("dilated by more than the plane: a pixel is 0")
		}
	}
}
