package checkpoint

import (
	"runtime"
	"strings"
	"testing"
)

// The programs that make the most of a byte: each opcode a container, a table
// or a memo entry. 200 bytes per byte is the bound the fuzz targets use too.
func TestUnpickleMemoryPerByte(t *testing.T) {
	const repeat = 1 << 16
	for name, unit := range map[string]string{
		"dicts":       "}",
		"full dicts":  "}K\x01Ns",
		"named dicts": "}U\x00Ns",
		"lists":       "]Na",
		"sets":        "\x8f",
		"marks":       "(",
		"memo":        "\x94",
		"big ints":    "\x8a\x09123456789",
		"calls":       "h\x00)R",
	} {
		program := []byte("\x80\x02ccollections\nOrderedDict\nq\x00" + strings.Repeat(unit, repeat))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, err := unpickle(program, map[string]*storageRef{})
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: a pickle without STOP was accepted", name)
		}
		if per := float64(after.TotalAlloc-before.TotalAlloc) / float64(len(program)); per > 200 {
			t.Errorf("%s: %.0f bytes allocated per byte of pickle", name, per)
		} else if testing.Verbose() {
			t.Logf("%s: %.0f bytes per byte", name, per)
		}
	}
}
