package drops

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"nfscope/model/drop"
	"nfscope/model/feed"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// inside says that this test is its own child, in a user namespace.
const inside = "NFS_DROPS_INSIDE"

// TestCounters: the same causes where the kernel refuses eBPF and perf for real, in a user
// namespace with networks of its own: the counters are all there is, and where a rule dropped
// none blames the kernel.
func TestCounters(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy", "nft", "tc", "ip", "sysctl")
	if os.Getenv(inside) == "" {
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(exe, "-test.run=^TestCounters$", "-test.v")
		cmd.Env = append(os.Environ(), inside+"=1")
		root := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNET | unix.CLONE_NEWNS, UidMappings: root, GidMappings: root}
		out, err := cmd.CombinedOutput()
		if n := strings.Count(string(out), "    --- PASS: TestCounters/"); err != nil || n < 20 {
			t.Errorf("%d causes, %v:\n%s", n, err, out)
		}
		return
	}
	for _, c := range causes() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			net, host := build(t, &c)
			w := watch(t, host, Options{Counters: 50 * time.Millisecond})
			if l := w.Watch().Lift; w.Watch().Step != drop.StepProc || len(l) != 2 || !strings.Contains(l[0].Why, "user namespace") || !strings.Contains(l[1].Why, "user namespace") {
				t.Fatalf("%+v", w.Watch())
			}
			c.fire(t, net)
			var all []*drop.Drop
			if c.counter == "" { // all there is has been told once another's counter is, twice
				for range 2 {
					closedPort(t, host, 1)
					_, more := w.until(t, "UdpNoPorts", func(d *drop.Drop) bool { return d.Reason == "UdpNoPorts" })
					all = append(all, more[:len(more)-1]...)
				}
			} else {
				_, all = w.until(t, c.counter, func(d *drop.Drop) bool { return d.Reason == c.counter })
			}
			c.checkCounters(t, all)
		})
	}
}

