package arm_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"nfscope/trace/arm"
	"nfscope/trace/guard"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// fallback is a way to arm: auto, where the kernel has no nf_tables.
const fallback = "fallback"

// Programs of seccomp: see struct seccomp_data.
func word(at uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
}

func unless(value uint32, skip uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: skip, K: value}
}

func is(result uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: result}
}

// confine filters the system calls of this process.
func confine(program ...unix.SockFilter) error {
	p := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if _, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&p))); e != 0 {
		return e
	}
	return nil
}

// withoutNFTables has the kernel answer this process as one without nf_tables' socket does:
// a filter of its system calls refuses socket(AF_NETLINK, ..., NETLINK_NETFILTER).
func withoutNFTables() error {
	return confine(
		word(0), unless(unix.SYS_SOCKET, 5),
		word(16), unless(unix.AF_NETLINK, 3),
		word(32), unless(unix.NETLINK_NETFILTER, 1),
		is(unix.SECCOMP_RET_ERRNO|uint32(unix.EPROTONOSUPPORT)),
		is(unix.SECCOMP_RET_ALLOW),
	)
}

// asleep is a child that may not make namespaces, as in a container.
const asleep = "asleep"

// armAsleep arms where unshare(2) is refused, and prints what the trace says of itself.
func armAsleep(ns *netns.Handle) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	g, err := guard.Start(exe)
	if err != nil {
		return err
	}
	if os.Getenv("ARM_TEST_REFUSED") != "" {
		err = confine(word(0), unless(unix.SYS_UNSHARE, 1), is(unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM)), is(unix.SECCOMP_RET_ALLOW))
	}
	if err != nil {
		return err
	}
	a, err := arm.Arm(context.Background(), ns, arm.Options{Method: arm.MethodRaw, Guard: g})
	if err != nil {
		return err
	}
	st := a.State()
	if err := errors.Join(a.Close(), g.Close()); err != nil {
		return err
	}
	after := a.State()
	_, err = fmt.Println(st.NoNFT, after.NoNFT, st.Notes)
	return err
}

// TestAsleep: who may not make the namespace in which a rule keeps nf_tables' tracer awake
// says that nf_tables may tell nothing.
func TestAsleep(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy", "ip6tables-legacy")
	for refused, want := range map[string]string{"": "false false ", "yes": "true true "} {
		ns := nettest.New(t, "asleep")
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "ARM_TEST_CHILD="+asleep, "ARM_TEST_NS="+ns.Name(), "ARM_TEST_REFUSED="+refused)
		out, _ := cmd.Output() // a child never ends well
		said := string(out)
		if !strings.HasPrefix(said, want) || strings.Contains(said, "of what nf_tables' chains do nothing may be told: make a network namespace") != (refused != "") {
			t.Errorf("refused %q: it says %q, want %s", refused, said, want)
		}
	}
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
