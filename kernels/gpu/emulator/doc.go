// Package emulator runs the kernels of package gpu on the CPU, for tests: a C++ program, compiled
// on first use from the same source that Metal and CUDA get, in which a GPU's threads are fibers.
// It checks what a GPU does not: every access against the bounds of its buffer and of threadgroup
// memory, races between threads that no barrier orders, reads of threadgroup memory that nobody
// wrote, barriers and shuffles that not all threads reach. A finding is an error of the queue that
// names the kernel, the buffer, the threads and the source lines.
//
// Open gives a kernels.Device. Its memory is shared with the child process, so that buffers are
// the host's own. Order of threads, simdgroups and threadgroups follows Options.Seed: equal bits
// under several seeds say that no result hangs on it.
//
// It needs a C++17 compiler: clang++ or g++ on PATH, or the command in MTPLX_CXX. Compiler tells
// which, or ErrNoCompiler. A crash or an endless loop of a kernel ends the child and is an error.
//
// For tests and self-tests; a program that wants speed does not use it.
package emulator
