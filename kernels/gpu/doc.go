// Package gpu holds what Metal, CUDA and the emulator share: the kernels' source in a subset of
// Metal's language (src/), and the way from an operation of the catalogue to launches of those
// kernels. It drives no hardware itself: a Backend does, and New makes a kernels.Device of one.
//
// One source, three compilers. src/gpu.h gives a kernel's signature and a dozen words their
// spelling in Metal, CUDA and C++; bodies are plain. The C++ spelling runs in an emulator
// (package emulator) that reports races, missing or wrong barriers, accesses out of bounds,
// reads of memory that nobody wrote, and divergence before a collective operation.
//
// Guarantees:
//
//  1. Every operation of package kernels in every mode and width, and over keys and values kept in every
//     way, bits equal to kernels/ref. Only integer sums are left to matrix units, and those are exact in
//     any order.
//  2. A program is replayed with nothing rebuilt: what changes lies in slots. Grids are sized for
//     the number of rows rounded up to a power of two; a program keeps a graph for each of a bounded number of
//     such sizes, whose launches are listed when it is first met. Where a device replays a graph faster than it is given its
//     launches one by one (Instantiable), it makes what it replays once the size has come a few times, or at once where
//     Device.RecordAtOnce was asked for; both are the same launches, and so the same bits.
//  3. Slots and lists of blocks are checked on the host before a program runs, so that no wrong
//     index reaches a device. An expert outside its table, which only the device sees, is a fault all the same.
//     Operations whose slots count nothing are left out of the graph.
//  4. A program's scratch is its own; two queues may run two programs at once.
//
// Products choose their kernels by rows: one row by src/line.metal, few by src/product.metal and src/part.metal, many by
// src/stream.metal, and prefill's, where weights are of 4 bits and there are tiles enough for the device, by src/tile.metal,
// which copies both sides to threadgroup memory ahead of time. There the order of float32 sums bounds the rate, no memory:
// 16 float operations go with two matrix steps. Traits says what a device takes of this; Metal, which has no matrix step for
// integers, takes neither of the last two. Attention of lanes with many rows takes a tile of query vectors a threadgroup
// (src/attention_tile.metal), other lanes of the same forward a row (src/attention.metal), and quantised keys and values always.
// Norms, gated units and the recurrence of a prompt's rows have kernels of their own (src/rows_many.metal, src/delta_long.metal).
//
// A Backend's memory may be a mirror: then what a program wrote is level with the host's view from
// the next call of Buffer.Bytes on, and what the host wrote since its last call of Bytes, or in
// slots at any time, is level before the next program that names the buffer runs.
//
// Devices of packages cuda and metal, the emulator and their tests use this package.
package gpu
