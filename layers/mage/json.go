package mage

import (
	"encoding/json"
	"fmt"
	"math"
)

// size is a number that has to be positive.
type size struct {
	name  string
	value int
}

func positive(sizes []size) error {
	for _, s := range sizes {
		if s.value <= 0 || s.value > math.MaxInt32 {
			return fmt.Errorf("mage: %s is %d, want between 1 and %d", s.name, s.value, math.MaxInt32)
		}
	}
	return nil
}

// whole is a whole number to be read from a JSON object.
type whole struct {
	key string
	dst *int
}

func object(text []byte) (map[string]json.RawMessage, error) {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("mage: reading the config: %w", err)
	}
	return raw, nil
}

// wholes reads whole numbers, perhaps written 4.0; where a key is absent the
// destination stays.
func wholes(raw map[string]json.RawMessage, prefix string, list []whole) error {
	for _, w := range list {
		value := float64(*w.dst)
		if err := field(raw, prefix, w.key, &value); err != nil {
			return err
		}
		n, err := wholeNumber(prefix+w.key, value)
		if err != nil {
			return err
		}
		*w.dst = n
	}
	return nil
}

func wholeNumber(name string, value float64) (int, error) {
	if value != math.Trunc(value) || math.Abs(value) > math.MaxInt32 {
		return 0, fmt.Errorf("mage: %s is %v, want a whole number", name, value)
	}
	return int(value), nil
}

// field reads one key of a JSON object into dst, or leaves dst if it is absent.
func field[T any](raw map[string]json.RawMessage, prefix, key string, dst *T) error {
	text, ok := raw[key]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(text, dst); err != nil {
		return fmt.Errorf("mage: %s%s is %s: %w", prefix, key, text, err)
	}
	return nil
}
