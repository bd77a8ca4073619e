package checkpoint

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// storageRef is what a persistent id names: numel elements of dtype, from
// element offset on, in the storage called key. Only its description; the bytes
// are fetched when a tensor that is kept needs them.
type storageRef struct {
	key    string
	dtype  DType
	numel  int
	offset int // elements; not 0 only in views of the legacy format
}

// bytes is the size of a root storage, in bytes.
func (s *storageRef) bytes() (int, error) {
	hi, lo := bits.Mul64(uint64(s.numel), uint64(elementBytes(s.dtype)))
	if hi != 0 || lo > math.MaxInt {
		return 0, fmt.Errorf("storage %q of %d elements overflows", s.key, s.numel)
	}
	return int(lo), nil
}

// tensorRef is what _rebuild_tensor_v2 is told: a strided view of a storage.
// Offset and strides count elements.
type tensorRef struct {
	storage *storageRef
	dtype   DType
	offset  int
	shape   []int
	strides []int
	lazy    bool // a conjugation or negation is still to be done
}

// storage interprets a persistent id: ("storage", class, key, location, numel),
// in the legacy format with (view key, offset, size) or None behind it.
func (m *machine) storage(id any) (*storageRef, error) {
	parts := items(id)
	if len(parts) != 5 && len(parts) != 6 || parts[0] != "storage" {
		return nil, errors.New("persistent id is not that of a storage")
	}
	class, ok1 := parts[1].(global)
	key, ok2 := parts[2].(string)
	numel, ok3 := asSize(parts[4])
	dtype, ok4 := storageDType(class.name)
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return nil, errors.New("persistent id of a storage is malformed")
	}
	root, known := m.storages[key]
	if !known {
		root = &storageRef{key: key, dtype: dtype, numel: numel}
		m.storages[key] = root
	}
	if root.dtype != dtype || root.numel != numel {
		return nil, fmt.Errorf("storage %q is %d of %s here and %d of %s before", key, numel, dtype, root.numel, root.dtype)
	}
	if len(parts) == 5 || parts[5] == nil {
		return root, nil
	}
	view := items(parts[5])
	if len(view) != 3 {
		return nil, errors.New("view of a storage is malformed")
	}
	offset, ok1 := asSize(view[1])
	size, ok2 := asSize(view[2])
	if !ok1 || !ok2 || offset > numel || size > numel-offset {
		return nil, fmt.Errorf("view of storage %q lies outside it", key)
	}
	return &storageRef{key: key, dtype: dtype, numel: size, offset: offset}, nil
}

// newTensorRef interprets (storage, offset, size, strides, requires_grad,
// hooks, ...): _v2 may add metadata, _v3 adds the dtype and metadata.
func newTensorRef(k kind, args tuple) (*tensorRef, error) {
	if len(args) < 4 || k == tensorV3 && len(args) < 7 {
		return nil, fmt.Errorf("%d arguments are too few", len(args))
	}
	s, ok1 := args[0].(*storageRef)
	offset, ok2 := asSize(args[1])
	shape, ok3 := asSizes(args[2])
	strides, ok4 := asSizes(args[3])
	if !ok1 || !ok2 || !ok3 || !ok4 || len(shape) != len(strides) {
		return nil, errors.New("malformed storage, offset, size or strides")
	}
	t := &tensorRef{storage: s, dtype: s.dtype, offset: offset, shape: shape, strides: strides}
	rest := args[4:]
	if k == tensorV3 {
		name, ok := args[6].(global)
		if !ok {
			return nil, errors.New("malformed dtype")
		}
		if t.dtype, ok = dtypeByName(name.name); !ok {
			return nil, fmt.Errorf("%s is not a dtype", name)
		}
		rest = args[7:]
	} else if len(rest) > 2 {
		rest = rest[2:]
	} else {
		rest = nil
	}
	for _, a := range rest { // {"conj": True} or {"neg": True}
		if d, ok := a.(*dict); ok && slices.Contains(d.values, any(true)) {
			t.lazy = true
		}
	}
	return t, nil
}

// asSize reads a length, offset or stride: not negative.
func asSize(v any) (int, bool) {
	n, ok := v.(int64)
	if !ok || n < 0 || n > math.MaxInt {
		return 0, false
	}
	return int(n), true
}

// asSizes reads a tuple of sizes, or torch.Size of one. The number of
// dimensions is bounded as in PyTorch's own kernels.
func asSizes(v any) ([]int, bool) {
	const maxDims = 64
	if o, ok := v.(*object); ok && o.class == "torch.Size" && len(o.args) == 1 {
		v = o.args[0]
	}
	t, ok := v.(tuple)
	if !ok || len(t) > maxDims {
		return nil, false
	}
	out := make([]int, len(t))
	for i, item := range t {
		if out[i], ok = asSize(item); !ok {
			return nil, false
		}
	}
	return out, true
}

