package checkpoint

import (
	"math"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

func TestFloat32Converts(t *testing.T) {
	for _, c := range []struct {
		dtype DType
		data  []byte
		want  []float32
	}{
		{F32, []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0}, []float32{1, -2}},
		{F16, []byte{0, 0x3c, 0, 0xc0, 1, 0}, []float32{1, -2, 0x1p-24}},
		{BF16, []byte{0x80, 0x3f, 0, 0xc0}, []float32{1, -2}},
		{F64, []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f}, []float32{1}},
		{F64, []byte{0, 0, 0, 0x10, 0, 0, 0xf0, 0x3f}, []float32{1}},                                   // 1+2^-24: a tie, to even
		{F64, []byte{1, 0, 0, 0x10, 0, 0, 0xf0, 0x3f}, []float32{1 + 0x1p-23}},                         // just above the tie
		{F64, []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x7f}, []float32{float32(math.Inf(1))}},                   // infinity stays
		{F64, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xef, 0x7f}, []float32{float32(math.Inf(1))}}, // overflow
	} {
		got, err := Tensor{DType: c.dtype, Shape: []int{len(c.want)}, Data: c.data}.Float32()
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s % x gives %v, %v, want %v", c.dtype, c.data, got, err, c.want)
		}
	}
}

func TestFloat32ViewsWhenAligned(t *testing.T) {
	backing := make([]float32, 4)
	raw := unsafe.Slice((*byte)(unsafe.Pointer(&backing[0])), 16)
	aligned, err := Tensor{DType: F32, Shape: []int{2}, Data: raw[4:12]}.Float32()
	if err != nil {
		t.Fatal(err)
	}
	odd, err := Tensor{DType: F32, Shape: []int{2}, Data: raw[1:9]}.Float32()
	if err != nil {
		t.Fatal(err)
	}
	backing[1] = 5
	if hostIsLittle() && aligned[0] != 5 {
		t.Error("an aligned tensor was copied")
	}
	for i, v := range odd {
		if v != 0 {
			t.Errorf("unaligned element %d is %g: it follows later writes", i, v)
		}
	}
}

func TestInt64Converts(t *testing.T) {
	for _, c := range []struct {
		dtype DType
		data  []byte
		want  []int64
	}{
		{I64, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, []int64{math.MaxInt64}},
		{I32, []byte{0xfe, 0xff, 0xff, 0xff, 1, 0, 0, 0}, []int64{-2, 1}},
		{I16, []byte{0, 0x80, 1, 0}, []int64{-32768, 1}},
		{I8, []byte{0x80, 0x7f}, []int64{-128, 127}},
		{U8, []byte{0x80, 0xff}, []int64{128, 255}},
		{Bool, []byte{0, 1}, []int64{0, 1}},
	} {
		got, err := Tensor{DType: c.dtype, Shape: []int{len(c.want)}, Data: c.data}.Int64()
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s % x gives %v, %v, want %v", c.dtype, c.data, got, err, c.want)
		}
	}
}

func TestTensorRefusesWhatDoesNotFit(t *testing.T) {
	for _, c := range []struct {
		tensor Tensor
		want   string
	}{
		{Tensor{DType: F32, Shape: []int{2}, Data: make([]byte, 7)}, "7 bytes of data"},
		{Tensor{DType: F32, Shape: []int{-1}}, "negative"},
		{Tensor{DType: F32, Shape: []int{math.MaxInt / 2, 3}}, "overflows"},
		{Tensor{DType: "F8", Shape: []int{1}, Data: []byte{0}}, "not supported"},
	} {
		_, asFloat := c.tensor.Float32()
		_, asInt := c.tensor.Int64()
		for _, err := range []error{asFloat, asInt} {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v: error %v, want one with %q", c.tensor.Shape, err, c.want)
			}
		}
	}
	if _, err := FromInt64("n", []int{1}, []int64{1}).Float32(); err == nil {
		t.Error("integers were read as floats")
	}
	if _, err := FromFloat32("x", []int{1}, []float32{1}).Int64(); err == nil {
		t.Error("floats were read as integers")
	}
	if _, err := (Tensor{DType: Bool, Shape: []int{1}, Data: []byte{2}}).Int64(); err == nil {
		t.Error("2 was read as a boolean")
	}
}

func TestFromPanicsOnWrongShape(t *testing.T) {
	for name, f := range map[string]func(){
		"FromFloat32": func() { FromFloat32("x", []int{3}, make([]float32, 2)) },
		"FromInt64":   func() { FromInt64("x", nil, nil) }, // a scalar has one element
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s did not panic", name)
				}
			}()
			f()
		}()
	}
}

func TestCheckFiniteNamesTheFirst(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	good := FromFloat32("good", []int{2}, []float32{math.MaxFloat32, -0x1p-149})
	bad := FromFloat32("bad", []int{2, 3}, []float32{0, 1, 2, 3, nan, inf})
	also := FromFloat32("also", []int{1}, []float32{nan})
	ids := FromInt64("ids", []int{1}, []int64{-1}) // all bits set: no NaN in an integer
	if err := CheckFinite(&File{Tensors: []Tensor{good, ids}}); err != nil {
		t.Error(err)
	}
	err := CheckFinite(&File{Path: "x.pth", Tensors: []Tensor{good, ids, bad, also}})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"x.pth", `"bad"`, "2 of 6", "[1 1]"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q lacks %q", err, want)
		}
	}
	for dtype, data := range map[DType][]byte{
		F16: {0, 0xfc}, BF16: {0x80, 0x7f}, F64: {0, 0, 0, 0, 0, 0, 0xf0, 0x7f},
	} {
		f := &File{Tensors: []Tensor{{Name: "x", DType: dtype, Shape: []int{1}, Data: data}}}
		if CheckFinite(f) == nil {
			t.Errorf("%s: infinity passed", dtype)
		}
		data[len(data)-1] ^= 0x40 // clear the top bit of the exponent
		if err := CheckFinite(f); err != nil {
			t.Errorf("%s: %v", dtype, err)
		}
	}
}
