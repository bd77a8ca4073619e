package checkpoint

// storageName is the PyTorch class of a storage of d.
func storageName(d DType) string {
	for _, s := range storageClasses {
		if s.dtype == d {
			return s.name
		}
	}
	return ""
}

// storageClasses pairs the storage classes of module torch with what they hold.
// Never written.
var storageClasses = [...]struct {
	name  string
	dtype DType
}{
	{"FloatStorage", F32},
	{"HalfStorage", F16},
	{"BFloat16Storage", BF16},
	{"DoubleStorage", F64},
	{"LongStorage", I64},
	{"IntStorage", I32},
	{"ShortStorage", I16},
	{"CharStorage", I8},
	{"ByteStorage", U8},
	{"BoolStorage", Bool},
}
