package tensorboard

import (
	"encoding/binary"
	"fmt"
	"os"
)

// Trim takes from the event files in dir what was written of step next and later,
// and records cut short: a run that goes on from an older state does those steps
// again. A file never has steps out of order, so it is only made shorter.
func Trim(dir string, next int) error {
	files, err := Files(dir)
	if err != nil {
		return err
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("resuming an event file: %w", err)
		}
		keep := 0
		for {
			record, end, ok := read(data, keep)
			if step, known := stepOf(record); !ok || !known || step >= int64(next) && keep > 0 {
				break
			}
			keep = end
		}
		if keep == len(data) {
			continue
		}
		if keep == 0 {
			err = os.Remove(path)
		} else {
			err = os.Truncate(path, int64(keep))
		}
		if err != nil {
			return fmt.Errorf("resuming an event file: %w", err)
		}
	}
	return nil
}

// read is the record at an offset and where it ends; not ok when it is damaged or
// the end.
func read(data []byte, at int) (record []byte, end int, ok bool) {
	rest := data[at:]
	if len(rest) < 16 || binary.LittleEndian.Uint32(rest[8:]) != masked(rest[:8]) {
		return nil, 0, false
	}
	size := binary.LittleEndian.Uint64(rest)
	if size > uint64(len(rest)-16) {
		return nil, 0, false
	}
	record = rest[12 : 12+size]
	if binary.LittleEndian.Uint32(rest[12+size:]) != masked(record) {
		return nil, 0, false
	}
	return record, at + 16 + int(size), true
}

// stepOf is the step of an Event as this package writes it: time, then step.
func stepOf(record []byte) (int64, bool) {
	if len(record) < 10 || record[0] != eventTime<<3|wire64 {
		return 0, false
	}
	if record[9] != eventStep<<3|wireVarint {
		return 0, true
	}
	v, n := binary.Uvarint(record[10:])
	return int64(v), n > 0
}
