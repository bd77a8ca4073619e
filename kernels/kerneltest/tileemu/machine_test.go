package main

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"
)

// ram is a memory of one region at address 1000.
type ram []byte

const ramAt = 1000

func (r ram) read(address uint64, to []byte) error {
	if address < ramAt || address+uint64(len(to)) > ramAt+uint64(len(r)) {
		return errProtection
	}
	copy(to, r[address-ramAt:])
	return nil
}

func (r ram) write(address uint64, from []byte) error {
	if address < ramAt || address+uint64(len(from)) > ramAt+uint64(len(r)) {
		return errProtection
	}
	copy(r[address-ramAt:], from)
	return nil
}

// TestDecode reads encodings that GNU as made.
func TestDecode(t *testing.T) {
	r := registers{}
	for i := range r {
		r[i] = uint64(1 << (4 * i))
	}
	for _, c := range []struct {
		code []byte
		want instruction
	}{
		{[]byte{0xc4, 0xc2, 0x78, 0x49, 0x04, 0x24}, instruction{op: loadConfig, size: 6, rm: 4, address: r[12]}},
		{[]byte{0xc4, 0xe2, 0x78, 0x49, 0xc0}, instruction{op: release, size: 5}},
		{[]byte{0xc4, 0xe2, 0x7b, 0x49, 0xd8}, instruction{op: zero, size: 5, reg: 3}},
		{[]byte{0xc4, 0xa2, 0x7b, 0x4b, 0x4c, 0x07, 0x40}, instruction{op: load, size: 7, reg: 1, rm: 4, address: r[7] + 64, stride: r[8]}},
		{[]byte{0xc4, 0xa2, 0x7b, 0x4b, 0xac, 0x19, 0, 4, 0, 0}, instruction{op: load, size: 10, reg: 5, rm: 4, address: r[1] + 1024, stride: r[11]}},
		{[]byte{0xc4, 0xc2, 0x7a, 0x4b, 0x14, 0x32}, instruction{op: store, size: 6, reg: 2, rm: 4, address: r[10], stride: r[6]}},
		{[]byte{0xc4, 0xe2, 0x42, 0x5c, 0xd5}, instruction{op: multiply, size: 5, reg: 2, rm: 5, vvvv: 7}},
		{[]byte{0x62, 0xf2, 0x7f, 0x48, 0x72, 0xc0}, instruction{}}, // VCVTNE2PS2BF16
		{[]byte{0xc4, 0xe2, 0x7d, 0x58, 0xc0}, instruction{}},       // VPBROADCASTD
		{[]byte{0xc4, 0xe2, 0xfb, 0x49, 0xd8}, instruction{}},       // W is 1
		{[]byte{0xc4, 0xe2, 0x7b, 0x4b, 0x08}, instruction{}},       // a tile in memory without SIB
		{[]byte{0xc4, 0xe2, 0x7b, 0x4b, 0xc8}, instruction{}},       // a tile loaded from a register
		{[]byte{0x0f, 0x0b}, instruction{}},                         // UD2
		{[]byte{0xc4, 0x62, 0x42, 0x5c, 0xd5}, instruction{}},       // tile 10
		{[]byte{0xc4, 0xe2, 0x02, 0x5c, 0xd5}, instruction{}},       // tile 15
		{[]byte{0xc4, 0xe2, 0x73, 0x49, 0xd8}, instruction{}},       // TILEZERO with a third operand
	} {
		got := decode(append(c.code, make([]byte, 15)...), &r)
		if got.op == notTile {
			got = instruction{}
		}
		if got != c.want {
			t.Errorf("% x is %+v, want %+v", c.code, got, c.want)
		}
	}
}

// config is a valid configuration of three tiles: 3x2 sums, 3 rows of 2 pairs, 2
// rows of 2 columns.
func config() ram {
	c := make(ram, 256)
	c[0] = 1
	for t, shape := range [][2]byte{{3, 8}, {3, 8}, {2, 8}} {
		c[48+t], c[16+2*t] = shape[0], shape[1]
	}
	return c
}

