package probe

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// getsockopt is the system call for an option whose value is a struct that x/sys
// does not know.
func getsockopt(fd, level, name int, value []byte) error {
	n := uint32(len(value))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(name),
		uintptr(unsafe.Pointer(&value[0])), uintptr(unsafe.Pointer(&n)), 0)
	if errno != 0 {
		return os.NewSyscallError("getsockopt", errno)
	}
	return nil
}
