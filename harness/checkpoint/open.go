package checkpoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// The values of File.Format.
const (
	FormatSafetensors = "safetensors"
	FormatPTHZip      = "pth-zip"
	FormatPTHLegacy   = "pth-legacy"
)

// File is an opened checkpoint.
type File struct {
	Path     string
	Format   string            // FormatSafetensors, FormatPTHZip or FormatPTHLegacy
	Tensors  []Tensor          // in the order of the file; names are unique
	Metadata map[string]string // of safetensors; nil when there is none
	Skipped  []string          // of .pth: what was no tensor, as "name (kind)"

	release func() error
}

// Open reads the checkpoint at path, whatever its name ends in: the content
// decides the format.
//
// Of a .pth, an outer {"model": ...} or {"state_dict": ...} is taken off, other
// nested dictionaries and lists are joined by ".", and everything that is no
// tensor is listed in Skipped, optimizer state as a whole.
//
// Aliasing: Data of the tensors may view the mapped file; see Close.
// Errors: a path that is missing, unreadable or no regular file; an empty
// file; one cut short (with the number of missing bytes where the format tells);
// one that is no checkpoint (with what it looks like); a .pth that needs a
// Python global other than those of tensors (named).
func Open(path string) (*File, error) {
	f, err := open(path)
	if err != nil {
		var already *os.PathError
		if errors.As(err, &already) {
			return nil, fmt.Errorf("checkpoint: %w", err)
		}
		return nil, fmt.Errorf("checkpoint %s: %w", path, err)
	}
	return f, nil
}

func open(path string) (*File, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return nil, err
	}
	switch {
	case info.IsDir():
		return nil, errors.New("is a directory; give the checkpoint file inside it")
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("is not a regular file (%s)", info.Mode().Type())
	case int64(int(info.Size())) != info.Size():
		return nil, fmt.Errorf("%d bytes do not fit this machine's address space", info.Size())
	}
	data, release, err := fileBytes(in, int(info.Size()))
	if err != nil {
		return nil, err
	}
	f, err := parse(data)
	if err != nil {
		_ = release() // the parse error is the one to report
		return nil, err
	}
	f.Path, f.release = path, release
	return f, nil
}

// readBytes is fileBytes without a mapping.
func readBytes(f *os.File, size int) ([]byte, func() error, error) {
	data := make([]byte, size)
	if n, err := io.ReadFull(f, data); err != nil {
		return nil, nil, fmt.Errorf("read %d of %d bytes: %w", n, size, err)
	}
	return data, func() error { return nil }, nil
}

// parse decides the format by content and reads it.
func parse(data []byte) (*File, error) {
	switch {
	case len(data) == 0:
		return nil, errors.New("is empty")
	case looksLikeSafetensors(data):
		return readSafetensors(data)
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return readZip(data)
	case len(data) > 1 && data[0] == opProto && data[1] >= 2 && data[1] <= 5:
		return readLegacy(data)
	}
	return nil, fmt.Errorf("is not a checkpoint: it looks like %s", looksLike(data))
}

// looksLikeSafetensors is true for whole files and for ones cut short: the
// length of the header and its first brace are enough.
func looksLikeSafetensors(data []byte) bool {
	if len(data) < 9 {
		return false
	}
	return data[8] == '{' && binary.LittleEndian.Uint64(data) <= 1<<40
}

// Get finds a tensor by its name.
func (f *File) Get(name string) (Tensor, bool) {
	for _, t := range f.Tensors {
		if t.Name == name {
			return t, true
		}
	}
	return Tensor{}, false
}

// Close releases the file's memory. After it, Data of the tensors, and slices
// that Float32 made as views of it, must not be touched. A second Close does
// nothing.
func (f *File) Close() error {
	release := f.release
	f.release, f.Tensors = nil, nil
	if release == nil {
		return nil
	}
	return release()
}

// looksLike describes what was given instead of a checkpoint, by its first bytes.
func looksLike(data []byte) string {
	head := data[:min(len(data), 512)]
	for _, k := range []struct{ prefix, name string }{
		{"version https://git-lfs.github.com/spec/", "a Git LFS pointer; the content itself was not fetched (git lfs pull)"},
		{"/annex/objects/", "a git-annex pointer; the content itself was not fetched (git annex get)"},
		{"\xff\xd8\xff", "a JPEG image"},
		{"\x89PNG\r\n\x1a\n", "a PNG image"},
		{"GIF8", "a GIF image"},
		{"\x1f\x8b", "a gzip archive; unpack it first"},
		{"BZh", "a bzip2 archive; unpack it first"},
		{"\xfd7zXZ\x00", "an xz archive; unpack it first"},
		{"\x28\xb5\x2f\xfd", "a zstd archive; unpack it first"},
		{"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras?)"},
		{"\x93NUMPY", "a NumPy array"},
		{"GGUF", "a GGUF file"},
		{"\x7fELF", "a program"},
		{"%PDF", "a PDF document"},
	} {
		if bytes.HasPrefix(head, []byte(k.prefix)) {
			return k.name
		}
	}
	trimmed := bytes.ToLower(bytes.TrimLeft(head, " \t\r\n\ufeff"))
	switch {
	case bytes.HasPrefix(trimmed, []byte("<!doctype html")), bytes.HasPrefix(trimmed, []byte("<html")):
		return "an HTML page, perhaps a download's error or login page"
	case bytes.HasPrefix(trimmed, []byte("<")):
		return "XML or HTML text"
	case bytes.Contains(head, []byte("/annex/objects/")):
		return "a git-annex pointer; the content itself was not fetched (git annex get)"
	case len(head) > 262 && string(head[257:262]) == "ustar":
		return "a tar archive (PyTorch before 0.1.10 saved these; load and save it again with a newer one)"
	case len(bytes.Trim(head, "\x00")) == 0:
		return "zero bytes, perhaps an interrupted download"
	case isText(head):
		return fmt.Sprintf("text beginning %q", string(head[:min(len(head), 40)]))
	}
	return fmt.Sprintf("binary data beginning % x", head[:min(len(head), 8)])
}

func isText(b []byte) bool {
	for _, c := range b {
		if c < 32 && c != '\n' && c != '\r' && c != '\t' || c == 127 {
			return false
		}
	}
	return true
}