func TestFaults(t *testing.T) {
	spoiled := func(at int, to byte) ram {
		c := config()
		c[at] = to
		return c
	}
	configure := instruction{op: loadConfig, address: ramAt}
	for _, c := range []struct {
		name string
		mem  ram
		run  []instruction
		want error
	}{
		{"nothing wrong", config(), []instruction{configure, {op: zero, reg: 0}, {op: multiply, reg: 0, rm: 1, vvvv: 2}}, nil},
		{"no configuration", config(), []instruction{{op: zero, reg: 0}}, errUndefined},
		{"released", config(), []instruction{configure, {op: release}, {op: zero, reg: 0}}, errUndefined},
		{"a tile that was not configured", config(), []instruction{configure, {op: zero, reg: 3}}, errUndefined},
		{"a tile twice", config(), []instruction{configure, {op: multiply, reg: 0, rm: 1, vvvv: 1}}, errUndefined},
		{"shapes that do not fit", config(), []instruction{configure, {op: multiply, reg: 2, rm: 1, vvvv: 0}}, errUndefined},
		{"an unknown palette", spoiled(0, 2), []instruction{configure}, errProtection},
		{"a reserved byte", spoiled(5, 1), []instruction{configure}, errProtection},
		{"too many rows", spoiled(48, 17), []instruction{configure}, errProtection},
		{"too many bytes", spoiled(16, 65), []instruction{configure}, errProtection},
		{"rows without bytes", spoiled(51, 1), []instruction{configure}, errProtection},
		{"memory that is not there", config(), []instruction{configure, {op: load, reg: 0, address: 1}}, errProtection},
	} {
		m, err := machine{}, error(nil)
		for _, i := range c.run {
			if err == nil {
				err = m.run(i, c.mem)
			}
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// TestMultiply: hand values, and rows outside the shape become zero.
func TestMultiply(t *testing.T) {
	m := machine{}
	if err := m.run(instruction{op: loadConfig, address: ramAt}, config()); err != nil {
		t.Fatal(err)
	}
	put := func(tile, row, at int, x float32) {
		binary.LittleEndian.PutUint16(m.tiles[tile][row][2*at:], uint16(math.Float32bits(x)>>16))
	}
	m.tiles[0][7][0] = 1
	binary.LittleEndian.PutUint32(m.tiles[0][1][4:], math.Float32bits(100))
	for i, x := range []float32{1, 2, 3, 4} { // row 1 of a
		put(1, 1, i, x)
	}
	put(2, 0, 2, 10) // column 1 of b: pairs (10, 20) and (30, 40)
	put(2, 0, 3, 20)
	put(2, 1, 2, 30)
	put(2, 1, 3, 40)
	if err := m.multiply(0, 1, 2); err != nil {
		t.Fatal(err)
	}
	got := math.Float32frombits(binary.LittleEndian.Uint32(m.tiles[0][1][4:]))
	if want := float32(100 + 10 + 40 + 90 + 160); got != want || m.tiles[0][7][0] != 0 {
		t.Errorf("the sum is %g, want %g; row 7 holds %d", got, want, m.tiles[0][7][0])
	}
}

// TestRound: once, to nearest even, and flushed.
func TestRound(t *testing.T) {
	for _, c := range []struct {
		x, y float64
		want float32
	}{
		{1, 0x1p-24, 1},                      // a tie, to even
		{1 + 0x1p-23, 0x1p-24, 1 + 0x1p-22},  // a tie, to even
		{1 + 0x1p-24, 0x1p-100, 1 + 0x1p-23}, // more than a tie by what float64 loses
		{1 + 0x1p-24, -0x1p-100, 1},          // less than a tie
		{0x1p-126, -0x1p-127, 0},             // below the least
		{0x1p-126, -0x1p-160, 0x1p-126},      // rounds to it
		{-0x1p-127, 0, float32(math.Copysign(0, -1))},
		{math.MaxFloat32, math.MaxFloat32, float32(math.Inf(1))},
	} {
		if got := round(c.x, c.y); math.Float32bits(got) != math.Float32bits(c.want) {
			t.Errorf("%g + %g is %g, want %g", c.x, c.y, got, c.want)
		}
	}
}
