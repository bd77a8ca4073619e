package checkpoint

import "fmt"

// What the pickle machine can hold. Python's None is nil, bool is bool, int is
// int64, float is float64, str (and Python 2's byte str) is string, bytes is
// []byte; the rest is below.
type (
	// list grows by APPEND, so it is a pointer type.
	list struct{ items []any }

	tuple []any

	// bigInt is an integer beyond 64 bits, as its little-endian two's complement.
	bigInt []byte

	// global is the name of a Python object that pickle would import. Here it
	// stays a name.
	global struct{ module, name string }

	// object is an instance of a class whose content nobody needs: args of a
	// training script, numpy scalars, paths.
	object struct {
		class string
		args  tuple
	}

	// module is an instance of a class of a TorchScript program, whose code is never
	// read: its attributes are parameters, buffers, other modules and plain values.
	module struct {
		class      string
		attributes *dict
	}

	// dict keeps insertion order, as Python's does; OrderedDict, defaultdict and
	// Counter are dicts too. str and int keys find their earlier value.
	dict struct {
		keys, values []any
		index        map[any]int
	}
)

func (g global) String() string { return g.module + "." + g.name }

// set is d[key] = value.
func (d *dict) set(key, value any) {
	switch key.(type) {
	case string, int64:
		if at, ok := d.index[key]; ok {
			d.values[at] = value
			return
		}
		if d.index == nil {
			d.index = map[any]int{}
		}
		d.index[key] = len(d.keys)
	}
	d.keys = append(d.keys, key)
	d.values = append(d.values, value)
}

// get is d.get(key).
func (d *dict) get(key any) any {
	if at, ok := d.index[key]; ok {
		return d.values[at]
	}
	return nil
}

// describe names the kind of a value for a person.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return fmt.Sprintf("bool %t", v)
	case int64:
		return fmt.Sprintf("int %d", v)
	case float64:
		return fmt.Sprintf("float %g", v)
	case bigInt:
		return "int"
	case string:
		if len(v) > 40 {
			return fmt.Sprintf("str of %d bytes", len(v))
		}
		return fmt.Sprintf("str %q", v)
	case []byte:
		return fmt.Sprintf("bytes, %d", len(v))
	case *list:
		return fmt.Sprintf("list of %d", len(v.items))
	case tuple:
		return fmt.Sprintf("tuple of %d", len(v))
	case *dict:
		if v.isOptimizer() {
			return "optimizer state"
		}
		return fmt.Sprintf("dict of %d", len(v.keys))
	case *object:
		return v.class
	case *module:
		return v.class
	case global:
		return v.String()
	case *tensorRef:
		return "tensor"
	case *storageRef:
		return "storage"
	}
	return fmt.Sprintf("%T", v)
}

// isOptimizer recognises what torch.optim.Optimizer.state_dict gives.
func (d *dict) isOptimizer() bool {
	_, state := d.get("state").(*dict)
	_, groups := d.get("param_groups").(*list)
	return state && groups
}