// budget bounds what a file can make the reader hold: the bytes of all tensors
// (a storage seen by several tensors counts for each, a broadcast view counts
// in full), of inflated records and of joined names may be this many times the
// file, plus a floor for tiny files. Checkpoints that share or broadcast a few
// tensors stay far below; bombs do not.
type budget struct{ left, file int }

const (
	budgetFactor = 16
	budgetFloor  = 1 << 20 // bytes
)

func newBudget(file int) *budget {
	return &budget{left: budgetFactor*file + budgetFloor, file: file}
}

// take spends n bytes.
func (b *budget) take(n int) error {
	if n > b.left {
		return fmt.Errorf("asks for more than %d times the file's %d bytes; refused", budgetFactor, b.file)
	}
	b.left -= n
	return nil
}

// loader turns descriptions into tensors.
type loader struct {
	root      func(s *storageRef) ([]byte, error) // all bytes of the storage called s.key
	bigEndian bool
	budget    *budget
}

// tensor gives t contiguous and little endian: a view of the storage where it
// already is, a copy otherwise.
func (l *loader) tensor(name string, t *tensorRef) (Tensor, error) {
	total, err := byteLen(t.dtype, t.shape)
	if err != nil {
		return Tensor{}, err
	}
	if t.lazy {
		return Tensor{}, errors.New("has a conjugation or negation pending; save it after resolve_conj().resolve_neg()")
	}
	if err := l.budget.take(total); err != nil {
		return Tensor{}, err
	}
	out := Tensor{Name: name, DType: t.dtype, Shape: t.shape, Data: []byte{}}
	if total == 0 {
		return out, nil
	}
	storage, err := l.bytes(t.storage)
	if err != nil {
		return Tensor{}, err
	}
	size := t.dtype.Size()
	if last, ok := t.last(); !ok || last >= len(storage)/size {
		return Tensor{}, fmt.Errorf("shape %v, strides %v and offset %d reach outside storage %q of %d elements",
			t.shape, t.strides, t.offset, t.storage.key, len(storage)/size)
	}
	if t.contiguous() {
		at := t.offset * size
		out.Data = storage[at : at+total : at+total]
	} else {
		out.Data = t.gather(storage, total)
	}
	if l.bigEndian && size > 1 {
		out.Data = swapped(out.Data, size)
	}
	return out, nil
}

// bytes gives the bytes of s, and proves that its root record has them.
func (l *loader) bytes(s *storageRef) ([]byte, error) {
	root, err := l.root(s)
	if err != nil {
		return nil, err
	}
	size := elementBytes(s.dtype)
	if have := len(root) / size; s.offset > have || s.numel > have-s.offset {
		return nil, fmt.Errorf("storage %q claims %d elements of %s from element %d, its record has %d bytes", s.key, s.numel, s.dtype, s.offset, len(root))
	}
	return root[s.offset*size : (s.offset+s.numel)*size], nil
}

// last is the index of the furthest element that t touches; false on overflow.
// No dimension is 0.
func (t *tensorRef) last() (int, bool) {
	at := uint64(t.offset)
	for d, n := range t.shape {
		hi, step := bits.Mul64(uint64(n-1), uint64(t.strides[d]))
		var carry uint64
		at, carry = bits.Add64(at, step, 0)
		if hi != 0 || carry != 0 || at > math.MaxInt {
			return 0, false
		}
	}
	return int(at), true
}

// contiguous says whether the elements lie in row-major order without gaps.
// The stride of a dimension of size 1 is never used, so it may be anything.
func (t *tensorRef) contiguous() bool {
	step := 1
	for d := len(t.shape) - 1; d >= 0; d-- {
		if t.shape[d] != 1 && t.strides[d] != step {
			return false
		}
		step *= t.shape[d]
	}
	return true
}

// gather copies the elements of t into row-major order. last has proven that
// every index is inside.
func (t *tensorRef) gather(storage []byte, total int) []byte {
	size := t.dtype.Size()
	out := make([]byte, 0, total)
	index := make([]int, len(t.shape))
	at := t.offset
	for len(out) < total {
		out = append(out, storage[at*size:(at+1)*size]...)
		for d := len(t.shape) - 1; d >= 0; d-- {
			index[d]++
			at += t.strides[d]
			if index[d] < t.shape[d] {
				break
			}
			at -= index[d] * t.strides[d]
			index[d] = 0
		}
	}
	return out
}

// swapped is data with the bytes of every element of size bytes reversed.
func swapped(data []byte, size int) []byte {
	out := slices.Clone(data)
	for i := 0; i+size <= len(out); i += size {
		slices.Reverse(out[i : i+size])
	}
	return out
}
