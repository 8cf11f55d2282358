package machine

import "golang.org/x/sys/unix"

func brand() string {
	name, _ := unix.Sysctl("machdep.cpu.brand_string")
	return name
}
