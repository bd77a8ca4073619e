package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
)

// memory reads and writes the traced program.
type memory interface {
	read(address uint64, to []byte) error
	write(address uint64, from []byte) error
}

// machine is the tile state of one thread.
//
// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1,
// chapter 18, and the pages of the instructions in volume 2.
type machine struct {
	configured bool
	rows       [8]int
	colsb      [8]int // bytes of a row
	tiles      [8][16][64]byte
}

// Faults of a processor.
var (
	errUndefined  = errors.New("undefined instruction (#UD)")
	errProtection = errors.New("general protection (#GP)")
)

// run carries an instruction out.
func (m *machine) run(i instruction, mem memory) error {
	switch i.op {
	case loadConfig:
		return m.configure(i.address, mem)
	case release:
		*m = machine{}
		return nil
	case zero:
		if err := m.usable(i.reg); err != nil {
			return err
		}
		m.tiles[i.reg] = [16][64]byte{}
		return nil
	case load, store:
		return m.move(i, mem)
	case multiply:
		return m.multiply(i.reg, i.rm, i.vvvv)
	}
	return fmt.Errorf("%w: not emulated", errUndefined)
}

// configure loads the shapes of all tiles.
func (m *machine) configure(address uint64, mem memory) error {
	var c [64]byte
	if err := mem.read(address, c[:]); err != nil {
		return err
	}
	if c[0] == 0 {
		*m = machine{}
		return nil
	}
	next := machine{configured: true}
	for t := range 8 {
		next.colsb[t], next.rows[t] = int(binary.LittleEndian.Uint16(c[16+2*t:])), int(c[48+t])
		if next.colsb[t] > 64 || next.rows[t] > 16 || (next.colsb[t] == 0) != (next.rows[t] == 0) {
			return fmt.Errorf("%w: tile %d has %d rows of %d bytes", errProtection, t, next.rows[t], next.colsb[t])
		}
	}
	for i, b := range c {
		if b != 0 && (i == 0 && b != 1 || i > 0 && i < 16 || i >= 32 && i < 48 || i >= 56) {
			return fmt.Errorf("%w: byte %d of the configuration is %d", errProtection, i, b)
		}
	}
	*m = next
	return nil
}

func (m *machine) usable(tiles ...int) error {
	for _, t := range tiles {
		if !m.configured || m.rows[t] == 0 {
			return fmt.Errorf("%w: tile %d is not configured", errUndefined, t)
		}
	}
	return nil
}

// move loads or stores a tile.
func (m *machine) move(i instruction, mem memory) error {
	if err := m.usable(i.reg); err != nil {
		return err
	}
	var loaded [16][64]byte
	for r := range m.rows[i.reg] {
		address := i.address + uint64(r)*i.stride
		var err error
		if i.op == load {
			err = mem.read(address, loaded[r][:m.colsb[i.reg]])
		} else {
			err = mem.write(address, m.tiles[i.reg][r][:m.colsb[i.reg]])
		}
		if err != nil {
			return err
		}
	}
	if i.op == load {
		m.tiles[i.reg] = loaded
	}
	return nil
}

// multiply is TDPBF16PS: sum += a * b.
func (m *machine) multiply(sum, a, b int) error {
	if err := m.usable(sum, a, b); err != nil {
		return err
	}
	switch {
	case sum == a || sum == b || a == b:
		return fmt.Errorf("%w: a tile twice", errUndefined)
	case m.colsb[sum]%4 != 0 || m.colsb[a]%4 != 0 || m.colsb[b]%4 != 0,
		m.rows[sum] != m.rows[a], m.colsb[a]/4 != m.rows[b], m.colsb[sum] != m.colsb[b]:
		return fmt.Errorf("%w: shapes of tiles %d, %d and %d do not fit", errUndefined, sum, a, b)
	}
	var out [16][64]byte
	for r := range m.rows[sum] {
		for c := range m.colsb[sum] / 4 {
			var parts [2]float32
			for k := range m.colsb[a] / 4 {
				for h := range parts {
					x, y := widen(m.tiles[a][r][4*k+2*h:]), widen(m.tiles[b][k][4*c+2*h:])
					parts[h] = round(float64(x)*float64(y), float64(parts[h]))
				}
			}
			at := m.tiles[sum][r][4*c:]
			before := math.Float32frombits(binary.LittleEndian.Uint32(at))
			total := round(float64(tiny(before)), float64(round(float64(parts[0]), float64(parts[1]))))
			binary.LittleEndian.PutUint32(out[r][4*c:], math.Float32bits(total))
		}
	}
	m.tiles[sum] = out
	return nil
}

// widen reads a bf16 number, subnormals as 0.
func widen(b []byte) float32 {
	return tiny(math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16))
}

// tiny is x, or 0 of its sign where x is subnormal.
func tiny(x float32) float32 {
	if math.Abs(float64(x)) < 0x1p-126 {
		return float32(math.Copysign(0, float64(x)))
	}
	return x
}

// round is x+y rounded once to 24 bits, to nearest even, with subnormal results 0
// and results too large infinite. x and y are exact.
func round(x, y float64) float32 {
	sum := x + y
	if math.IsNaN(sum) || math.IsInf(sum, 0) || sum == 0 {
		return float32(sum)
	}
	// float64 has rounded to 53 bits already. That is harmless unless the rest
	// of the sum is then at the middle between two float32 numbers.
	if math.Abs(sum) > 0x1p-120 && math.Float64bits(sum)<<35 != 1<<63 {
		return float32(sum)
	}
	exact := new(big.Float).SetPrec(2000).SetFloat64(x)
	exact.Add(exact, new(big.Float).SetFloat64(y))
	rounded := new(big.Float).SetPrec(24).SetMode(big.ToNearestEven).Set(exact)
	out, _ := rounded.Float64()
	if math.Abs(out) < 0x1p-126 {
		return float32(math.Copysign(0, out))
	}
	return float32(out)
}
