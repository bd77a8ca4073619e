// Command tileemu runs a program on a processor without tile registers as if it
// had them: it traces the program, and where a tile instruction raises an
// undefined-opcode signal, it carries the instruction out and lets the program go
// on behind it. Each thread has tiles of its own, so an instruction that runs
// on another thread than its configuration is refused, as by a processor.
//
//	go test -tags amxemu -exec "tileemu -least 1000" ./kernels
//
// It exists for tests. Only a build with the tag amxemu believes in such tiles.
package main
