package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"
)

// DType names the element type of a tensor as the safetensors format spells it.
type DType string

// The element types that this package reads and writes.
const (
	F64  DType = "F64"
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"
	I64  DType = "I64"
	I32  DType = "I32"
	I16  DType = "I16"
	I8   DType = "I8"
	U8   DType = "U8"
	Bool DType = "BOOL"
)

// Size is the number of bytes of one element, 0 for a type that is not one of
// the constants.
func (d DType) Size() int {
	switch d {
	case F64, I64:
		return 8
	case F32, I32:
		return 4
	case F16, BF16, I16:
		return 2
	case I8, U8, Bool:
		return 1
	}
	return 0
}

// IsFloat says whether Float32 accepts the type.
func (d DType) IsFloat() bool {
	return d == F64 || d == F32 || d == F16 || d == BF16
}

// Tensor is one named array.
type Tensor struct {
	Name  string
	DType DType
	Shape []int  // outermost first; empty for a scalar
	Data  []byte // little endian, row-major, contiguous: product(Shape)*DType.Size() bytes
}

// Len is the number of elements, 1 for a scalar. It trusts Shape; check is the
// guard where Shape is not trusted.
func (t Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// check verifies that the dtype is known and that Data has exactly the bytes
// that Shape asks for.
func (t Tensor) check() error {
	want, err := byteLen(t.DType, t.Shape)
	if err != nil {
		return fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	if len(t.Data) != want {
		return fmt.Errorf("tensor %q: %d bytes of data, %s %v needs %d", t.Name, len(t.Data), t.DType, t.Shape, want)
	}
	return nil
}

// byteLen is product(shape)*size(d), with every overflow refused.
func byteLen(d DType, shape []int) (int, error) {
	size := d.Size()
	if size == 0 {
		return 0, fmt.Errorf("dtype %q is not supported", string(d))
	}
	empty := false
	for _, n := range shape {
		if n < 0 {
			return 0, fmt.Errorf("shape %v has a negative dimension", shape)
		}
		empty = empty || n == 0
	}
	if empty {
		return 0, nil
	}
	total := size
	for _, n := range shape {
		if total > math.MaxInt/n {
			return 0, fmt.Errorf("shape %v of %s overflows", shape, d)
		}
		total *= n
	}
	return total, nil
}

// Float32 gives the elements as float32: F32 as they are, F16 and BF16 exactly,
// F64 rounded to nearest even.
//
// Aliasing: for an aligned F32 tensor the result is a view of Data, valid as
// long as Data is; otherwise it is a fresh slice. Callers that keep the values
// beyond File.Close, or write to them, copy.
// Errors: an integer or boolean tensor (Int64 reads those); Data that does not
// fit Shape.
func (t Tensor) Float32() ([]float32, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	n := len(t.Data) / t.DType.Size()
	if t.DType == F32 {
		if v, ok := viewFloat32(t.Data); ok {
			return v, nil
		}
	}
	if !t.DType.IsFloat() {
		return nil, fmt.Errorf("tensor %q holds %s, not floating-point numbers", t.Name, t.DType)
	}
	out := make([]float32, n)
	le := binary.LittleEndian
	for i := range out {
		switch t.DType {
		case F32:
			out[i] = math.Float32frombits(le.Uint32(t.Data[4*i:]))
		case F64:
			out[i] = float32(math.Float64frombits(le.Uint64(t.Data[8*i:])))
		case F16:
			out[i] = halfToFloat32(le.Uint16(t.Data[2*i:]))
		case BF16:
			out[i] = bfloatToFloat32(le.Uint16(t.Data[2*i:]))
		}
	}
	return out, nil
}

// Int64 gives the elements of an integer tensor as int64; BOOL gives 0 and 1.
// The result is always a fresh slice.
//
// Errors: a floating-point tensor; Data that does not fit Shape; a BOOL byte
// that is neither 0 nor 1.
func (t Tensor) Int64() ([]int64, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	if t.DType.IsFloat() {
		return nil, fmt.Errorf("tensor %q holds %s, not integers", t.Name, t.DType)
	}
	out := make([]int64, len(t.Data)/t.DType.Size())
	le := binary.LittleEndian
	for i := range out {
		switch t.DType {
		case I64:
			out[i] = int64(le.Uint64(t.Data[8*i:]))
		case I32:
			out[i] = int64(int32(le.Uint32(t.Data[4*i:])))
		case I16:
			out[i] = int64(int16(le.Uint16(t.Data[2*i:])))
		case I8:
			out[i] = int64(int8(t.Data[i]))
		case U8:
			out[i] = int64(t.Data[i])
		case Bool:
			if t.Data[i] > 1 {
				return nil, fmt.Errorf("tensor %q: element %d is %d, not a boolean", t.Name, i, t.Data[i])
			}
			out[i] = int64(t.Data[i])
		}
	}
	return out, nil
}

// FromFloat32 describes data as an F32 tensor.
//
// Aliasing: on little-endian machines Data views data, so a large model is not
// doubled by saving it; data must not change until the tensor is written.
// Panics: product(shape) is not len(data).
func FromFloat32(name string, shape []int, data []float32) Tensor {
	t := Tensor{Name: name, DType: F32, Shape: append([]int{}, shape...)}
	if hostIsLittle() {
		t.Data = unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), 4*len(data))
	} else {
		t.Data = make([]byte, 0, 4*len(data))
		for _, v := range data {
			t.Data = binary.LittleEndian.AppendUint32(t.Data, math.Float32bits(v))
		}
	}
	needFit("FromFloat32", t)
	return t
}

// FromInt64 describes a copy of data as an I64 tensor.
//
// Panics: product(shape) is not len(data).
func FromInt64(name string, shape []int, data []int64) Tensor {
	t := Tensor{Name: name, DType: I64, Shape: append([]int{}, shape...)}
	t.Data = make([]byte, 0, 8*len(data))
	for _, v := range data {
		t.Data = binary.LittleEndian.AppendUint64(t.Data, uint64(v))
	}
	needFit("FromInt64", t)
	return t
}

func needFit(op string, t Tensor) {
	if err := t.check(); err != nil {
		panic("checkpoint: " + op + ": " + err.Error())
	}
}

// hostIsLittle says whether this machine stores the low byte first.
func hostIsLittle() bool {
	return binary.NativeEndian.Uint16([]byte{1, 0}) == 1
}

// viewFloat32 reinterprets b without copying, where the machine allows it.
func viewFloat32(b []byte) ([]float32, bool) {
	if len(b) == 0 {
		return []float32{}, true
	}
	p := unsafe.Pointer(unsafe.SliceData(b))
	if !hostIsLittle() || uintptr(p)%unsafe.Alignof(float32(0)) != 0 {
		return nil, false
	}
	return unsafe.Slice((*float32)(p), len(b)/4), true
}
