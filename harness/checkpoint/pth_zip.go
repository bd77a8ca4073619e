package checkpoint

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path"
	"strings"
)

// archive gives the records of a PyTorch zip file.
type archive struct {
	data   []byte
	files  map[string]*zip.File
	prefix string // the folder of data.pkl, with its slash
	budget *budget
	ready  map[string][]byte // records already read and verified, by short name
}

// readZip reads what torch.save writes since 1.6: a zip archive with, under one
// folder of any name,
//
//	data.pkl    the pickled object; tensors name their storages
//	data/KEY    the bytes of a storage
//	byteorder   "little" or "big" (since 2.1; little before)
//
// Aliasing: tensors view data where records are stored, which is how PyTorch
// writes them. Deflated records are inflated, within the budget.
func readZip(data []byte) (*File, error) {
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, brokenZip(data, err)
	}
	a := &archive{data: data, files: map[string]*zip.File{}, budget: newBudget(len(data)), ready: map[string][]byte{}}
	if err := a.index(r.File); err != nil {
		return nil, err
	}
	big, err := a.isBigEndian()
	if err != nil {
		return nil, err
	}
	program, err := a.record("data.pkl")
	if err != nil {
		return nil, err
	}
	root, _, err := unpickle(program, map[string]*storageRef{})
	if err != nil {
		return nil, fmt.Errorf("data.pkl: %w", err)
	}
	f, err := stateDict(root, &loader{
		root:      func(s *storageRef) ([]byte, error) { return a.record("data/" + s.key) },
		bigEndian: big,
		budget:    a.budget,
	})
	if err != nil {
		return nil, err
	}
	f.Format = FormatPTHZip
	return f, nil
}

// index notes the records by name and finds the folder of data.pkl.
func (a *archive) index(files []*zip.File) error {
	found := false
	for _, f := range files {
		if a.files[f.Name] != nil {
			return fmt.Errorf("zip record %q occurs twice", f.Name)
		}
		a.files[f.Name] = f
		folder, base := path.Split(f.Name)
		if base != "data.pkl" || strings.Count(folder, "/") > 1 {
			continue
		}
		if found {
			return fmt.Errorf("zip archive has data.pkl in %q and in %q", a.prefix, folder)
		}
		found, a.prefix = true, folder
	}
	switch {
	case found:
		return nil
	case len(files) == 0:
		return errors.New("is an empty zip archive")
	case strings.HasSuffix(files[0].Name, ".npy"):
		return errors.New("is not a checkpoint: it looks like a NumPy .npz archive")
	}
	return fmt.Errorf("is a zip archive without data.pkl (its first record is %q), not a PyTorch checkpoint", files[0].Name)
}

func (a *archive) isBigEndian() (bool, error) {
	if a.files[a.prefix+"byteorder"] == nil {
		return false, nil
	}
	order, err := a.record("byteorder")
	if err != nil {
		return false, err
	}
	switch string(order) {
	case "little":
		return false, nil
	case "big":
		return true, nil
	}
	return false, fmt.Errorf("byteorder %.20q is neither little nor big", order)
}

// record gives the bytes of one record, verified against its checksum.
func (a *archive) record(name string) ([]byte, error) {
	if b, ok := a.ready[name]; ok {
		return b, nil
	}
	f := a.files[a.prefix+name]
	if f == nil {
		return nil, fmt.Errorf("zip record %q is missing", name)
	}
	b, err := a.read(f)
	if err != nil {
		return nil, fmt.Errorf("zip record %q: %w", name, err)
	}
	a.ready[name] = b
	return b, nil
}

func (a *archive) read(f *zip.File) ([]byte, error) {
	const encrypted = 1
	if f.Flags&encrypted != 0 {
		return nil, errors.New("is encrypted")
	}
	at, err := f.DataOffset()
	if err != nil {
		return nil, err
	}
	if at < 0 || at > int64(len(a.data)) || f.CompressedSize64 > uint64(int64(len(a.data))-at) {
		return nil, fmt.Errorf("%d bytes from byte %d do not fit the file's %d", f.CompressedSize64, at, len(a.data))
	}
	switch f.Method {
	case zip.Store:
		return a.stored(f, a.data[at:at+int64(f.CompressedSize64)])
	case zip.Deflate:
		return a.inflated(f)
	}
	return nil, fmt.Errorf("compression method %d is not supported", f.Method)
}

// stored verifies a record that lies in the file as it is. A checksum of 0 is
// how torch.serialization.set_crc32_options(False) says that it has none.
func (a *archive) stored(f *zip.File, b []byte) ([]byte, error) {
	if f.UncompressedSize64 != f.CompressedSize64 {
		return nil, fmt.Errorf("is stored, yet claims %d bytes in %d", f.UncompressedSize64, f.CompressedSize64)
	}
	if f.CRC32 != 0 && crc32.ChecksumIEEE(b) != f.CRC32 {
		return nil, zip.ErrChecksum
	}
	return b[:len(b):len(b)], nil
}

// inflated unpacks a deflated record; its claimed size is believed only within
// the budget and what deflate can do, and archive/zip verifies it.
func (a *archive) inflated(f *zip.File) ([]byte, error) {
	const ratio = 1032 // of deflate, at most: 258 bytes from 2 bits (RFC 1951)
	if f.UncompressedSize64/ratio > f.CompressedSize64 {
		return nil, fmt.Errorf("claims to unpack from %d bytes to %d", f.CompressedSize64, f.UncompressedSize64)
	}
	if f.UncompressedSize64 > uint64(a.budget.left) {
		return nil, a.budget.take(a.budget.left + 1)
	}
	n := int(f.UncompressedSize64)
	if err := a.budget.take(n); err != nil {
		return nil, err
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(r, make([]byte, 1)); err != io.EOF { // also verifies the checksum
		if err == nil {
			err = fmt.Errorf("unpacks to more than its %d bytes", n)
		}
		return nil, err
	}
	return b, nil
}

// brokenZip explains an archive whose directory, at its end, cannot be read:
// mostly a download cut short. PyTorch writes data.pkl first, so what the
// tensors need is often still known.
func brokenZip(data []byte, cause error) error {
	const local = 30 // bytes of a local header without name and extra field
	if len(data) >= local {
		le := binary.LittleEndian
		at := local + int(le.Uint16(data[26:])) + int(le.Uint16(data[28:]))
		storages := map[string]*storageRef{}
		if at < len(data) && le.Uint16(data[8:]) == zip.Store {
			if _, n, err := unpickle(data[at:], storages); err == nil {
				need := float64(at + n) // a sum of claims: may exceed an int
				for _, s := range storages {
					need += float64(s.numel) * float64(elementBytes(s.dtype))
				}
				if missing := need - float64(len(data)); missing > 0 {
					return fmt.Errorf("truncated: at least %.0f bytes are missing (the tensors need %.0f, the file has %d)", missing, need, len(data))
				}
			}
		}
	}
	return fmt.Errorf("truncated or damaged: the zip directory at the end of its %d bytes is missing (%w)", len(data), cause)
}
