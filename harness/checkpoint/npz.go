package checkpoint

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// WriteNPZ writes tensors as a NumPy archive, NAME.npy each in this order, through
// WriteAtomic. Entries are stored, not compressed, without a time: equal arguments
// give equal bytes.
//
// Errors: a type other than F32, F64, I64, I32 and U8, Data that does not fit
// Shape, and those of WriteAtomic.
// Source: numpy.lib.format, version 1.0.
func WriteNPZ(path string, ts []Tensor) error {
	return WriteAtomic(path, func(w io.Writer) error {
		z := zip.NewWriter(w)
		for _, t := range ts {
			header, err := npyHeader(t)
			if err != nil {
				return err
			}
			entry, err := z.CreateHeader(&zip.FileHeader{Name: t.Name + ".npy", Method: zip.Store})
			if err != nil {
				return err
			}
			if _, err := entry.Write(header); err != nil {
				return err
			}
			if _, err := entry.Write(t.Data); err != nil {
				return err
			}
		}
		return z.Close()
	})
}

// npyHeader is what stands before the elements: a magic, a version, and a Python
// dictionary padded to a multiple of 64 bytes.
func npyHeader(t Tensor) ([]byte, error) {
	descr, ok := map[DType]string{F32: "<f4", F64: "<f8", I64: "<i8", I32: "<i4", U8: "|u1"}[t.DType]
	if !ok {
		return nil, fmt.Errorf("tensor %s: %s has no place in an .npz", t.Name, t.DType)
	}
	if len(t.Data) != t.Len()*t.DType.Size() {
		return nil, fmt.Errorf("tensor %s: %d bytes for shape %v", t.Name, len(t.Data), t.Shape)
	}
	shape := ""
	for _, n := range t.Shape {
		shape += fmt.Sprintf("%d,", n)
	}
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, shape)
	const before = 10 // magic, version, length
	text += strings.Repeat(" ", 63-(before+len(text))%64) + "\n"
	header := append([]byte("\x93NUMPY\x01\x00"), 0, 0)
	binary.LittleEndian.PutUint16(header[8:], uint16(len(text)))
	return append(header, text...), nil
}
