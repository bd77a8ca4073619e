// Package tsne lays out high-dimensional points in the plane by exact t-SNE, so
// that a picture shows which sets of features overlap.
//
// Vocabulary. Affinities P are the joint neighbourhood probabilities of the
// points, Q those of their places in the plane; the layout minimises KL(P||Q).
//
// Everything is float64, drawn from a seed, and the same bits for any number
// of workers. The work of a step grows with n^2, the memory too: meant for up to
// a few thousand points.
//
// A picture of t-SNE shows who is near whom. Distances between clusters, and
// their sizes, mean nothing, and another seed gives another picture.
package tsne
