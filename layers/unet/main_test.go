package unet

import (
	"testing"

	"lethe/layers/benchmain"
)

func TestMain(m *testing.M) { benchmain.Main(m, "GFLOP/s better=higher") }
