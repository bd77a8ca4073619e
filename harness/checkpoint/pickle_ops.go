package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// shuffle runs POP, POP_MARK and DUP.
func (m *machine) shuffle(op byte) error {
	switch op {
	case opPopMark:
		_, err := m.popMark()
		return err
	case opPop: // Python lets POP drop a MARK as well
		if n := len(m.marks); n > 0 && m.marks[n-1] == len(m.stack) {
			m.marks = m.marks[:n-1]
			return nil
		}
		_, err := m.pop()
		return err
	}
	v, err := m.pop()
	if err != nil {
		return err
	}
	m.stack = append(m.stack, v, v)
	return nil
}

// memory runs the opcodes that store to and fetch from the memo.
func (m *machine) memory(op byte) error {
	index := uint32(len(m.memo)) // MEMOIZE
	if op != opMemoize {
		width := 1
		if op == opLongBinPut || op == opLongBinGet {
			width = 4
		}
		b, err := m.take(width)
		if err != nil {
			return err
		}
		var wide [4]byte
		copy(wide[:], b)
		index = binary.LittleEndian.Uint32(wide[:])
	}
	if op == opBinGet || op == opLongBinGet {
		v, ok := m.memo[index]
		if !ok {
			return fmt.Errorf("memo %d was never stored", index)
		}
		return m.push(v)
	}
	v, err := m.pop()
	if err != nil {
		return err
	}
	m.memo[index] = v
	return m.push(v)
}

// container runs the opcodes that make a tuple, list, dict or set.
func (m *machine) container(op byte) error {
	var items []any
	var err error
	switch op {
	case opTuple, opList, opDict, opFrozenSet:
		items, err = m.popMark()
	case opTuple1, opTuple2, opTuple3:
		items, err = m.popN(int(op-opTuple1) + 1)
	}
	if err != nil {
		return err
	}
	switch op {
	case opEmptyList, opList:
		return m.push(&list{items})
	case opEmptyDict, opDict:
		d := &dict{}
		if err := d.setPairs(items); err != nil {
			return err
		}
		return m.push(d)
	case opEmptySet, opFrozenSet:
		return m.push(&object{class: "builtins.set", args: items})
	}
	return m.push(tuple(items))
}

// fill runs the opcodes that add to the container below their arguments.
func (m *machine) fill(op byte) error {
	var items []any
	var err error
	switch op {
	case opAppend:
		items, err = m.popN(1)
	case opSetItem:
		items, err = m.popN(2)
	default:
		items, err = m.popMark()
	}
	if err != nil {
		return err
	}
	into, err := m.pop()
	if err != nil {
		return err
	}
	switch target := into.(type) {
	case *list:
		if op == opAppend || op == opAppends {
			target.items = append(target.items, items...)
			return m.push(into)
		}
	case *dict:
		if op == opSetItem || op == opSetItems {
			if err := target.setPairs(items); err != nil {
				return err
			}
			return m.push(into)
		}
	case *object: // a set: what it holds is of no use here
		if op == opAddItems {
			return m.push(into)
		}
	}
	return fmt.Errorf("adds items to a %s", describe(into))
}

// setPairs adds key, value, key, value, ...
func (d *dict) setPairs(items []any) error {
	if len(items)%2 != 0 {
		return errors.New("a dictionary key has no value")
	}
	for i := 0; i < len(items); i += 2 {
		d.set(items[i], items[i+1])
	}
	return nil
}

// object runs the opcodes by which pickle would import and call. Here GLOBAL
// only looks a name up in a fixed list, and the "calls" are our own
// constructors of plain values.
func (m *machine) object(op byte) error {
	switch op {
	case opGlobal:
		module, err := m.line()
		if err != nil {
			return err
		}
		name, err := m.line()
		if err != nil {
			return err
		}
		return m.pushGlobal(global{module, name})
	case opStackGlobal:
		names, err := m.popN(2)
		if err != nil {
			return err
		}
		module, ok1 := names[0].(string)
		name, ok2 := names[1].(string)
		if !ok1 || !ok2 {
			return errors.New("the name of a global is not text")
		}
		return m.pushGlobal(global{module, name})
	case opBinPersID:
		id, err := m.pop()
		if err != nil {
			return err
		}
		s, err := m.storage(id)
		if err != nil {
			return err
		}
		return m.push(s)
	case opBuild:
		return m.build()
	}
	return m.call(op)
}

// build sets the state of an object: the attributes of a module, or such as
// _metadata, none of use here.
func (m *machine) build() error {
	parts, err := m.popN(2)
	if err != nil {
		return err
	}
	switch o := parts[0].(type) {
	case *module:
		state, ok := parts[1].(*dict)
		if !ok {
			return fmt.Errorf("sets the state of a %s to a %s", describe(o), describe(parts[1]))
		}
		o.attributes = state
		return m.push(o)
	case *object, *dict, *tensorRef:
		return m.push(parts[0])
	}
	return fmt.Errorf("sets the state of a %s", describe(parts[0]))
}

// call runs REDUCE, NEWOBJ and NEWOBJ_EX.
func (m *machine) call(op byte) error {
	n := 2
	if op == opNewObjEx {
		n = 3 // keyword arguments come last, and only skipped objects have any
	}
	parts, err := m.popN(n)
	if err != nil {
		return err
	}
	g, ok1 := parts[0].(global)
	args, ok2 := parts[1].(tuple)
	if !ok1 || !ok2 {
		return fmt.Errorf("calls a %s with a %s", describe(parts[0]), describe(parts[1]))
	}
	v, err := m.construct(g, args)
	if err != nil {
		return fmt.Errorf("%s: %w", g, err)
	}
	return m.push(v)
}

func (m *machine) pushGlobal(g global) error {
	if kindOf(g) == refused {
		return &RefusedError{Global: g.String()}
	}
	return m.push(g)
}
