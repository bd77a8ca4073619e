// Package harness is a fixture of the import direction test.
package harness

import _ "lethe/layers/mae"
