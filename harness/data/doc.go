// Package data turns pictures into training samples: folders, tars and a
// built-in procedural world; decoding, resizing, masks, splits and batches.
//
// A Set is an ordered list of pictures with a class each; a class is a folder's
// name. A picture is 8-bit RGB, [H,W,3]; network input is [3,H,W] float32,
// normalised by channel. A mask is a shuffle order of a picture's patches, the
// visible ones first.
//
// What a Set holds, and every draw from it, is a function of the files and the
// seeds: sorted names, keyed generators (layers/rng), parallel work with one
// writer to each output. Pixels follow Pillow: its chroma interpolation, its
// colour conversion, its resampling bit for bit.
//
//	s, err := data.Open("world:train", data.Options{Classes: []string{"fish", "car"}})
//	if err != nil { ... }
//	if err := s.Load(32, data.LoadOptions{}); err != nil { ... }
//	deal := data.NewSampler(len(s.Items), 16, seed, 0)
//	for k, i := range deal.Step(nil, step) {
//		data.Normalize(batch[k], s.Pixels(i), 32, data.ImageNetMean, data.ImageNetStd) // batch[k] [3,32,32]
//	}
//
// Errors name the file and the way out; what could be dealt with is in
// Set.Warnings.
package data
