package checkpoint

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"unicode/utf8"
)

// WriteSafetensors writes ts, in this order, with meta as the file's
// __metadata__ (nil or empty: none), through WriteAtomic. Equal arguments give
// equal bytes: metadata keys are sorted, and the header is padded with spaces
// so that the data starts at a multiple of 8 bytes.
//
// Errors: a tensor whose Data does not fit its shape, a name that is empty,
// repeated, reserved or not UTF-8, a header over the format's limit, and those
// of WriteAtomic. Nothing is written in any of these cases.
func WriteSafetensors(path string, ts []Tensor, meta map[string]string) error {
	header, err := safetensorsHeader(ts, meta)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return WriteAtomic(path, func(w io.Writer) error {
		return writeSafetensors(w, header, ts)
	})
}

func writeSafetensors(w io.Writer, header []byte, ts []Tensor) error {
	var length [8]byte
	binary.LittleEndian.PutUint64(length[:], uint64(len(header)))
	for _, part := range [][]byte{length[:], header} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	for _, t := range ts {
		if _, err := w.Write(t.Data); err != nil {
			return err
		}
	}
	return nil
}

// safetensorsHeader builds the padded JSON and proves that the tensors can be
// written.
func safetensorsHeader(ts []Tensor, meta map[string]string) ([]byte, error) {
	if err := checkTensors(ts); err != nil {
		return nil, err
	}
	h := []byte("{")
	if len(meta) > 0 {
		h = append(append(h, quote(metadataKey)...), ":{"...)
		for i, k := range slices.Sorted(maps.Keys(meta)) {
			if !utf8.ValidString(k) || !utf8.ValidString(meta[k]) {
				return nil, fmt.Errorf("metadata %q is not valid UTF-8", k)
			}
			if i > 0 {
				h = append(h, ',')
			}
			h = append(append(append(h, quote(k)...), ':'), quote(meta[k])...)
		}
		h = append(h, '}')
	}
	at := 0
	for _, t := range ts {
		if len(h) > 1 {
			h = append(h, ',')
		}
		h = append(h, quote(t.Name)...)
		h = fmt.Appendf(h, `:{"dtype":"%s","shape":[`, t.DType)
		for i, d := range t.Shape {
			if i > 0 {
				h = append(h, ',')
			}
			h = fmt.Appendf(h, "%d", d)
		}
		h = fmt.Appendf(h, `],"data_offsets":[%d,%d]}`, at, at+len(t.Data))
		at += len(t.Data)
	}
	h = append(h, '}')
	for len(h)%8 != 0 {
		h = append(h, ' ')
	}
	if len(h) > maxHeader {
		return nil, fmt.Errorf("header of %d bytes is over the format's limit of %d", len(h), maxHeader)
	}
	return h, nil
}

// checkTensors refuses what no reader would take back.
func checkTensors(ts []Tensor) error {
	seen := make(map[string]bool, len(ts))
	for _, t := range ts {
		if err := t.check(); err != nil {
			return err
		}
		switch {
		case t.Name == "":
			return errors.New("a tensor has no name")
		case t.Name == metadataKey:
			return fmt.Errorf("the tensor name %q is reserved", t.Name)
		case !utf8.ValidString(t.Name):
			return fmt.Errorf("the tensor name %q is not valid UTF-8", t.Name)
		case seen[t.Name]:
			return fmt.Errorf("tensor %q occurs twice", t.Name)
		}
		seen[t.Name] = true
	}
	return nil
}

// quote writes s as JSON, leaving <, > and & readable.
func quote(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string and a bytes.Buffer: no error exists
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
