package feature

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"lethe/harness/checkpoint"
	"lethe/harness/data"
	"lethe/kernels"
)

// cache keeps what a network said of single images: files of little-endian
// float32, features then logits, and the SHA-256 of those bytes.
type cache struct{ dir, network, preparation string }

// cacheVersion changes when the same key would mean other numbers.
const cacheVersion = 1

// path is where the image's file lies.
func (c cache) path(im data.Image) string {
	h := sha256.New()
	fmt.Fprintf(h, "lethe features %d\n%s\n%s\n%s\n%dx%d\n", cacheVersion, c.network, c.preparation, kernels.FloatISA(), im.W, im.H)
	h.Write(im.Pix)
	key := hex.EncodeToString(h.Sum(nil))
	return filepath.Join(c.dir, key[:2], key[2:]+".features")
}

// get fills row and logits and reports whether it could: a file that is missing,
// of another length or damaged counts as none.
func (c cache) get(im data.Image, row, logits []float32) bool {
	if c.dir == "" {
		return false
	}
	raw, err := os.ReadFile(c.path(im))
	if err != nil || len(raw) != 4*(len(row)+len(logits))+sha256.Size {
		return false
	}
	body := raw[:len(raw)-sha256.Size]
	if sha256.Sum256(body) != [sha256.Size]byte(raw[len(body):]) {
		return false
	}
	for _, part := range [][]float32{row, logits} {
		for i := range part {
			part[i] = math.Float32frombits(binary.LittleEndian.Uint32(body[4*i:]))
		}
		body = body[4*len(part):]
	}
	return true
}

// put writes the image's file, whole or not at all.
func (c cache) put(im data.Image, row, logits []float32) error {
	if c.dir == "" {
		return nil
	}
	var body []byte
	for _, part := range [][]float32{row, logits} {
		for _, v := range part {
			body = binary.LittleEndian.AppendUint32(body, math.Float32bits(v))
		}
	}
	sum := sha256.Sum256(body)
	path := c.path(im)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("writing the cache of features: %w", err)
	}
	err := checkpoint.WriteAtomic(path, func(w io.Writer) error {
		_, err := w.Write(append(body, sum[:]...))
		return err
	})
	if err != nil {
		return fmt.Errorf("writing the cache of features: %w", err)
	}
	return nil
}
