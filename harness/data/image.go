package data

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"strings"
)

// Image is an 8-bit RGB picture. Pix [H,W,3] is row-major, channels interleaved.
type Image struct {
	W, H int
	Pix  []uint8
}

// maxPixels bounds a picture, and pixelsPerByte what a file of a given length
// can hold: deflate shrinks to 1/1032, and PNG packs at most 8 pixels a byte;
// JPEG needs at least a bit for 64 pixels. A header that promises more is
// corrupt, and is refused before anything is allocated for it.
const (
	maxPixels     = 1 << 26
	pixelsPerByte = 8 * 1032
)

// errNotImage marks content that is neither JPEG nor PNG.
var errNotImage = errors.New("neither a JPEG nor a PNG file")

// isImage looks at the first bytes of a file.
func isImage(head []byte) bool {
	return bytes.HasPrefix(head, []byte("\xff\xd8\xff")) || bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n"))
}

// Decode reads a JPEG or PNG file as RGB, as Pillow's convert("RGB") does:
// grey is repeated, a palette looked up, alpha dropped (not blended). EXIF
// orientation is ignored. Two choices differ from Pillow: 16-bit samples keep
// their high byte in every mode (Pillow clips 16-bit grey at 255), and
// interpolated chroma can differ by the inverse DCT's rounding.
//
// note says what was converted when the file was not plain 8-bit RGB, else "".
//
// Errors: not JPEG or PNG, damaged, larger than 2^26 pixels, or a size that
// the file's length cannot hold. The error does not name the file.
func Decode(file []byte) (im Image, note string, err error) {
	if !isImage(file) {
		return Image{}, "", errNotImage
	}
	decodeConfig, decode := jpeg.DecodeConfig, jpeg.Decode
	if file[0] == 0x89 {
		decodeConfig, decode = png.DecodeConfig, png.Decode
	}
	c, err := decodeConfig(bytes.NewReader(file))
	if err != nil {
		return Image{}, "", damaged(err)
	}
	if area := int64(c.Width) * int64(c.Height); c.Width < 1 || c.Height < 1 || area > maxPixels || area > int64(len(file))*pixelsPerByte {
		return Image{}, "", fmt.Errorf("a header that promises %dx%d pixels in a file of %d bytes", c.Width, c.Height, len(file))
	}
	src, err := decode(bytes.NewReader(file))
	if err != nil {
		return Image{}, "", damaged(err)
	}
	return toRGB(src)
}

// damaged words a decoder's error for the person who has the file.
func damaged(err error) error {
	if text := err.Error(); strings.Contains(text, "EOF") || strings.Contains(text, "short Huffman data") {
		return fmt.Errorf("truncated (%w)", err)
	}
	if strings.Contains(err.Error(), "unsupported") {
		return fmt.Errorf("an unsupported variant (%w)", err)
	}
	return fmt.Errorf("damaged (%w)", err)
}

// Notes of Decode.
const (
	noteGrey  = "greyscale, repeated to three channels"
	noteDeep  = "16 bits a channel, the high byte kept"
	noteAlpha = "alpha channel dropped"
	noteCMYK  = "CMYK, converted without its colour profile"
)

// toRGB converts what the decoders of the standard library return.
func toRGB(src image.Image) (Image, string, error) {
	b := src.Bounds()
	im := Image{W: b.Dx(), H: b.Dy()}
	switch s := src.(type) {
	case *image.YCbCr:
		return fromYCbCr(s), "", nil
	case *image.Gray:
		im.repack(s.Pix, s.Stride, 1, 1, 0)
		return im, noteGrey, nil
	case *image.Gray16:
		im.repack(s.Pix, s.Stride, 2, 1, 0)
		return im, noteGrey + "; " + noteDeep, nil
	case *image.RGBA: // always opaque here: RGB JPEG or 8-bit RGB PNG
		im.repack(s.Pix, s.Stride, 4, 3, 1)
		return im, "", nil
	case *image.NRGBA:
		im.repack(s.Pix, s.Stride, 4, 3, 1)
		if s.Opaque() {
			return im, "", nil
		}
		return im, noteAlpha, nil
	case *image.RGBA64:
		im.repack(s.Pix, s.Stride, 8, 3, 2)
		return im, noteDeep, nil
	case *image.NRGBA64:
		im.repack(s.Pix, s.Stride, 8, 3, 2)
		if s.Opaque() {
			return im, noteDeep, nil
		}
		return im, noteDeep + "; " + noteAlpha, nil
	case *image.Paletted:
		im.fromPalette(s)
		return im, "", nil
	case *image.CMYK:
		im.fromCMYK(s)
		return im, noteCMYK, nil
	}
	return Image{}, "", fmt.Errorf("an unsupported pixel layout %T", src)
}

// repack copies samples of a layout with step bytes a pixel; the channels, 1
// (grey) or 3, lie gap bytes apart, the significant byte first.
func (im *Image) repack(pix []uint8, stride, step, channels, gap int) {
	im.Pix = make([]uint8, im.W*im.H*3)
	if channels == 1 {
		gap = 0
	}
	for y := range im.H {
		row, out := pix[y*stride:], im.Pix[y*im.W*3:][:im.W*3]
		for x := range im.W {
			p := row[x*step:]
			out[x*3], out[x*3+1], out[x*3+2] = p[0], p[gap], p[2*gap]
		}
	}
}

func (im *Image) fromPalette(s *image.Paletted) {
	var table [256][3]uint8 // a missing entry is black
	for i, c := range s.Palette {
		flat := image.NewNRGBA(image.Rect(0, 0, 1, 1))
		flat.Set(0, 0, c)
		copy(table[i][:], flat.Pix)
	}
	im.Pix = make([]uint8, 0, im.W*im.H*3)
	for y := range im.H {
		for _, v := range s.Pix[y*s.Stride:][:im.W] {
			im.Pix = append(im.Pix, table[v][:]...)
		}
	}
}

// fromCMYK computes each channel as white - black - ink*(white-black), with
// Pillow's rounding.
func (im *Image) fromCMYK(s *image.CMYK) {
	im.Pix = make([]uint8, im.W*im.H*3)
	for y := range im.H {
		row, out := s.Pix[y*s.Stride:], im.Pix[y*im.W*3:][:im.W*3]
		for x := range im.W {
			light := 255 - int(row[x*4+3])
			for c := range 3 {
				v := int(row[x*4+c])*light + 128
				out[x*3+c] = uint8(light - (v>>8+v)>>8)
			}
		}
	}
}
