// Package tensorboard writes event files that TensorBoard reads: scalars and
// images over the steps of a run.
//
// A file is a row of records, each framed as TFRecord has it:
//
//	length   8 bytes, little endian, of data
//	check    4 bytes, masked CRC-32C of the length
//	data     one Event as a protobuf
//	check    4 bytes, masked CRC-32C of data
//
// The first Event names the version, "brain.Event:2". Every record reaches the
// system in one write, so what a killed run leaves can be read up to the last one.
//
// Files are named events.out.tfevents.SECONDS.lethe: TensorBoard asks for the
// first three words; where other writers put the name of the machine, ours says
// what wrote it, as a log should tell nothing of whose machine it was.
//
// Source: tensorflow/core/lib/io/record_writer.h, tensorflow/core/util/event.proto
// and tensorflow/core/framework/summary.proto.
package tensorboard
