// Package checkpoint reads and writes files of named tensors: safetensors, and
// PyTorch .pth in its zip and its legacy form.
//
// Files come from the internet, so nothing in them is trusted. The .pth reader
// is a small pickle machine of our own (pickle.go): it executes nothing, builds
// only plain values and tensor descriptions, knows only the globals that tensor
// checkpoints need (globals.go), and refuses every other one by name. Classes of a
// TorchScript program are names of modules there; its code is not looked at. Every
// allocation is bounded by the size of the file; see budget.
//
// Vocabulary:
//
//	tensor   a name, a dtype, a shape and its elements: little endian, row-major, contiguous
//	storage  the flat memory that one or more PyTorch tensors view with offset and strides
//	record   one entry of a zip archive
//	skipped  what a training checkpoint holds beside weights: optimizer state, args, epoch
//
// The smallest use:
//
//	f, err := checkpoint.Open("model.pth")
//	if err != nil { ... }
//	defer f.Close()
//	t, ok := f.Get("cls_token")
//	values, err := t.Float32()
//
// Memory: on Linux the file is mapped, and Data of a tensor is a view of that
// mapping whenever its elements lie there in order, so opening costs neither
// time nor memory in proportion to the file. Such views end with File.Close;
// a program that never calls Close may keep them forever. The mapping is
// private: writing through a view changes this process's copy, never the file.
// A file that another program truncates in place while it is mapped makes the
// reader fault; WriteAtomic never does that, it replaces.
//
// Writing goes through WriteAtomic: a file at its final name is always whole.
package checkpoint
