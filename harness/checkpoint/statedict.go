package checkpoint

import (
	"errors"
	"fmt"
	"strconv"
)

// Bounds of the walk over a pickled value. Memoized values may be shared, so
// that a small pickle describes a tree of exponential size, or one that
// contains itself.
const (
	maxDepth  = 64
	maxVisits = 4 << 20
)

// collector walks a pickled value, keeps its tensors and notes the rest.
type collector struct {
	loader  *loader
	tensors []Tensor
	skipped []string
	visits  int
}

// stateDict finds the tensors of what torch.save was given: those of
// root["model"] or root["state_dict"] where that is a dictionary with tensors
// in it, otherwise all of root. A TorchScript program gives the parameters and
// buffers of its modules, under the names of its own state_dict.
//
// Errors: no tensors at all; two tensors of one name; a tensor that its
// storage does not hold.
func stateDict(root any, l *loader) (*File, error) {
	c := &collector{loader: l}
	if err := c.top(root); err != nil {
		return nil, err
	}
	if len(c.tensors) == 0 {
		return nil, fmt.Errorf("holds no tensors, only: %s", describe(root))
	}
	if err := checkTensors(c.tensors); err != nil {
		return nil, err
	}
	return &File{Tensors: c.tensors, Skipped: c.skipped}, nil
}

func (c *collector) top(root any) error {
	outer, ok := root.(*dict)
	if m, scripted := root.(*module); scripted {
		_, err := c.attributes("", m, 0)
		return err
	}
	if !ok {
		_, err := c.walk("tensor", root, 0)
		return err
	}
	for _, wrapper := range []string{"model", "state_dict"} {
		inner, ok := outer.get(wrapper).(*dict)
		if !ok {
			continue
		}
		found, err := c.dict("", inner, 1)
		if err != nil {
			return err
		}
		if found {
			return c.skipOthers(outer, wrapper)
		}
		c.skipped = nil
	}
	_, err := c.dict("", outer, 0)
	return err
}

// skipOthers notes all entries of d but one.
func (c *collector) skipOthers(d *dict, but string) error {
	for i, k := range d.keys {
		if k == but {
			continue
		}
		if err := c.skip("", k, d.values[i]); err != nil {
			return err
		}
	}
	return nil
}

// walk visits v, called name, and says whether it found a tensor in it. A
// container without any is noted as one thing by whoever holds it.
func (c *collector) walk(name string, v any, depth int) (found bool, err error) {
	if c.visits++; c.visits > maxVisits {
		return false, fmt.Errorf("more than %d values, counting shared ones each time", maxVisits)
	}
	if depth > maxDepth {
		return false, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	if err := c.loader.budget.take(len(name)); err != nil {
		return false, err
	}
	switch v := v.(type) {
	case *tensorRef:
		t, err := c.loader.tensor(name, v)
		if err != nil {
			return false, fmt.Errorf("tensor %q: %w", name, err)
		}
		c.tensors = append(c.tensors, t)
		return true, nil
	case *dict:
		if v.isOptimizer() {
			return false, nil
		}
		return c.dict(name, v, depth)
	case *module:
		return c.attributes(name, v, depth)
	case *list, tuple:
		for i, item := range items(v) {
			switch item.(type) {
			case *tensorRef, *dict, *list, tuple, *module:
				in, err := c.walk(join(name, strconv.Itoa(i)), item, depth+1)
				if err != nil {
					return false, err
				}
				found = found || in
			}
		}
	}
	return found, nil
}

// dict walks the entries of d. Entries without tensors are noted, unless d as a
// whole has none.
func (c *collector) dict(name string, d *dict, depth int) (found bool, err error) {
	before := len(c.skipped)
	for i, k := range d.keys {
		in := false
		if s, ok := keyText(k); ok {
			if in, err = c.walk(join(name, s), d.values[i], depth+1); err != nil {
				return false, err
			}
		}
		if !in {
			if err := c.skip(name, k, d.values[i]); err != nil {
				return false, err
			}
		}
		found = found || in
	}
	if !found {
		c.skipped = c.skipped[:before]
	}
	return found, nil
}

// attributes walks those of a module; plain values, which every module has, are not
// noted.
func (c *collector) attributes(name string, m *module, depth int) (found bool, err error) {
	before := len(c.skipped)
	found, err = c.dict(name, m.attributes, depth)
	c.skipped = c.skipped[:before]
	return found, err
}

// skip notes an entry of a dictionary called name as "name.key (kind)".
func (c *collector) skip(name string, key, value any) error {
	s, ok := keyText(key)
	if !ok {
		s = "[" + describe(key) + "]"
	}
	note := join(name, s) + " (" + describe(value) + ")"
	if err := c.loader.budget.take(len(note)); err != nil {
		return errors.New("too many things beside tensors; refused")
	}
	c.skipped = append(c.skipped, note)
	return nil
}

// keyText is the name that a dictionary key gives.
func keyText(key any) (string, bool) {
	switch k := key.(type) {
	case string:
		return k, true
	case int64:
		return strconv.FormatInt(k, 10), true
	}
	return "", false
}

func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}
