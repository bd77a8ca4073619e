package data

import (
	"fmt"
	"math"

	"lethe/kernels"
)

// LoadOptions say how a picture becomes size x size pixels. A picture of that
// size already is taken as it is.
type LoadOptions struct {
	Filter Filter // empty: Bicubic
	// Squash scales both sides to size, whatever the aspect. Otherwise the
	// short side is scaled to size and the middle of the long side kept.
	Squash bool
	// Progress is called now and then, on the calling goroutine, with the
	// number of pictures done so far; nil for none.
	Progress func(done, total int)
}

// loadChunk is how many pictures are loaded between two calls of Progress.
const loadChunk = 256

// Load decodes every picture once and keeps it as size x size 8-bit RGB, for
// Pixels. It works in parallel; the bytes do not depend on the workers.
//
// Errors: size is below 1, or a picture is damaged: the first one by order, by
// name. With Options.SkipBad damaged pictures leave Items, with a warning each;
// then the error is that none is left.
func (s *Set) Load(size int, o LoadOptions) error {
	if size < 1 {
		return fmt.Errorf("load %s at %d pixels: want at least 1", s.Name, size)
	}
	if o.Filter == "" {
		o.Filter = Bicubic
	}
	n := len(s.Items)
	slab := make([]uint8, n*size*size*3)
	notes, errs := make([]string, n), make([]error, n)
	for done := 0; done < n; done += loadChunk {
		kernels.For(min(loadChunk, n-done), func(i int) {
			i += done
			notes[i], errs[i] = s.Items[i].load(slab[i*size*size*3:][:size*size*3], size, o)
		})
		if o.Progress != nil {
			o.Progress(min(done+loadChunk, n), n)
		}
	}
	kept := make([]Item, 0, n)
	for i, it := range s.Items {
		switch {
		case errs[i] == nil:
			it.pixels = slab[i*size*size*3:][: size*size*3 : size*size*3]
			kept = append(kept, it)
			if notes[i] != "" {
				s.warn(it.Path, notes[i])
			}
		case s.skipBad:
			s.warn(it.Path, "skipped: "+errs[i].Error())
		default:
			return fmt.Errorf("load %s: %s: %w; replace or remove the file, or skip such files with --skip-bad", s.Name, it.Path, errs[i])
		}
	}
	if len(kept) == 0 {
		return fmt.Errorf("load %s: none of its %d pictures can be read, the first: %w", s.Name, n, errs[0])
	}
	s.Items, s.size = kept, size
	s.listClasses()
	return nil
}

// load writes the picture at size x size to dst.
func (it Item) load(dst []uint8, size int, o LoadOptions) (note string, err error) {
	im, note, err := it.source.picture()
	if err != nil {
		return "", err
	}
	fit(dst, im, size, o)
	return note, nil
}

// fit scales and crops one picture to dst [size,size,3].
func fit(dst []uint8, im Image, size int, o LoadOptions) {
	if im.W == size && im.H == size {
		copy(dst, im.Pix)
		return
	}
	p := plan{outW: size, outH: size, w: size, h: size, filter: o.Filter}
	if !o.Squash {
		p.outW, p.outH = shortSide(im.W, im.H, size)
		p.x0, p.y0 = centreOffset(p.outW, size), centreOffset(p.outH, size)
	}
	resample(dst, im.view(), p, &Scratch{})
}

// shortSide scales w x h so that the shorter side becomes size; the longer one
// is rounded down, as torchvision's Resize does.
func shortSide(w, h, size int) (outW, outH int) {
	if w <= h {
		return size, int(int64(size) * int64(h) / int64(w))
	}
	return int(int64(size) * int64(w) / int64(h)), size
}

// centreOffset is where the middle size of length pixels begins, halves
// rounded to even, as torchvision's CenterCrop does.
func centreOffset(length, size int) int {
	return int(math.RoundToEven(float64(length-size) / 2))
}

// Size is the side of the loaded pictures in pixels, 0 before Load.
func (s *Set) Size() int { return s.size }

// Pixels returns the loaded picture i, [size,size,3]. The caller must not
// change it.
//
// Panics: Load has not succeeded, or i is outside Items.
func (s *Set) Pixels(i int) []uint8 {
	if s.size == 0 {
		panic(fmt.Sprintf("data: Pixels: %s is not loaded", s.Name))
	}
	return s.Items[i].pixels
}
