package main

import "encoding/binary"

// operation is what a tile instruction does.
type operation int

const (
	notTile operation = iota
	loadConfig
	storeConfig
	release
	zero
	load
	store
	multiply
)

// instruction is a decoded tile instruction.
type instruction struct {
	op       operation
	size     int // in bytes
	reg      int // ModRM.reg: the tile loaded, stored, zeroed or added to
	rm, vvvv int // the tiles multiplied
	address  uint64
	stride   uint64 // from one row to the next
}

// registers are the general-purpose registers in the order of their numbers.
type registers [16]uint64

// opcodes are the tile instructions in VEX map 0F38, by opcode and prefix.
// Those of opcode 49 differ in ModRM, too.
var opcodes = map[[2]byte]operation{
	{0x49, 0}: loadConfig, {0x49, 1}: storeConfig, {0x49, 3}: zero,
	{0x4b, 3}: load, {0x4b, 1}: load, {0x4b, 2}: store,
	{0x5c, 2}: multiply,
}

// decode reads the instruction at the start of code; op is notTile if it is
// another one, or no valid one.
func decode(code []byte, r *registers) (i instruction) {
	if len(code) < 15 || code[0] != 0xc4 || code[1]&31 != 2 || code[2]&0x84 != 0 {
		return i // not VEX map 0F38 with W 0 and 128 bits
	}
	op := opcodes[[2]byte{code[3], code[2] & 3}]
	modrm := code[4]
	mod, rm := modrm>>6, modrm&7
	i.reg, i.rm, i.vvvv = int(modrm>>3&7), int(rm), int(^code[2]>>3&15)
	i.size = 5
	if op == loadConfig && modrm == 0xc0 {
		op = release
	}
	memory := op == loadConfig || op == storeConfig || op == load || op == store
	switch {
	case op == notTile:
		return i
	case memory != (mod != 3), op != multiply && i.vvvv != 0, i.vvvv > 7:
		return i
	case op == multiply && code[1]&0xa0 != 0xa0: // R or B: no tile past 7
		return i
	case (op == loadConfig || op == storeConfig) && i.reg != 0:
		return i
	case (op == load || op == store) && rm != 4: // a SIB byte is needed
		return i
	}
	if memory {
		i.locate(code, r)
	}
	i.op = op
	return i
}

// locate decodes the address.
func (i *instruction) locate(code []byte, r *registers) {
	mod, rm := code[4]>>6, code[4]&7
	x, b := ^code[1]>>6&1, ^code[1]>>5&1
	base := rm | b<<3
	noBase := false
	if rm == 4 {
		sib := code[5]
		i.size++
		base = sib&7 | b<<3
		noBase = sib&7 == 5 && mod == 0
		if index := sib>>3&7 | x<<3; index != 4 {
			i.stride = r[index] << (sib >> 6)
		}
	} else {
		noBase = rm == 5 && mod == 0 // relative to the instruction: not used, and refused below by its address
	}
	if !noBase {
		i.address = r[base]
	}
	switch {
	case mod == 1:
		i.address += uint64(int64(int8(code[i.size])))
		i.size++
	case mod == 2 || noBase:
		i.address += uint64(int64(int32(binary.LittleEndian.Uint32(code[i.size:]))))
		i.size += 4
	}
}
