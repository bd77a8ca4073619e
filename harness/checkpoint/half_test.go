package checkpoint

import (
	"math"
	"testing"
)

// All 65536 halves against the definition in float64:
// (-1)^s * 2^(e-15) * (1 + f/1024), subnormals (-1)^s * 2^-14 * f/1024.
func TestHalfToFloat32AllValues(t *testing.T) {
	for h := range 1 << 16 {
		got := halfToFloat32(uint16(h))
		negative, e, f := h>>15 == 1, h>>10&0x1f, float64(h&0x3ff)
		var want float64
		switch {
		case e == 31 && f != 0:
			bits := math.Float32bits(got)
			if got == got || (bits>>31 == 1) != negative || bits>>13&0x3ff != uint32(f) {
				t.Fatalf("%#04x gives %#08x, want the same NaN", h, bits)
			}
			continue
		case e == 31:
			want = math.Inf(1)
		case e == 0:
			want = math.Ldexp(f/1024, -14)
		default:
			want = math.Ldexp(1+f/1024, e-15)
		}
		if negative {
			want = math.Copysign(want, -1)
		}
		if float64(got) != want || math.Signbit(float64(got)) != negative {
			t.Fatalf("%#04x gives %g, want %g", h, got, want)
		}
	}
}

// All 65536 bfloat16 against the definition: a float32 without its low 16 bits.
func TestBfloatToFloat32AllValues(t *testing.T) {
	for b := range 1 << 16 {
		got := bfloatToFloat32(uint16(b))
		negative, e, f := b>>15 == 1, b>>7&0xff, float64(b&0x7f)
		var want float64
		switch {
		case e == 255 && f != 0:
			if bits := math.Float32bits(got); got == got || bits>>16 != uint32(b) {
				t.Fatalf("%#04x gives %#08x, want the same NaN", b, bits)
			}
			continue
		case e == 255:
			want = math.Inf(1)
		case e == 0:
			want = math.Ldexp(f/128, -126)
		default:
			want = math.Ldexp(1+f/128, e-127)
		}
		if negative {
			want = math.Copysign(want, -1)
		}
		if float64(got) != want || math.Signbit(float64(got)) != negative {
			t.Fatalf("%#04x gives %g, want %g", b, got, want)
		}
	}
}
