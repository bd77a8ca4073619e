//go:build !linux || !amd64

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "tileemu: traces programs on Linux for amd64 only")
	os.Exit(2)
}
