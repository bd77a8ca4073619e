// Package amx holds products of bf16 operands on tile registers (AMX), and what
// packs their operands, in assembly written by asmgen. Each function names the
// one in package generic that it equals, bit for bit.
//
// # Tiles and the Go runtime
//
// Tile registers are state of a thread, 8 KiB and a configuration, that the
// runtime of Go knows nothing of. Using them is safe because of four things.
//
//  1. The whole life of a configuration, LDTILECFG to TILERELEASE, lies inside
//     one call of one assembly function; asmgen refuses to write a function in
//     which some path breaks that. The runtime preempts a goroutine at calls and,
//     by a signal, at places the compiler has marked safe; assembly has none. So
//     the goroutine cannot move to another thread, nor another goroutine run on
//     this one, while tiles are in use. No thread needs to be locked.
//  2. A preemption signal that arrives meanwhile is delivered, and its handler
//     runs on the signal stack of the thread. The operating system saves the tiles
//     in the signal frame and restores them; the frame is about 11 KiB with them,
//     the runtime's signal stack 32 KiB. The handler sees assembly and returns.
//  3. The operating system saves tiles when it switches threads, as any register,
//     once the process has asked for them (package kernels does, at start, once;
//     the permission holds for threads of later). TILERELEASE puts the tiles
//     into their initial state, which costs a switch nothing.
//  4. A call is short: at most 640 steps of a product or 1024 of a convolution, of 25 to 150
//     nanoseconds each, or 6 columns of a gradient of filters by 128 steps, 10 to 30
//     microseconds, so a stop of the world waits for none of them.
//
// The first tile instruction on a thread traps into the operating system, which
// sets memory aside for it; that took 50 microseconds.
package amx
