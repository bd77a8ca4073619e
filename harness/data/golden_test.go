package data

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The files of testdata were made by testdata/make.py with Pillow 11.1.0 and
// libjpeg-turbo 2.1.5.

func golden(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func decoded(t *testing.T, name string) (Image, string) {
	t.Helper()
	im, note, err := Decode(golden(t, name))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return im, note
}

// distance returns the largest difference of two pictures and how many of
// their bytes differ.
func distance(t *testing.T, got, want Image) (most, differ int) {
	t.Helper()
	if got.W != want.W || got.H != want.H || len(got.Pix) != len(want.Pix) {
		t.Fatalf("size %dx%d (%d bytes), want %dx%d (%d)", got.W, got.H, len(got.Pix), want.W, want.H, len(want.Pix))
	}
	for i, v := range got.Pix {
		if d := max(int(v), int(want.Pix[i])) - min(int(v), int(want.Pix[i])); d > 0 {
			most, differ = max(most, d), differ+1
		}
	}
	return most, differ
}

func TestDecodeMatchesPillow(t *testing.T) {
	for _, c := range []struct {
		name string
		note string // part of the note; empty: no note
		most int    // largest difference; 3 is the IDCT's +-1 through the colour matrix
	}{
		{"jpeg_444_dc.jpg", "", 0}, // constant blocks: what follows the IDCT is exact
		{"jpeg_422_dc.jpg", "", 0},
		{"jpeg_420_dc.jpg", "", 0},
		{"jpeg_440_dc.jpg", "", 0},
		{"jpeg_411_dc.jpg", "", 0}, // chroma repeated by libjpeg too
		{"jpeg_444.jpg", "", 3},
		{"jpeg_422.jpg", "", 3},
		{"jpeg_420.jpg", "", 3},
		{"jpeg_440.jpg", "", 3},
		{"jpeg_411.jpg", "", 3},
		{"jpeg_420_progressive.jpg", "", 3},
		{"jpeg_420_1x1.jpg", "", 3}, // up to 4 wide: too narrow for the triangle filter
		{"jpeg_420_2x2.jpg", "", 3},
		{"jpeg_420_3x3.jpg", "", 3},
		{"jpeg_420_4x5.jpg", "", 3},
		{"jpeg_420_5x4.jpg", "", 3}, // the narrowest that is interpolated
		{"jpeg_420_1x9.jpg", "", 3},
		{"jpeg_420_9x1.jpg", "", 3}, // one row: its own neighbour
		{"jpeg_rgb.jpg", "", 1},
		{"jpeg_grey.jpg", "greyscale", 1},
		{"jpeg_cmyk.jpg", "CMYK", 2}, // ink and black each off by one
		{"jpeg_ycck.jpg", "CMYK", 4},
		{"png_rgb.png", "", 0},
		{"png_rgba.png", "alpha", 0},
		{"png_la.png", "alpha", 0},
		{"png_grey.png", "greyscale", 0},
		{"png_grey16.png", "16 bits", 0},
		{"png_bit.png", "greyscale", 0},
		{"png_palette.png", "", 0},
		{"png_palette_clear.png", "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, note := decoded(t, c.name)
			want, _ := decoded(t, strings.TrimSuffix(c.name, filepath.Ext(c.name))+".rgb.png")
			most, differ := distance(t, got, want)
			if !(most <= c.most) {
				t.Errorf("largest difference %d in %d of %d bytes, want at most %d", most, differ, len(got.Pix), c.most)
			}
			if !strings.Contains(note, c.note) || (c.note == "") != (note == "") {
				t.Errorf("note is %q, want %q in it", note, c.note)
			}
		})
	}
}

// TestRepeatedChromaIsFarOff shows that the tolerance above would catch the
// standard library's own conversion.
func TestRepeatedChromaIsFarOff(t *testing.T) {
	src, _, err := image.Decode(bytes.NewReader(golden(t, "jpeg_420_dc.jpg")))
	if err != nil {
		t.Fatal(err)
	}
	b := src.Bounds()
	plain := Image{W: b.Dx(), H: b.Dy()}
	for y := range plain.H {
		for x := range plain.W {
			c := color.NRGBAModel.Convert(src.At(x, y)).(color.NRGBA)
			plain.Pix = append(plain.Pix, c.R, c.G, c.B)
		}
	}
	want, _ := decoded(t, "jpeg_420_dc.rgb.png")
	if most, _ := distance(t, plain, want); most < 10 {
		t.Errorf("largest difference is %d: the fixture does not need interpolation", most)
	}
}

