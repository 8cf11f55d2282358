// Package cuda is a kernels.Device on an NVIDIA GPU, over the driver's own library, which is
// opened at run time: no cgo, no toolkit. It is built with the tag cuda on Linux only, so that
// the default program stays static; without the tag Open says so.
//
// The kernels are package gpu's, compiled ahead to PTX for compute capability 8.0 by NVRTC 12.2
// (kernels_*.ptx.gz, made by generate.sh), which drivers from 535 on take and compile for their card at start.
//
// Guarantees, beyond package gpu's:
//
//  1. A program is a list of launches for each shape of its slots, put on a stream with the slots' upload before them, and one
//     CUDA graph captured from that list once the shape has come a few times, made while the device works for the run that
//     asked for it. A replay is then one launch. Neither way allocates anything.
//  2. Memory is plain device memory. A buffer has a pinned mirror from the first call of Bytes on;
//     the mirror is level with what programs wrote when Bytes is called, not between its calls.
//     Slots go to the device before each program. There is no managed memory.
//  3. A missing driver, a card too old, too little memory and a lost card are errors that name
//     what was asked for and what to do. After a fault of the card itself every queue of the
//     device ends with that error.
//
// Commands and tests use Open; everything else speaks kernels.Device.
package cuda
