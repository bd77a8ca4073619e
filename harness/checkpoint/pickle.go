package checkpoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// Bounds of one pickle. A tensor takes about 30 opcodes, an optimizer's state of
// it about 100; each opcode makes at most one value of bounded size, so memory
// stays a small multiple of the bytes read, and below maxOps values.
const (
	maxOps   = 4 << 20
	maxStack = 1 << 20
)

// machine runs one pickle. It has the opcodes of protocols 2 to 5 that tensor
// checkpoints use; every other one is an error. It never recurses.
type machine struct {
	data     []byte
	pos      int
	stack    []any
	marks    []int // stack heights at MARK
	memo     map[uint32]any
	copied   int                    // items copied between containers; see newDict
	storages map[string]*storageRef // by key, shared by all tensors of the file
}

var errStack = errors.New("takes a value from an empty stack")

// unpickle runs the pickle at the start of data and gives its value and its
// length in bytes. storages collects what persistent ids name.
//
// Errors: a pickle that is cut short, malformed, over the bounds, or that wants
// a global or an opcode that tensors do not need.
func unpickle(data []byte, storages map[string]*storageRef) (value any, length int, err error) {
	m := machine{data: data, memo: map[uint32]any{}, storages: storages}
	if len(data) == 0 {
		return nil, 0, &shortError{missing: 1}
	}
	if data[0] != opProto {
		return nil, 0, errors.New("does not begin as a pickle of protocol 2 or later")
	}
	for range maxOps {
		at := m.pos
		op, err := m.byte()
		if err == nil && op == opStop {
			value, err = m.pop()
			if err == nil {
				return value, m.pos, nil
			}
		}
		if err == nil {
			err = m.step(op)
		}
		if err == nil && len(m.stack) > maxStack {
			err = fmt.Errorf("stack grows beyond %d", maxStack)
		}
		if err != nil {
			return nil, 0, fmt.Errorf("pickle byte %d (opcode %#02x): %w", at, op, err)
		}
	}
	return nil, 0, fmt.Errorf("pickle of more than %d opcodes", maxOps)
}

// step runs one opcode.
func (m *machine) step(op byte) error {
	switch op {
	case opProto:
		v, err := m.byte()
		if err == nil && (v < 2 || v > 5) {
			err = fmt.Errorf("protocol %d, want 2 to 5", v)
		}
		return err
	case opFrame:
		_, err := m.size(8)
		return err
	case opNone:
		return m.push(nil)
	case opNewTrue, opNewFalse:
		return m.push(op == opNewTrue)
	case opBinInt, opBinInt1, opBinInt2, opInt, opLong, opLong1, opLong4, opBinFloat:
		return m.number(op)
	case opBinString, opShortBinString, opBinUnicode, opShortBinUnicode, opBinUnicode8:
		return m.string(op)
	case opBinBytes, opShortBinBytes, opBinBytes8, opByteArray8:
		return m.bytes(op)
	case opMark:
		m.marks = append(m.marks, len(m.stack))
		return nil
	case opPop, opPopMark, opDup:
		return m.shuffle(op)
	case opBinPut, opLongBinPut, opMemoize, opBinGet, opLongBinGet:
		return m.memory(op)
	case opEmptyTuple, opTuple, opTuple1, opTuple2, opTuple3, opEmptyList, opList,
		opEmptyDict, opDict, opEmptySet, opFrozenSet:
		return m.container(op)
	case opAppend, opAppends, opSetItem, opSetItems, opAddItems:
		return m.fill(op)
	case opGlobal, opStackGlobal, opReduce, opNewObj, opNewObjEx, opBuild, opBinPersID:
		return m.object(op)
	}
	return errors.New("tensor checkpoints do not use this opcode; refused")
}

func (m *machine) push(v any) error {
	m.stack = append(m.stack, v)
	return nil
}

// pop takes the top value; it does not reach below the last MARK.
func (m *machine) pop() (any, error) {
	n := len(m.stack) - 1
	if n < 0 || len(m.marks) > 0 && n < m.marks[len(m.marks)-1] {
		return nil, errStack
	}
	v := m.stack[n]
	m.stack[n] = nil
	m.stack = m.stack[:n]
	return v, nil
}