// tracefs mounts it.
func tracefs(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := unix.Mount("tracefs", dir, "tracefs", 0, ""); err != nil {
		nettest.Skip(t, "no tracefs: "+err.Error())
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestPerfmon: with CAP_PERFMON and no other capability eBPF is refused, and perf tells; with
// none, nor CAP_BPF alone, it does not, and what would lift it is said.
func TestPerfmon(t *testing.T) {
	nettest.Kernel(t, "setpriv")
	dir, ns := tracefs(t), nettest.New(t, "perfmon")
	for _, c := range []struct {
		caps string
		step drop.Step
		lift []drop.Step
	}{
		{"-all,+perfmon", drop.StepPerf, []drop.Step{drop.StepBPF}},
		{"-all,+bpf", drop.StepProc, []drop.Step{drop.StepBPF, drop.StepPerf}},
	} {
		t.Run(c.caps, func(t *testing.T) {
			var cmd *exec.Cmd
			var lines *bufio.Scanner
			var stdin io.Closer
			nettest.Do(t, ns, func() error {
				cmd, lines, stdin = child(t, nil, []string{tracefsDir + "=" + dir}, "setpriv", "--inh-caps", c.caps, "--bounding-set", c.caps)
				return nil
			})
			var w drop.Watch
			if err := json.Unmarshal([]byte(next(t, lines, "watch")), &w); err != nil {
				t.Fatal(err)
			}
			var lift []drop.Step
			for _, l := range w.Lift {
				if lift = append(lift, l.Step); !strings.Contains(l.Why, "it needs CAP_") || l.Fix == "" {
					t.Errorf("%+v", l)
				}
			}
			if w.Step != c.step || !slices.Equal(lift, c.lift) {
				t.Fatalf("%+v, want %s with %v to lift", w, c.step, c.lift)
			}
			next(t, lines, map[drop.Step]string{drop.StepPerf: "drop NO_SOCKET", drop.StepProc: "drop UdpNoPorts"}[c.step])
			_ = stdin.Close()
			for lines.Scan() {
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestNoTracefs: where tracefs is nowhere, that is said, and how to mount it.
func TestNoTracefs(t *testing.T) {
	nettest.Kernel(t)
	t.Parallel()
	r, err := Open(nettest.New(t, "none"), Options{Most: drop.StepPerf, Tracefs: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if w := r.Watch(); w.Step != drop.StepProc || len(w.Lift) != 1 || !strings.Contains(w.Lift[0].Fix, "mount -t tracefs") {
		t.Errorf("%+v", w)
	}
}

// closedPort sends n datagrams to a port of lo where nobody listens.
func closedPort(t testing.TB, ns *netns.Handle, n int) {
	t.Helper()
	nettest.Do(t, ns, func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		for range n {
			if err := unix.Sendto(fd, []byte("x"), 0, &unix.SockaddrInet4{Port: 99, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
				return err
			}
		}
		return nil
	})
}

// TestLimit: of a flood the bucket lets some by, and the rest is counted by reason and
// place, to the packet, but for those that the kernel says it passed the program over for.
func TestLimit(t *testing.T) {
	nettest.Kernel(t)
	ns := nettest.New(t, "flood")
	const rate, burst, flood = 50, 10, 3000
	w := watch(t, ns, Options{Rate: rate, Burst: burst, Counters: 50 * time.Millisecond, NoFacts: true})
	needBPF(t, w.Watch())
	began, was := time.Now(), w.missed(t)
	closedPort(t, ns, flood)
	w.settled(t, func(drop.Watch) bool { return noPorts(t, ns) >= flood })
	var all, passed uint64 // passed over, of the host
	w.settled(t, func(drop.Watch) bool {
		c, err := w.probe.counts()
		if err != nil {
			t.Fatal(err)
		}
		all, passed = c[statTold]+c[statHeld]+c[statLost], w.missed(t)-was
		return all+passed >= flood
	})
	told, held := 0, uint64(0)
	w.until(t, "all of the flood", func(d *drop.Drop) bool {
		if d.Reason == "NO_SOCKET" && d.HasPacket() {
			told++
		} else if d.Reason == "NO_SOCKET" {
			held += d.Count
			if d.Station != drop.StationSocket || d.Place == "" {
				t.Errorf("what was held back has no place: %s", line(d))
			}
		}
		return uint64(told)+held >= all
	})
	if most := burst + int(rate*time.Since(began).Seconds()) + 2; told < burst || told > most || uint64(told)+held != all || all > flood {
		t.Errorf("%d told (%d to %d were due), %d held back, of %d, and %d passed over", told, burst, most, held, flood, passed)
	}
	if got := w.settled(t, func(w drop.Watch) bool { return w.Held >= held }); got.Held != held || got.Merged != 0 || got.Lost != 0 {
		t.Errorf("%+v, want %d held", got, held)
	}
}

// settled waits until the Reader's own counters say what is expected.
func (w *watching) settled(t testing.TB, ok func(drop.Watch) bool) drop.Watch {
	t.Helper()
	deadline := time.After(nettest.InVain)
	for {
		w.mu.Lock()
		now := w.watch
		w.mu.Unlock()
		if ok(now) {
			return now
		}
		select {
		case <-deadline:
			t.Fatalf("the counters stay at %+v", now)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// TestOthers: a drop in another namespace, or of a protocol that was not asked for, does
// not leave the kernel.
func TestOthers(t *testing.T) {
	nettest.Kernel(t)
	mine, other := nettest.New(t, "mine"), nettest.New(t, "other")
	w := watch(t, mine, Options{NoFacts: true, Proto: unix.IPPROTO_UDP})
	needBPF(t, w.Watch())
	closedPort(t, other, 50)
	if _, err := nettest.Dial(t, mine, "tcp", "", "127.0.0.1:98", time.Second); err == nil {
		t.Fatal("somebody listens")
	}
	d, all := w.fired(t, "mine", func() { closedPort(t, mine, 1) }, func(d *drop.Drop) bool { return d.HasPacket() && d.Packet.DPort == 99 })
	if len(all) != 1 || d.Netns != w.Watch().Netns {
		t.Errorf("%d came: %s", len(all), line(d))
	}
	c, err := w.probe.counts()
	if err != nil || c[statTold] != 1 || c[statHeld] != 0 {
		t.Errorf("counters %v, %v", c, err)
	}
}

// TestMain becomes the program that TestRefused and TestKilled start.
func TestMain(m *testing.M) {
	if os.Getenv("NFS_DROPS_CHILD") == "" {
		os.Exit(m.Run())
	}
	if err := told(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// told prints what the reader can here and what it tells, until stdin ends.
func told() error {
	ns, err := netns.Current()
	if err != nil {
		return err
	}
	r, err := Open(ns, Options{Counters: 20 * time.Millisecond, Tracefs: os.Getenv(tracefsDir)})
	if err != nil {
		return err
	}
	b, err := json.Marshal(r.Watch())
	if err != nil {
		return err
	}
	fmt.Printf("watch %s\n", b)
	if r.probe != nil {
		i, err := r.probe.prog.Info()
		if err != nil {
			return err
		}
		id, _ := i.ID()
		fmt.Printf("program %d\n", id)
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() { // ends with the parent's end of the pipe
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	if u, err := net.Dial("udp", "127.0.0.1:99"); err == nil {
		_, _ = u.Write([]byte("x"))
		_ = u.Close()
	}
	return r.Run(ctx, func(it feed.Item) {
		if it.Drop != nil {
			fmt.Printf("drop %s .\n", it.Drop.Reason)
		}
	})
}

// tracefsDir tells that program where tracefs is.
const tracefsDir = "NFS_DROPS_TRACEFS"

// child starts this test as that program, with more in its environment, by another program
// that runs it; lines gives what it prints.
func child(t *testing.T, attr *syscall.SysProcAttr, env []string, by ...string) (cmd *exec.Cmd, lines *bufio.Scanner, stdin io.Closer) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	by = append(by, exe)
	cmd = exec.Command(by[0], by[1:]...)
	cmd.Env = append(append(os.Environ(), "NFS_DROPS_CHILD=1"), env...)
	cmd.SysProcAttr = attr
	cmd.Dir = "/"
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out), in
}

// next gives the rest of the next line that begins so.
func next(t *testing.T, s *bufio.Scanner, begin string) string {
	t.Helper()
	var all []string
	for s.Scan() {
		if rest, ok := strings.CutPrefix(s.Text(), begin+" "); ok {
			return rest
		}
		all = append(all, s.Text())
	}
	t.Fatalf("no line %q: %s", begin, strings.Join(all, "\n"))
	return ""
}

// readable copies the test's program where nobody else but root could not read it.
func readable(t *testing.T) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for dir := exe; dir != "/"; dir = dir[:strings.LastIndexByte(dir, '/')] {
		if st, err := os.Stat(dir); err == nil && st.Mode()&0o005 != 0o005 {
			if err := os.Chmod(dir, st.Mode()|0o005); err != nil {
				t.Fatal(err)
			}
		}
		if strings.Count(dir, "/") == 1 {
			break
		}
	}
}

// TestRefused: where eBPF and perf are refused, the counters go on, and what would lift
// it is said.
func TestRefused(t *testing.T) {
	nettest.Kernel(t)
	readable(t)
	ns := nettest.New(t, "refused")
	for _, c := range []struct {
		name, why, fix string
		attr           syscall.SysProcAttr
	}{
		{"user namespace", "in a user namespace the kernel refuses it to everybody", "sudo nfscope --netns", syscall.SysProcAttr{
			Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNET, UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}, GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}}},
		{"no capability", "it needs CAP_BPF and CAP_PERFMON", "sudo nfscope", syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var cmd *exec.Cmd
			var lines *bufio.Scanner
			var stdin io.Closer
			nettest.Do(t, ns, func() error { // a child begins where the thread is that starts it
				cmd, lines, stdin = child(t, &c.attr, nil)
				return nil
			})
			var w drop.Watch
			if err := json.Unmarshal([]byte(next(t, lines, "watch")), &w); err != nil {
				t.Fatal(err)
			}
			if w.Step != drop.StepProc || len(w.Lift) != 2 || w.Lift[0].Step != drop.StepBPF || w.Lift[1].Step != drop.StepPerf {
				t.Fatalf("%+v", w)
			}
			if l := w.Lift[0]; !strings.Contains(l.Why, c.why) || !strings.Contains(l.Fix, c.fix) || strings.Contains(l.Why, "MEMLOCK") {
				t.Errorf("%+v", l)
			}
			if c.attr.Cloneflags == 0 { // lo is up: the datagram to a closed port is in the counters
				next(t, lines, "drop UdpNoPorts")
			}
			_ = stdin.Close()
			for lines.Scan() {
			}
			if err := cmd.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// loaded reports whether the kernel has a program of ours.
func loaded(t *testing.T, id ebpf.ProgramID) bool {
	t.Helper()
	p, err := ebpf.NewProgramFromID(id)
	if errors.Is(err, os.ErrNotExist) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	i, err := p.Info()
	if err != nil || i.Name != "nfs_drops" {
		t.Fatalf("program %d is %+v, %v", id, i, err)
	}
	return true
}

// counting is how many perf counters a process has, each of which must go with it.
func counting(t *testing.T, pid int) (n int) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/", pid)
	list, err := os.ReadDir(dir + "fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		to, err := os.Readlink(dir + "fd/" + e.Name())
		if err != nil || !strings.Contains(to, "[perf_event]") { // or it was closed
			continue
		}
		n++
		b, err := os.ReadFile(dir + "fdinfo/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		var flags int
		_, text, _ := strings.Cut(string(b), "flags:")
		if _, err := fmt.Sscanf(strings.TrimSpace(text), "%o", &flags); err != nil || flags&unix.O_CLOEXEC == 0 {
			t.Errorf("what the process starts has the perf counter %s too: %s, %v", e.Name(), b, err)
		}
	}
	return n
}

// TestKilled: after kill -9 nothing is left in the kernel, nor where the process had started
// another: no descriptor that counts goes to that one.
func TestKilled(t *testing.T) {
	nettest.Kernel(t)
	cmd, lines, _ := child(t, &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}, nil)
	n, err := strconv.Atoi(next(t, lines, "program"))
	id := ebpf.ProgramID(n)
	if err != nil || !loaded(t, id) {
		t.Fatalf("the program does not run: %v", err)
	}
	cpus, err := onlineCPUs()
	if err != nil {
		t.Fatal(err)
	}
	if n := counting(t, cmd.Process.Pid); n != len(cpus) {
		t.Errorf("%d perf counters on %d CPUs", n, len(cpus))
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	deadline := time.After(nettest.InVain)
	for loaded(t, id) {
		select {
		case <-deadline:
			t.Fatalf("program %d is left", id)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
