package data

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// fileSource is a picture in a file of its own.
type fileSource string

func (f fileSource) picture() (Image, string, error) {
	b, err := os.ReadFile(string(f))
	if err != nil {
		return Image{}, "", err
	}
	return Decode(b)
}

// bytesSource is a picture whose file is held in memory, compressed.
type bytesSource []byte

func (b bytesSource) picture() (Image, string, error) { return Decode(b) }

// regionSource is a picture inside an uncompressed tar.
type regionSource struct {
	file         string
	offset, size int64
}

func (r regionSource) picture() (Image, string, error) {
	b, err := r.read()
	if err != nil {
		return Image{}, "", err
	}
	return Decode(b)
}

func (r regionSource) read() ([]byte, error) {
	f, err := os.Open(r.file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, r.size)
	if _, err := f.ReadAt(b, r.offset); err != nil {
		return nil, err
	}
	return b, nil
}

// newItem hashes a file's content, after a look at its first bytes.
func newItem(path string, content []byte, src source) (Item, error) {
	if len(content) == 0 {
		return Item{}, errors.New("an empty file")
	}
	if !isImage(content) {
		return Item{}, errNotImage
	}
	return Item{Path: path, Class: classOf(path), Hash: sha256.Sum256(content), source: src}, nil
}

// fileCandidate is the file name, called rel within its set.
func fileCandidate(name, rel string) candidate {
	return candidate{rel, classOf(rel), func() (Item, error) {
		b, err := os.ReadFile(name)
		if err != nil {
			return Item{}, err
		}
		return newItem(rel, b, fileSource(name))
	}}
}

// walkFolder finds the candidates below root. Links are followed, once.
func (s *Set) walkFolder(root string) ([]candidate, error) {
	var found []candidate
	var walk func(dir, rel string, above []string) error
	walk = func(dir, rel string, above []string) error {
		real, err := filepath.EvalSymlinks(dir)
		if err != nil {
			return err
		}
		for _, a := range above {
			if a == real {
				return fmt.Errorf("%s: a link to a folder that contains it", dir)
			}
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			name, sub := filepath.Join(dir, e.Name()), path.Join(rel, e.Name())
			if isHidden(e.Name()) {
				continue
			}
			info, err := os.Stat(name)
			if err != nil {
				return err
			}
			switch {
			case info.IsDir():
				if err := walk(name, sub, append(above[:len(above):len(above)], real)); err != nil {
					return err
				}
			case sideFile(sub):
				s.SideFiles++
			case !info.Mode().IsRegular():
				return fmt.Errorf("%s: not a regular file", name)
			default:
				found = append(found, fileCandidate(name, sub))
			}
		}
		return nil
	}
	return found, walk(root, "", nil)
}

// walkTar reads a tar once. Members of a compressed tar are kept in memory as
// they are (JPEG or PNG bytes), those of a plain one read again when needed.
func (s *Set) walkTar(name, inner string) ([]candidate, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var head [2]byte
	if _, err := io.ReadFull(f, head[:]); err != nil {
		return nil, errors.New("an empty or unreadable tar")
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	var r io.Reader = f
	plain := head != [2]byte{0x1f, 0x8b}
	if !plain {
		z, err := gzip.NewReader(bufio.NewReaderSize(f, 1<<20))
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		r = bufio.NewReaderSize(z, 1<<20)
	}
	var found []candidate
	seen := false
	for t := tar.NewReader(r); ; {
		h, err := t.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("the tar is truncated or damaged after %d files: %w", len(found), err)
		}
		p, ok := insideFolder(path.Clean(strings.TrimPrefix(h.Name, "./")), inner)
		if !ok {
			continue
		}
		seen = true
		if h.Typeflag != tar.TypeReg || isHidden(p) {
			continue
		}
		if sideFile(p) {
			s.SideFiles++
			continue
		}
		c, err := tarMember(t, h, f, plain, p)
		if err != nil {
			return nil, fmt.Errorf("the tar is truncated or damaged at %s: %w", h.Name, err)
		}
		found = append(found, c)
	}
	if inner != "" && !seen {
		return nil, fmt.Errorf("the tar has no folder %s", inner)
	}
	return found, nil
}

// maxMember bounds a picture file inside a compressed tar, in bytes.
const maxMember = 1 << 28

// tarMember makes the candidate of the member that t stands at.
func tarMember(t *tar.Reader, h *tar.Header, f *os.File, plain bool, p string) (candidate, error) {
	if plain {
		// archive/tar reads headers block by block, so the file stands at the
		// member's first byte.
		offset, err := f.Seek(0, io.SeekCurrent)
		if err != nil {
			return candidate{}, err
		}
		info, err := f.Stat()
		if err != nil {
			return candidate{}, err
		}
		if h.Size > info.Size()-offset {
			return candidate{}, fmt.Errorf("a member of %d bytes where %d are left", h.Size, info.Size()-offset)
		}
		region := regionSource{f.Name(), offset, h.Size}
		return candidate{p, classOf(p), func() (Item, error) {
			b, err := region.read()
			if err != nil {
				return Item{}, err
			}
			return newItem(p, b, region)
		}}, nil
	}
	// ReadAll grows with what is there, not with what the header says
	b, err := io.ReadAll(io.LimitReader(t, maxMember+1))
	if len(b) > maxMember {
		return candidate{}, fmt.Errorf("a member of more than %d bytes", maxMember)
	}
	return candidate{p, classOf(p), func() (Item, error) { return newItem(p, b, bytesSource(b)) }}, err
}

// insideFolder cuts the folder off the front of a tar member's name.
func insideFolder(p, folder string) (rest string, ok bool) {
	if folder == "" {
		return p, true
	}
	return strings.CutPrefix(p, folder+"/")
}
