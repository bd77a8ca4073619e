// Package data turns pictures into training samples: folders, tars and a
// built-in procedural world; decoding, resizing, masks, splits and batches.
package data
