package cpu

import "golang.org/x/sys/unix"

// adviseHuge asks for 2 MB pages; a kernel that has none says no, which is no harm.
func adviseHuge(mem []byte) { _ = unix.Madvise(mem, unix.MADV_HUGEPAGE) }
