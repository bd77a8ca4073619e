package report

import (
	"bytes"
	"flag"
	"os"
	"testing"
)

var pageOut = flag.String("page", "", "write the page of the fixture to this file, to look at it")

func TestWriteIsDeterministic(t *testing.T) {
	var first, second bytes.Buffer
	if err := Write(&first, fixture()); err != nil {
		t.Fatal(err)
	}
	if err := Write(&second, fixture()); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the same page gave different bytes")
	}
	if *pageOut != "" {
		if err := os.WriteFile(*pageOut, first.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
