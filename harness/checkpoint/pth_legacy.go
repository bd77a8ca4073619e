package checkpoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// legacyMagic is the integer 0x1950a86a20f9469cfc6c that torch.save put first,
// little endian; legacyProtocol follows it. Source: torch/serialization.py.
var legacyMagic = []byte{0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19}

const legacyProtocol = 1001

// readLegacy reads what torch.save wrote before 1.6, and writes still on
// request: five pickles, one after the other (magic, protocol, system, object,
// list of storage keys), then for each key an 8-byte count and the elements.
//
// Aliasing: tensors view data. Legacy storages are seldom aligned, so Float32
// mostly copies them.
func readLegacy(data []byte) (*File, error) {
	storages := map[string]*storageRef{}
	rest := data
	next := func(what string) (any, error) {
		v, n, err := unpickle(rest, storages)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		rest = rest[n:]
		return v, nil
	}
	if err := legacyHead(next); err != nil {
		return nil, err
	}
	root, err := next("object")
	if err != nil {
		return nil, err
	}
	keys, err := next("list of storages")
	if err != nil {
		return nil, err
	}
	list, ok := keys.(*list)
	if !ok {
		return nil, fmt.Errorf("list of storages is a %s", describe(keys))
	}
	bytesOf, err := legacyStorages(rest, list.items, storages)
	if err != nil {
		return nil, err
	}
	f, err := stateDict(root, &loader{
		root: func(s *storageRef) ([]byte, error) {
			b, ok := bytesOf[s.key]
			if !ok {
				return nil, fmt.Errorf("storage %q is not in the file", s.key)
			}
			return b, nil
		},
		budget: newBudget(len(data)),
	})
	if err != nil {
		return nil, err
	}
	f.Format = FormatPTHLegacy
	return f, nil
}

// legacyHead checks the three pickles before the object.
func legacyHead(next func(what string) (any, error)) error {
	magic, err := next("is a Python pickle, perhaps not of torch.save")
	if err != nil {
		return err
	}
	if m, ok := magic.(bigInt); !ok || !bytes.Equal(m, legacyMagic) {
		return fmt.Errorf("is a Python pickle (%s) that torch.save did not write", describe(magic))
	}
	protocol, err := next("protocol")
	if err != nil {
		return err
	}
	if protocol != any(int64(legacyProtocol)) {
		return fmt.Errorf("legacy protocol %s, want %d", describe(protocol), legacyProtocol)
	}
	system, err := next("system")
	if err != nil {
		return err
	}
	d, ok := system.(*dict)
	if !ok {
		return fmt.Errorf("system is a %s", describe(system))
	}
	if d.get("little_endian") != any(true) {
		return errors.New("was written on a big-endian machine; the legacy format does not say how: refused, save it again in the zip format")
	}
	return nil
}

// legacyStorages cuts the end of the file into the storages that keys lists.
func legacyStorages(data []byte, keys []any, storages map[string]*storageRef) (map[string][]byte, error) {
	const count = 8 // bytes of the number of elements before each storage
	order := make([]*storageRef, len(keys))
	need := int64(0)
	for i, k := range keys {
		key, ok := k.(string)
		s := storages[key]
		if !ok || s == nil {
			return nil, fmt.Errorf("storage %s is listed, but no tensor names it", describe(k))
		}
		n, err := s.bytes()
		if err != nil {
			return nil, err
		}
		if int64(n) > maxStorage || need > maxStorage {
			return nil, fmt.Errorf("storage %q of %d bytes is larger than any machine's memory", key, n)
		}
		order[i], need = s, need+count+int64(n)
	}
	if have := int64(len(data)); need > have {
		return nil, fmt.Errorf("truncated: %d bytes are missing (the storages need %d, the file has %d of them)", need-have, need, have)
	}
	out := make(map[string][]byte, len(order))
	for _, s := range order {
		if _, twice := out[s.key]; twice {
			return nil, fmt.Errorf("storage %q is listed twice", s.key)
		}
		if n := binary.LittleEndian.Uint64(data); n != uint64(s.numel) {
			return nil, fmt.Errorf("storage %q has %d elements, its tensors say %d", s.key, n, s.numel)
		}
		n, err := s.bytes()
		if err != nil {
			return nil, err
		}
		out[s.key] = data[count : count+n : count+n]
		data = data[count+n:]
	}
	return out, nil
}

// maxStorage keeps sums of claimed sizes, in bytes, from overflowing.
const maxStorage = 1 << 48
