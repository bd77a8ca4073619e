// Package npz reads the arrays of numpy's .npz files, such as the reference
// statistics of a FID, as pytorch-fid and clean-fid write them: mu and sigma.
package npz

import (
	"archive/zip"
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Array is one array, row-major.
type Array struct {
	Shape []int
	Data  []float64
}

// maxElements bounds an array: 1 GiB in float64. A header that promises more is
// refused before anything is allocated for it.
const maxElements = 1 << 27

// ErrFormat is wrapped by every error about content this reader cannot use.
var ErrFormat = errors.New("not a usable .npz file")

// Read returns the arrays of the names given, which must all be there. Float
// arrays of 4 or 8 bytes, little endian, in C or Fortran order, up to two
// dimensions, are read; pickled objects never are.
//
// Errors: a path that cannot be read; ErrFormat otherwise, naming the array.
// Source: numpy, numpy/lib/format.py, versions 1.0 to 3.0.
func Read(path string, names ...string) (map[string]Array, error) {
	z, err := zip.OpenReader(path)
	if errors.Is(err, zip.ErrFormat) {
		return nil, fmt.Errorf("%s: %w", path, ErrFormat)
	}
	if err != nil {
		return nil, fmt.Errorf("reading statistics: %w", err)
	}
	defer z.Close()
	out := map[string]Array{}
	for _, name := range names {
		a, err := member(&z.Reader, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, name, err)
		}
		out[name] = a
	}
	return out, nil
}

func member(z *zip.Reader, name string) (Array, error) {
	var have []string
	for _, f := range z.File {
		if f.Name == name+".npy" {
			in, err := f.Open()
			if err != nil {
				return Array{}, fmt.Errorf("%v: %w", err, ErrFormat)
			}
			defer in.Close()
			return array(bufio.NewReaderSize(in, 1<<16))
		}
		have = append(have, strings.TrimSuffix(f.Name, ".npy"))
	}
	return Array{}, fmt.Errorf("no such array, the file holds %q: %w", have, ErrFormat)
}

var (
	descr   = regexp.MustCompile(`'descr': '([^']*)'`)
	fortran = regexp.MustCompile(`'fortran_order': (True|False)`)
	shape   = regexp.MustCompile(`'shape': \(([0-9, ]*)\)`)
)

// array reads one .npy stream.
func array(in io.Reader) (Array, error) {
	header, err := header(in)
	if err != nil {
		return Array{}, err
	}
	kind, order, dims := descr.FindStringSubmatch(header), fortran.FindStringSubmatch(header), shape.FindStringSubmatch(header)
	if kind == nil || order == nil || dims == nil {
		return Array{}, fmt.Errorf("header is %q: %w", header, ErrFormat)
	}
	size := map[string]int{"<f4": 4, "<f8": 8}[kind[1]]
	if size == 0 {
		return Array{}, fmt.Errorf("elements are %q, want <f4 or <f8: %w", kind[1], ErrFormat)
	}
	a, total := Array{}, 1
	for field := range strings.SplitSeq(dims[1], ",") {
		if field = strings.TrimSpace(field); field == "" {
			continue
		}
		n, err := strconv.Atoi(field)
		if err != nil || n > maxElements || total*max(n, 1) > maxElements {
			return Array{}, fmt.Errorf("shape (%s) is too large: %w", dims[1], ErrFormat)
		}
		a.Shape, total = append(a.Shape, n), total*n
	}
	if len(a.Shape) > 2 {
		return Array{}, fmt.Errorf("shape (%s) has more than two dimensions: %w", dims[1], ErrFormat)
	}
	if err := a.fill(in, total, size); err != nil {
		return Array{}, err
	}
	if order[1] == "True" && len(a.Shape) == 2 {
		a.Data = transposed(a.Data, a.Shape[0], a.Shape[1])
	}
	return a, nil
}

// header returns the dictionary in front of the elements.
func header(in io.Reader) (string, error) {
	var start [8]byte
	if _, err := io.ReadFull(in, start[:]); err != nil || string(start[:6]) != "\x93NUMPY" {
		return "", fmt.Errorf("no .npy header: %w", ErrFormat)
	}
	length, width := 0, 2
	if start[6] > 1 {
		width = 4
	}
	var raw [4]byte
	if _, err := io.ReadFull(in, raw[:width]); err != nil {
		return "", fmt.Errorf("truncated: %w", ErrFormat)
	}
	length = int(binary.LittleEndian.Uint32(raw[:]))
	if length > 1<<16 {
		return "", fmt.Errorf("a header of %d bytes: %w", length, ErrFormat)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(in, text); err != nil {
		return "", fmt.Errorf("truncated: %w", ErrFormat)
	}
	return string(text), nil
}

// fill reads the elements piece by piece, so that a header's promise alone
// allocates little.
func (a *Array) fill(in io.Reader, total, size int) error {
	buf := make([]byte, 1<<13*size)
	for len(a.Data) < total {
		part := buf[:min(len(buf), (total-len(a.Data))*size)]
		if _, err := io.ReadFull(in, part); err != nil {
			return fmt.Errorf("truncated after %d of %d elements (%v): %w", len(a.Data), total, err, ErrFormat)
		}
		for ; len(part) > 0; part = part[size:] {
			v := float64(math.Float32frombits(binary.LittleEndian.Uint32(part)))
			if size == 8 {
				v = math.Float64frombits(binary.LittleEndian.Uint64(part))
			}
			a.Data = append(a.Data, v)
		}
	}
	return nil
}

func transposed(data []float64, rows, cols int) []float64 {
	out := make([]float64, len(data))
	for i := range rows {
		for j := range cols {
			out[i*cols+j] = data[j*rows+i]
		}
	}
	return out
}
