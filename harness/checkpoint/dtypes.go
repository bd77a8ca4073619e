package checkpoint

import "strings"

// torchTypes pairs what PyTorch calls an element type with what safetensors
// calls it: the storage class, the dtype, and its older name. Never written.
// The last rows have no safetensors name here: tensors of them are parsed, so
// that they may sit in what is skipped, but not read.
var torchTypes = [...]struct {
	storage, dtype, alias string
	is                    DType
	bytes                 int // of one element
}{
	{"FloatStorage", "float32", "float", F32, 4},
	{"HalfStorage", "float16", "half", F16, 2},
	{"BFloat16Storage", "bfloat16", "", BF16, 2},
	{"DoubleStorage", "float64", "double", F64, 8},
	{"LongStorage", "int64", "long", I64, 8},
	{"IntStorage", "int32", "int", I32, 4},
	{"ShortStorage", "int16", "short", I16, 2},
	{"CharStorage", "int8", "", I8, 1},
	{"ByteStorage", "uint8", "", U8, 1},
	{"BoolStorage", "bool", "", Bool, 1},
	{"ComplexFloatStorage", "complex64", "cfloat", "complex64", 8},
	{"ComplexDoubleStorage", "complex128", "cdouble", "complex128", 16},
	{"", "uint16", "", "uint16", 2},
	{"", "uint32", "", "uint32", 4},
	{"", "uint64", "", "uint64", 8},
	{"", "float8_e4m3fn", "", "float8_e4m3fn", 1},
	{"", "float8_e5m2", "", "float8_e5m2", 1},
	{"", "float8_e4m3fnuz", "", "float8_e4m3fnuz", 1},
	{"", "float8_e5m2fnuz", "", "float8_e5m2fnuz", 1},
}

// untyped marks a storage that counts bytes and leaves the type to its tensors.
const untyped DType = "untyped"

// elementBytes is the size of one element in a storage, also of types that
// this package does not read; an untyped storage counts bytes.
func elementBytes(d DType) int {
	for _, t := range torchTypes {
		if t.is == d {
			return t.bytes
		}
	}
	return 1
}

// storageName is the PyTorch class of a storage of d.
func storageName(d DType) string {
	for _, t := range torchTypes {
		if t.is == d {
			return t.storage
		}
	}
	return ""
}

// storageDType is the element type of a storage class.
func storageDType(class string) (DType, bool) {
	switch strings.TrimPrefix(class, "_") {
	case "UntypedStorage", "TypedStorage":
		return untyped, true
	case "":
		return "", false
	}
	for _, t := range torchTypes {
		if t.storage == class {
			return t.is, true
		}
	}
	return "", false
}

// dtypeByName is the element type of a torch dtype such as float32.
func dtypeByName(name string) (DType, bool) {
	for _, t := range torchTypes {
		if name != "" && (t.dtype == name || t.alias == name) {
			return t.is, true
		}
	}
	return "", false
}
