// Package layers is a fixture of the import direction test.
package layers

import _ "lethe/autodiff"
