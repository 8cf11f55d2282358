package objc

// Frame is purego's syscall15Args: function, 15 integers, 8 floats, a register of arm64. The
// result comes back in the first integer, or in the first float.
type Frame struct {
	fn       uintptr
	integers [15]uintptr
	floats   [8]uintptr
	_        uintptr
}
