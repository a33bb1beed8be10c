package arm_test

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"nfscope/trace/arm"
	"nfscope/trace/nettest"
)

// fallback is a way to arm: auto, where the kernel has no nf_tables.
const fallback = "fallback"

// withoutNFTables has the kernel answer this process as one without nf_tables' socket does:
// a filter of its system calls refuses socket(AF_NETLINK, ..., NETLINK_NETFILTER).
func withoutNFTables() error {
	word := func(at uint32) unix.SockFilter { // of struct seccomp_data
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	unless := func(value uint32, skip uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: skip, K: value}
	}
	is := func(result uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: result}
	}
	program := []unix.SockFilter{
		word(0), unless(unix.SYS_SOCKET, 5),
		word(16), unless(unix.AF_NETLINK, 3),
		word(32), unless(unix.NETLINK_NETFILTER, 1),
		is(unix.SECCOMP_RET_ERRNO | uint32(unix.EPROTONOSUPPORT)),
		is(unix.SECCOMP_RET_ALLOW),
	}
	p := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if _, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&p))); e != 0 {
		return e
	}
	return nil
}

// TestWithoutPrivilege: who may not arm is told what it needs.
func TestWithoutPrivilege(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft")
	ns := nettest.New(t, "without")
	got := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread dies without its capabilities
		got <- func() error {
			h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
			var none [2]unix.CapUserData
			if err := unix.Capset(&h, &none[0]); err != nil {
				return err
			}
			a, err := arm.Arm(t.Context(), ns, arm.Options{Filter: parse(t, "udp")})
			if err == nil {
				err = errors.Join(errors.New("it armed"), a.Close())
			}
			return err
		}()
	}()
	if err := <-got; !errors.Is(err, os.ErrPermission) || !strings.HasSuffix(err.Error(), ": it needs CAP_NET_ADMIN in the namespace, so run nfscope as root") {
		t.Errorf("got %v", err)
	}
}
