package live

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// changing are the system calls by which a process changes anything outside of itself,
// or begins another.
func changing(nr uint64) bool {
	switch nr {
	case unix.SYS_SENDTO, unix.SYS_SENDMSG, unix.SYS_WRITE, unix.SYS_BIND, unix.SYS_SETSOCKOPT, unix.SYS_CLONE, unix.SYS_RENAMEAT, unix.SYS_MKDIRAT:
		return true
	}
	return false
}

// killedAt starts a child that arms and kills it right after its n-th changing system
// call, of any thread. It gives the number of calls it has made; ready is true where it
// came to the end of arming first.
func killedAt(t *testing.T, ns *netns.Handle, method, both string, n int) (calls int, ready bool) {
	t.Helper()
	runtime.LockOSThread() // who begins the tracing must go on with it
	defer runtime.UnlockOSThread()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	in, hold, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killEnv+"="+ns.Name(), killEnv+"_METHOD="+method, killEnv+"_BOTH="+both)
	cmd.Stdin, cmd.Stdout = in, w
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = w.Close(), in.Close()
	pid := cmd.Process.Pid
	entered := map[int]bool{}
	known := map[int]bool{pid: true}
	first := true
	for {
		tid, ws, err := waitTraced(pid, known)
		if err != nil {
			t.Fatalf("wait: %v", err)
		}
		if ws.Exited() || ws.Signaled() {
			if tid == pid {
				out := make([]byte, 512)
				k, _ := r.Read(out)
				if !ws.Signaled() {
					t.Fatalf("the child ended by itself: %s", out[:k])
				}
				return calls, strings.HasPrefix(string(out[:k]), "ready")
			}
			continue
		}
		pass := 0
		switch sig := ws.StopSignal(); {
		case first:
			first = false
			err = unix.PtraceSetOptions(pid, unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_EXITKILL)
			if err != nil {
				t.Fatal(err)
			}
		case sig == unix.SIGTRAP|0x80:
			entered[tid] = !entered[tid]
			if entered[tid] {
				break
			}
			var regs unix.PtraceRegs
			if unix.PtraceGetRegs(tid, &regs) == nil && changing(regs.Orig_rax) && int64(regs.Rax) >= 0 {
				calls++
				done := regs.Orig_rax == unix.SYS_WRITE && regs.Rdi == 1
				if calls == n || done {
					if err := unix.Kill(pid, unix.SIGKILL); err != nil {
						t.Fatal(err)
					}
				}
			}
		case sig == unix.SIGTRAP || sig == unix.SIGSTOP && !known[tid]:
			known[tid] = true
		default:
			pass = int(sig)
		}
		if err := unix.PtraceSyscall(tid, pass); err != nil && err != unix.ESRCH {
			t.Fatal(err)
		}
	}
}

// waitTraced waits for what happens next to a thread of a process that this thread traces.
// Other processes that were begun on this thread, by other tests, are theirs to wait for.
func waitTraced(pid int, known map[int]bool) (tid int, ws unix.WaitStatus, err error) {
	for {
		var si unix.Siginfo
		err := unix.Waitid(unix.P_ALL, 0, &si, unix.WEXITED|unix.WSTOPPED|unix.WALL|unix.WNOTHREAD|unix.WNOWAIT, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, 0, err
		}
		const at = 16 // si_pid (siginfo_t of x86-64)
		tid := int(*(*int32)(unsafe.Add(unsafe.Pointer(&si), at)))
		if !known[tid] {
			if _, err := os.Stat(fmt.Sprintf("/proc/%d/task/%d", pid, tid)); err != nil {
				runtime.Gosched()
				continue
			}
		}
		_, err = unix.Wait4(tid, &ws, unix.WALL|unix.WNOTHREAD, nil)
		return tid, ws, err
	}
}

// TestKilledAnywhere kills a process that arms after each system call by which it
// changes something, and waits until nothing of it is left: no table, no rule, no
// sysctl, nobody on NFLOG's group.
func TestKilledAnywhere(t *testing.T) {
	nettest.Kernel(t, "nft", "iptables-legacy-restore", "iptables-legacy-save")
	t.Parallel()
	for _, c := range []struct{ name, method, both string }{
		{"owner", "owner", ""},
		{"raw", "raw", ""},
		{"both directions and misses", "owner", "udp and src host 10.1.0.2 and dst host fd02::2 or tcp and host 10.2.0.2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ns := nettest.New(t, "killed")
			nettest.Feed(t, ns, "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n"+accept4+"COMMIT\n", "iptables-legacy-restore")
			nettest.Feed(t, ns, "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n", "ip6tables-legacy-restore")
			if c.both != "" { // conntrack is at work in both families, so each has a table for what only it knows
				nettest.Feed(t, ns, "table ip killed { set members { type ipv4_addr; elements = { 10.1.0.2 }; }; }\n"+
					"table inet tracks { chain in { type filter hook input priority 0; ct state invalid drop; }; }\n", "nft", "-f", "-")
			}
			state := func() string {
				return nettest.Run(t, ns, "nft", "list", "ruleset") + nettest.Run(t, ns, "iptables-legacy-save", "-t", "raw") + nettest.Run(t, ns, "ip6tables-legacy-save", "-t", "raw") +
					nettest.Run(t, ns, "cat", "/proc/sys/net/netfilter/nf_log/2", "/proc/sys/net/netfilter/nf_log/10", "/proc/net/netfilter/nfnetlink_log")
			}
			before := plain(state())
			total, ready := killedAt(t, ns, c.method, c.both, -1)
			if !ready {
				t.Fatal("the child never armed")
			}
			clean := func(n int) {
				for deadline := time.Now().Add(patience); ; {
					now := plain(state())
					if now == before {
						return
					}
					if time.Now().After(deadline) {
						t.Fatalf("killed after call %d of %d, it left:\n%s\nbefore:\n%s", n, total, now, before)
					}
				}
			}
			clean(total)
			step := max(1, total/killPoints)
			tried := 0
			for n := 1; n < total; n += step {
				killedAt(t, ns, c.method, c.both, n)
				clean(n)
				tried++
			}
			t.Logf("%d calls change something; killed after %d of them", total, tried)
		})
	}
}

// killPoints is how many of the system calls are tried at least, evenly spread, where there are so many.
const killPoints = 60

// plain is iptables-save's text without its dates and counters.
func plain(text string) string {
	var b strings.Builder
	for l := range strings.Lines(text) {
		if strings.HasPrefix(l, "#") {
			continue
		}
		if strings.HasPrefix(l, ":") {
			l, _, _ = strings.Cut(l, " [")
			l += "\n"
		}
		b.WriteString(l)
	}
	return b.String()
}
