package checkpoint

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
)

// recordAlign is the alignment of records in bytes, as torch.save writes them
// (caffe2/serialize/inline_container.h, kFieldAlignment), so that readers may map.
const recordAlign = 64

// WritePTH writes {"model": OrderedDict of ts in this order} in PyTorch's zip
// format, through WriteAtomic. torch.load reads it with weights_only=True, and
// each tensor comes out with a storage of its own, on the CPU, requiring no
// gradient. Equal arguments give equal bytes.
//
// Errors: those of WriteSafetensors; a tensor of more than 4 GiB.
func WritePTH(path string, ts []Tensor) error {
	err := checkTensors(ts)
	for _, t := range ts {
		if uint64(len(t.Data)) >= 1<<32-1 && err == nil {
			err = fmt.Errorf("tensor %q has %d bytes, more than a zip record holds", t.Name, len(t.Data))
		}
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return WriteAtomic(path, func(w io.Writer) error { return writePTH(w, ts) })
}

func writePTH(w io.Writer, ts []Tensor) error {
	a := archiveWriter{zip: zip.NewWriter(w)}
	a.record("data.pkl", stateDictPickle(ts))
	a.record("byteorder", []byte("little"))
	for i, t := range ts {
		a.record("data/"+strconv.Itoa(i), t.Data)
	}
	a.record("version", []byte("3\n"))
	if a.err != nil {
		return a.err
	}
	return a.zip.Close()
}

// archiveWriter writes stored records, each with its data aligned.
type archiveWriter struct {
	zip *zip.Writer
	at  int64 // bytes written so far
	err error // the first one; later records do nothing
}

func (a *archiveWriter) record(name string, data []byte) {
	if a.err != nil {
		return
	}
	h := &zip.FileHeader{
		Name: "archive/" + name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(data),
		CompressedSize64: uint64(len(data)), UncompressedSize64: uint64(len(data)),
	}
	const local = 30 // bytes of a local header without name and extra field
	start := a.at + local + int64(len(h.Name))
	h.Extra = padding(start)
	a.at = start + int64(len(h.Extra)) + int64(len(data))
	var w io.Writer
	if w, a.err = a.zip.CreateRaw(h); a.err == nil {
		_, a.err = w.Write(data)
	}
}

// padding is the extra field after which data that would start at byte at is
// aligned: the tag "FB", a length, and that many bytes, as PyTorch has it.
func padding(at int64) []byte {
	const head = 4
	n := int(recordAlign-(at+head)%recordAlign) % recordAlign
	extra := make([]byte, head+n)
	copy(extra, "FB")
	binary.LittleEndian.PutUint16(extra[2:], uint16(n))
	for i := range n {
		extra[head+i] = 'Z'
	}
	return extra
}

// stateDictPickle is the data.pkl of {"model": OrderedDict(ts)}, protocol 2.
// Storages are named "0", "1", ... by position.
func stateDictPickle(ts []Tensor) []byte {
	p := pickler{opProto, 2, opEmptyDict}
	p.text("model")
	p.emptyOrderedDict()
	p.op(opMark)
	for i, t := range ts {
		p.text(t.Name)
		p.tensor(t, strconv.Itoa(i))
	}
	p.op(opSetItems, opSetItem, opStop)
	return p
}

// pickler appends opcodes.
type pickler []byte

func (p *pickler) op(codes ...byte) { *p = append(*p, codes...) }

func (p *pickler) text(s string) {
	p.op(opBinUnicode)
	*p = binary.LittleEndian.AppendUint32(*p, uint32(len(s)))
	*p = append(*p, s...)
}

func (p *pickler) global(module, name string) {
	p.op(opGlobal)
	*p = append(*p, module+"\n"+name+"\n"...)
}

func (p *pickler) int(n int) {
	if int64(n) < 1<<31 {
		p.op(opBinInt)
		*p = binary.LittleEndian.AppendUint32(*p, uint32(n))
		return
	}
	p.op(opLong1, 8)
	*p = binary.LittleEndian.AppendUint64(*p, uint64(n))
}

func (p *pickler) ints(values []int) {
	p.op(opMark)
	for _, v := range values {
		p.int(v)
	}
	p.op(opTuple)
}

func (p *pickler) emptyOrderedDict() {
	p.global("collections", "OrderedDict")
	p.op(opEmptyTuple, opReduce)
}

// tensor writes _rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict()).
func (p *pickler) tensor(t Tensor, key string) {
	p.global("torch._utils", "_rebuild_tensor_v2")
	p.op(opMark)
	p.op(opMark)
	p.text("storage")
	p.global("torch", storageName(t.DType))
	p.text(key)
	p.text("cpu")
	p.int(len(t.Data) / t.DType.Size())
	p.op(opTuple, opBinPersID)
	p.int(0)
	p.ints(t.Shape)
	p.ints(rowMajor(t.Shape))
	p.op(opNewFalse)
	p.emptyOrderedDict()
	p.op(opTuple, opReduce)
}

// rowMajor gives the strides, in elements, of a contiguous tensor. A dimension
// of size 0 counts as 1, as in PyTorch.
func rowMajor(shape []int) []int {
	strides := make([]int, len(shape))
	step := 1
	for d := len(shape) - 1; d >= 0; d-- {
		strides[d] = step
		step *= max(shape[d], 1)
	}
	return strides
}
