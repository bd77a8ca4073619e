package checkpoint

import (
	"errors"
	"fmt"
	"strings"
)

// RefusedError says that a .pth wants a Python global that tensors do not need.
// Nothing was executed: the reader only knows names, never code.
type RefusedError struct {
	Global string // module.name
}

func (e *RefusedError) Error() string {
	hint := "a checkpoint of tensors does not need it, and nothing was executed"
	if !strings.HasPrefix(e.Global, "os.") && !strings.HasPrefix(e.Global, "posix.") {
		hint += "; if the file holds a whole model object, save its state_dict() instead"
	}
	return fmt.Sprintf("Python global %q refused: %s", e.Global, hint)
}

// kind says what the reader makes of a global when it is called.
type kind int

const (
	refused      kind = iota
	opaque            // an *object that remembers its class only
	dictionary        // a *dict
	scripted          // a *module
	tensorV2          // torch._utils._rebuild_tensor and _v2
	tensorV3          // torch._utils._rebuild_tensor_v3: names its dtype
	parameter         // its first argument, a tensor
	typedTensor       // torch._tensor._rebuild_from_type_v2: calls its first argument
	storageClass      // not callable; inside persistent ids
	dtypeName         // not callable; an argument of tensorV3
)

// kindOf is the list of globals this reader knows; anything not here is
// refused. None of them is ever imported or run: opaque ones become a name.
func kindOf(g global) kind {
	switch g.module {
	case "collections":
		switch g.name {
		case "OrderedDict", "defaultdict", "Counter":
			return dictionary
		}
	case "torch._utils":
		switch g.name {
		case "_rebuild_tensor", "_rebuild_tensor_v2":
			return tensorV2
		case "_rebuild_tensor_v3":
			return tensorV3
		case "_rebuild_parameter", "_rebuild_parameter_with_state":
			return parameter
		}
	case "torch._tensor":
		if g.name == "_rebuild_from_type_v2" {
			return typedTensor
		}
	case "torch", "torch.cuda", "torch.storage":
		return torchKind(g.name)
	}
	if g.module == "__torch__" || strings.HasPrefix(g.module, "__torch__.") {
		return scripted
	}
	if isOpaque(g) {
		return opaque
	}
	return refused
}

func torchKind(name string) kind {
	if _, ok := storageDType(name); ok {
		return storageClass
	}
	if _, ok := dtypeByName(name); ok {
		return dtypeName
	}
	switch name {
	case "Size", "device", "Tensor":
		return opaque
	}
	return refused
}

// isOpaque lists the classes of plain values that training scripts leave in a
// checkpoint. They are parsed and skipped.
func isOpaque(g global) bool {
	switch g.module {
	case "argparse":
		return g.name == "Namespace"
	case "types":
		return g.name == "SimpleNamespace"
	case "_codecs": // how protocol 2 spells bytes
		return g.name == "encode"
	case "torch.jit._pickle": // lists and dictionaries of a TorchScript program
		return strings.HasPrefix(g.name, "build_") || g.name == "restore_type_tag"
	case "copyreg", "copy_reg":
		return g.name == "_reconstructor"
	case "torch.nn.parameter":
		return g.name == "Parameter" || g.name == "Buffer"
	case "builtins", "__builtin__":
		switch g.name {
		case "set", "frozenset", "list", "tuple", "dict", "int", "long", "float", "bool", "str", "unicode",
			"bytes", "bytearray", "complex", "slice", "range", "xrange", "object":
			return true
		}
	case "pathlib", "pathlib._local":
		switch g.name {
		case "Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath":
			return true
		}
	case "datetime":
		switch g.name {
		case "date", "time", "datetime", "timedelta", "timezone":
			return true
		}
	case "numpy":
		switch g.name {
		case "ndarray", "dtype":
			return true
		}
	case "numpy.core.multiarray", "numpy._core.multiarray":
		return g.name == "scalar" || g.name == "_reconstruct"
	case "numpy.core.numeric", "numpy._core.numeric": // an array in protocol 5
		return g.name == "_frombuffer"
	}
	return false
}

// construct makes what a call of g would: a plain value, a tensor description
// or an opaque object.
func (m *machine) construct(g global, args tuple) (any, error) {
	switch kindOf(g) {
	case opaque:
		return &object{class: g.String(), args: args}, nil
	case dictionary:
		return m.newDict(args)
	case scripted:
		return &module{class: g.String(), attributes: &dict{}}, nil
	case tensorV2, tensorV3:
		return newTensorRef(kindOf(g), args)
	case parameter:
		if len(args) > 0 {
			if t, ok := args[0].(*tensorRef); ok {
				return t, nil
			}
		}
		return nil, errors.New("its first argument is not a tensor")
	case typedTensor: // (function, type, arguments, state)
		if len(args) == 4 {
			f, ok1 := args[0].(global)
			inner, ok2 := args[2].(tuple)
			if ok1 && ok2 && kindOf(f) != typedTensor {
				return m.construct(f, inner)
			}
		}
		return nil, errors.New("malformed arguments")
	}
	return nil, errors.New("cannot be called")
}

// newDict makes the dict of OrderedDict(pairs), Counter(dict) or
// defaultdict(factory). It is the one constructor that copies, so a pickle
// could multiply its size by copying one container again and again: what is
// copied is bounded by the length of the pickle.
func (m *machine) newDict(args tuple) (any, error) {
	d := &dict{}
	for _, a := range args {
		switch a := a.(type) {
		case *dict:
			m.copied += len(a.keys)
			if m.copied > len(m.data) {
				return nil, errCopies
			}
			for i, k := range a.keys {
				d.set(k, a.values[i])
			}
		case *list:
			m.copied += len(a.items)
			if m.copied > len(m.data) {
				return nil, errCopies
			}
			for _, item := range a.items {
				pair := items(item)
				if len(pair) != 2 {
					return nil, errors.New("an item is not a pair of key and value")
				}
				d.set(pair[0], pair[1])
			}
		case global, nil: // default_factory
		default:
			return nil, fmt.Errorf("argument is a %s", describe(a))
		}
	}
	return d, nil
}

var errCopies = errors.New("copies containers again and again; refused")

// items gives what a list or tuple holds, nil for anything else.
func items(v any) []any {
	switch v := v.(type) {
	case tuple:
		return v
	case *list:
		return v.items
	}
	return nil
}