// popN takes the top n values, in the order they were pushed.
func (m *machine) popN(n int) ([]any, error) {
	out := make([]any, n)
	for i := n - 1; i >= 0; i-- {
		v, err := m.pop()
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// popMark takes everything above the last MARK, and the mark.
func (m *machine) popMark() ([]any, error) {
	last := len(m.marks) - 1
	if last < 0 {
		return nil, errors.New("needs a MARK that is not there")
	}
	at := m.marks[last]
	m.marks = m.marks[:last]
	out := append([]any(nil), m.stack[at:]...)
	clear(m.stack[at:])
	m.stack = m.stack[:at]
	return out, nil
}

// byte reads one byte.
func (m *machine) byte() (byte, error) {
	b, err := m.take(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

// take reads n bytes, as a view of the data.
func (m *machine) take(n int) ([]byte, error) {
	if n > len(m.data)-m.pos {
		return nil, &shortError{missing: n - (len(m.data) - m.pos)}
	}
	b := m.data[m.pos : m.pos+n]
	m.pos += n
	return b, nil
}

// shortError says that a pickle ends too early, and by how much at least.
type shortError struct{ missing int }

func (e *shortError) Error() string {
	return fmt.Sprintf("truncated: at least %d bytes are missing", e.missing)
}

// size reads an unsigned little-endian number of width bytes that must be a
// possible length.
func (m *machine) size(width int) (int, error) {
	b, err := m.take(width)
	if err != nil {
		return 0, err
	}
	var wide [8]byte
	copy(wide[:], b)
	n := binary.LittleEndian.Uint64(wide[:])
	if n > math.MaxInt32 && n > uint64(len(m.data)) {
		return 0, fmt.Errorf("length %d is longer than the file", n)
	}
	return int(n), nil
}

// counted reads a length of width bytes and as many bytes after it.
func (m *machine) counted(width int) ([]byte, error) {
	n, err := m.size(width)
	if err != nil {
		return nil, err
	}
	return m.take(n)
}

// line reads up to a newline, which it drops.
func (m *machine) line() (string, error) {
	const limit = 1 << 10 // of module and class names, and of decimal integers
	rest := m.data[m.pos:min(m.pos+limit, len(m.data))]
	n := bytes.IndexByte(rest, '\n')
	if n < 0 {
		return "", errors.New("no end of line where one belongs")
	}
	m.pos += n + 1
	return string(rest[:n]), nil
}

func (m *machine) string(op byte) error {
	width := 4
	switch op {
	case opShortBinString, opShortBinUnicode:
		width = 1
	case opBinUnicode8:
		width = 8
	}
	b, err := m.counted(width)
	if err != nil {
		return err
	}
	return m.push(string(b))
}

// bytes pushes a view: bytes only occur in values that are skipped.
func (m *machine) bytes(op byte) error {
	width := 8
	switch op {
	case opBinBytes:
		width = 4
	case opShortBinBytes:
		width = 1
	}
	b, err := m.counted(width)
	if err != nil {
		return err
	}
	return m.push(b)
}

func (m *machine) number(op byte) error {
	switch op {
	case opInt, opLong:
		return m.decimal()
	case opLong1, opLong4:
		width := 1
		if op == opLong4 {
			width = 4
		}
		b, err := m.counted(width)
		if err != nil {
			return err
		}
		return m.push(twosComplement(b))
	case opBinFloat:
		b, err := m.take(8)
		if err != nil {
			return err
		}
		return m.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
	}
	width := 4 // BININT, the only signed one
	switch op {
	case opBinInt1:
		width = 1
	case opBinInt2:
		width = 2
	}
	b, err := m.take(width)
	if err != nil {
		return err
	}
	var wide [4]byte
	copy(wide[:], b)
	return m.push(int64(int32(binary.LittleEndian.Uint32(wide[:]))))
}

// decimal reads INT and LONG, which Python 2 still writes for large numbers;
// "00" and "01" are its booleans.
func (m *machine) decimal() error {
	s, err := m.line()
	if err != nil {
		return err
	}
	if s == "00" || s == "01" {
		return m.push(s == "01")
	}
	if n := len(s); n > 0 && s[n-1] == 'L' {
		s = s[:n-1]
	}
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return fmt.Errorf("integer %q is malformed or beyond 64 bits", s)
	}
	return m.push(v)
}

// twosComplement reads a little-endian signed integer of any length.
func twosComplement(b []byte) any {
	if len(b) > 8 {
		return bigInt(b)
	}
	var wide [8]byte
	copy(wide[:], b)
	if len(b) > 0 && b[len(b)-1] >= 0x80 {
		for i := len(b); i < 8; i++ {
			wide[i] = 0xff
		}
	}
	return int64(binary.LittleEndian.Uint64(wide[:]))
}
