// Package metric measures how well an image was completed and how far an
// encoder moved, in float64, one file per metric with its formula and source.
//
// Vocabulary. A patch is one p x p square of an image, flattened; a removed
// patch is one that the model did not see. Normalised pixels are (v-mean)/std
// per channel, the space the model works in; displayed pixels are in [0,1].
// An estimate is a mean over samples with its spread.
//
// A set is the features of many images, one row an image; its provenance says
// which network made them, and a result over sets carries it on.
//
// Every function measures one sample, summarises numbers of many, or compares sets. A value
// that is NaN or infinite is an error that wraps ErrNonFinite, never a silent
// number: a mean over samples in which one is NaN must not exist. Slices of
// the wrong length are broken contracts and panic.
//
//	mse, err := metric.HoleMSE(pred, target, removed)
//	psnr, err := metric.PSNR(shown, truth)
//	all, err := metric.Summarise(values, metric.Bootstrap{}, rng)
package metric
