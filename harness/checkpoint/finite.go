package checkpoint

import (
	"encoding/binary"
	"fmt"
)

// CheckFinite reports the first tensor that holds a NaN or an infinity, with
// how many of its values do and where the first one is; nil when every
// floating-point value of the file is finite. Integer tensors always are.
func CheckFinite(f *File) error {
	for _, t := range f.Tensors {
		if !t.DType.IsFloat() || t.allFinite32() {
			continue
		}
		count, first := 0, -1
		for i := range len(t.Data) / t.DType.Size() {
			if !t.finiteAt(i) {
				if first < 0 {
					first = i
				}
				count++
			}
		}
		if count > 0 {
			return fmt.Errorf("checkpoint %s: tensor %q: %d of %d values are NaN or infinite, the first at index %v",
				f.Path, t.Name, count, t.Len(), unravel(first, t.Shape))
		}
	}
	return nil
}

// allFinite32 is the quick way for the usual case, an F32 tensor that is
// aligned and has nothing to report.
func (t Tensor) allFinite32() bool {
	if t.DType != F32 {
		return false
	}
	values, ok := viewFloat32(t.Data)
	if !ok {
		return false
	}
	for _, v := range values {
		if v-v != 0 { // NaN - NaN and Inf - Inf are NaN
			return false
		}
	}
	return true
}

// finiteAt looks at the exponent of element i: all ones means NaN or infinity.
func (t Tensor) finiteAt(i int) bool {
	le := binary.LittleEndian
	switch t.DType {
	case F32:
		const e = 0xff << 23
		return le.Uint32(t.Data[4*i:])&e != e
	case F64:
		const e = 0x7ff << 52
		return le.Uint64(t.Data[8*i:])&e != e
	case BF16:
		const e = 0xff << 7
		return le.Uint16(t.Data[2*i:])&e != e
	}
	const e = 0x1f << 10 // F16
	return le.Uint16(t.Data[2*i:])&e != e
}

// unravel turns a flat row-major index into one per dimension.
func unravel(i int, shape []int) []int {
	out := make([]int, len(shape))
	for d := len(shape) - 1; d >= 0; d-- {
		out[d] = i % shape[d]
		i /= shape[d]
	}
	return out
}