func TestDecodeKeepsHighByteOf16Bits(t *testing.T) {
	deep := image.NewNRGBA64(image.Rect(0, 0, 3, 2))
	for i := range deep.Pix {
		deep.Pix[i] = uint8(37*i + 11)
	}
	for _, opaque := range []bool{false, true} {
		want := noteDeep + "; " + noteAlpha
		if opaque { // the encoder then writes no alpha channel
			want = noteDeep
			for i := 6; i < len(deep.Pix); i += 8 {
				deep.Pix[i], deep.Pix[i+1] = 255, 255
			}
		}
		var buf bytes.Buffer
		if err := png.Encode(&buf, deep); err != nil {
			t.Fatal(err)
		}
		im, note, err := Decode(buf.Bytes())
		if err != nil || note != want {
			t.Fatalf("error %v, note %q, want %q", err, note, want)
		}
		for i := range 6 {
			for c := range 3 {
				if im.Pix[i*3+c] != deep.Pix[i*8+c*2] {
					t.Errorf("pixel %d channel %d is %d, want the high byte %d", i, c, im.Pix[i*3+c], deep.Pix[i*8+c*2])
				}
			}
		}
	}
}

func TestResizeMatchesPillow(t *testing.T) {
	src, _ := decoded(t, "resize.png")
	for _, f := range []Filter{Bicubic, Bilinear} {
		// down, far down, up, one axis only (both ways), to a point, no change, up and far down
		for _, s := range [][2]int{{32, 32}, {7, 5}, {90, 64}, {61, 20}, {24, 43}, {1, 1}, {61, 43}, {123, 2}} {
			name := fmt.Sprintf("resize_%s_%dx%d.png", strings.TrimPrefix(string(f), "pil-u8-"), s[0], s[1])
			want, _ := decoded(t, name)
			if most, differ := distance(t, Resize(src, s[0], s[1], f), want); most != 0 {
				t.Errorf("%s: %d bytes differ, by up to %d", name, differ, most)
			}
		}
	}
}

func TestResampleOfCropMatchesPillow(t *testing.T) {
	src, _ := decoded(t, "resize.png")
	want, _ := decoded(t, "resize_crop.png")
	got := Image{W: 32, H: 32, Pix: make([]uint8, 32*32*3)}
	resample(got.Pix, src.view().sub(11, 3, 29, 23), plan{outW: 32, outH: 32, w: 32, h: 32, filter: Bicubic}, &Scratch{})
	if most, differ := distance(t, got, want); most != 0 {
		t.Errorf("%d bytes differ, by up to %d", differ, most)
	}
}

// TestWindowIsPartOfWhole: computing only a window gives the bytes of the whole.
func TestWindowIsPartOfWhole(t *testing.T) {
	src, _ := decoded(t, "resize.png")
	for _, s := range [][2]int{{40, 30}, {61, 30}, {90, 43}} {
		whole := Resize(src, s[0], s[1], Bicubic)
		part := make([]uint8, 20*11*3)
		resample(part, src.view(), plan{s[0], s[1], 7, 9, 20, 11, Bicubic}, &Scratch{})
		for y := range 11 {
			if !bytes.Equal(part[y*60:][:60], whole.Pix[((y+9)*s[0]+7)*3:][:60]) {
				t.Errorf("%v: row %d of the window differs", s, y)
			}
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	jpg, pngFile := golden(t, "jpeg_420.jpg"), golden(t, "png_rgb.png")
	huge := bytes.Clone(pngFile)
	copy(huge[16:24], []byte{0, 0, 0x40, 0, 0, 0, 0x0f, 0}) // 16384 x 3840: 62 M pixels, within maxPixels
	crc := pngCRC(huge[12:29])
	copy(huge[29:33], crc)
	for _, c := range []struct {
		name, want string
		file       []byte
	}{
		{"text", "neither a JPEG nor a PNG", []byte("hello")},
		{"nothing", "neither a JPEG nor a PNG", nil},
		{"gif", "neither a JPEG nor a PNG", []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00;")},
		{"cut JPEG", "truncated", jpg[:len(jpg)/2]},
		{"cut PNG", "truncated", pngFile[:len(pngFile)-20]},
		{"JPEG header only", "truncated", jpg[:20]},
		{"flipped PNG bit", "damaged", flipBit(pngFile, len(pngFile)/2)},
		{"too large for its length", "promises 16384x3840 pixels", huge},
		{"twelve bits", "unsupported", bytes.Replace(jpg, []byte{0xff, 0xc0, 0, 17, 8}, []byte{0xff, 0xc0, 0, 17, 12}, 1)},
	} {
		if _, _, err := Decode(c.file); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q in it", c.name, err, c.want)
		}
	}
}

func flipBit(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// FuzzDecode: no input panics, and what decodes has the size it says.
func FuzzDecode(f *testing.F) {
	names, err := filepath.Glob("testdata/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, n := range names {
		if b, err := os.ReadFile(n); err == nil && len(b) < 4000 && isImage(b) {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		im, _, err := Decode(file)
		if err == nil && (im.W < 1 || im.H < 1 || len(im.Pix) != im.W*im.H*3) {
			t.Fatalf("%dx%d with %d bytes", im.W, im.H, len(im.Pix))
		}
	})
}

// pngCRC is the checksum of a chunk's type and data.
func pngCRC(chunk []byte) []byte {
	return binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(chunk))
}
