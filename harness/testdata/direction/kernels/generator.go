// Package kernels is a fixture of the import direction test.
package kernels

import _ "lethe/asmgen"
