package checkpoint

import "fmt"

// Parse reads a checkpoint that is in memory already, such as an embedded one;
// name stands for its path in messages.
//
// Aliasing: Data of the tensors may view data.
// Errors: as Open's about the content.
func Parse(name string, data []byte) (*File, error) {
	if len(data) == 0 {
		return nil, fmt.Errorf("checkpoint %s: it is empty", name)
	}
	f, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w", name, err)
	}
	f.Path = name
	return f, nil
}
