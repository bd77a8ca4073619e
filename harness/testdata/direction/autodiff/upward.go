// Package autodiff is a fixture of the import direction test.
package autodiff

import _ "lethe/layers"
