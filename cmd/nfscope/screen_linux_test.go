package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
)

// screen is the program in a terminal that the test reads as it comes.
type screen struct {
	b      *testing.B
	cmd    *exec.Cmd
	master *os.File
	mu     sync.Mutex
	text   []byte // what came since it was forgotten
	pieces []piece
}

// piece says when all of the text before a place had come.
type piece struct {
	end int
	at  time.Time
}

func openScreen(b *testing.B, program string, ns *netns.Handle) *screen {
	master, slave := pty(b, 200, 60)
	s := &screen{b: b, master: master}
	s.cmd = exec.Command(program, "--netns", ns.Name())
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = slave, slave, slave
	s.cmd.Env = append(os.Environ(), "TERM=xterm-256color", "NO_COLOR=1")
	if err := s.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	slave.Close()
	b.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		master.Close()
	})
	go s.read()
	s.see("nfscope")
	return s
}

// read notes when what came. It is the measure, so its thread waits for nobody who is not in
// the kernel.
func (s *screen) read() {
	runtime.LockOSThread()
	if err := unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}, 0); err != nil {
		s.b.Log("reading at no priority: ", err)
	}
	fd := int(s.master.Fd()) // blocks from now on
	for buf := make([]byte, 64<<10); ; {
		n, err := unix.Read(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return
		}
		at := time.Now()
		s.mu.Lock()
		s.text = append(s.text, buf[:n]...)
		s.pieces = append(s.pieces, piece{len(s.text), at})
		s.mu.Unlock()
	}
}

// press forgets what came and presses a key.
func (s *screen) press(key string) {
	s.mu.Lock()
	s.text, s.pieces = s.text[:0], s.pieces[:0]
	s.mu.Unlock()
	if _, err := unix.Write(int(s.master.Fd()), []byte(key)); err != nil {
		s.b.Fatal(err)
	}
}

// see waits until a text has come, and tells when that was. It looks seldom: looking takes
// the CPU too.
func (s *screen) see(text string) time.Time {
	for limit := time.After(30 * time.Second); ; {
		s.mu.Lock()
		all, pieces := bytes.Clone(s.text), slices.Clone(s.pieces)
		s.mu.Unlock()
		has := func(n int) bool { return bytes.Contains(escapes.ReplaceAll(all[:n], nil), []byte(text)) }
		if has(len(all)) {
			i := sort.Search(len(pieces), func(i int) bool { return has(pieces[i].end) })
			return pieces[i].at
		}
		select {
		case <-time.After(8 * time.Millisecond):
		case <-limit:
			s.b.Fatalf("%q did not come:\n%s", text, all[:min(len(all), 4000)])
		}
	}
}

// settle waits until the program does next to nothing.
func (s *screen) settle(b *testing.B) {
	for range 30 {
		if s.cpu(b, time.Second) < 15 {
			return
		}
	}
	b.Error("it does not come to rest")
}

// cpu is the share of one core that the program takes for a while, in %.
func (s *screen) cpu(b *testing.B, lasts time.Duration) float64 {
	return share(b, fmt.Sprint(s.cmd.Process.Pid), lasts)
}

// share is that of one core that a process takes for a while, in %.
func share(b *testing.B, pid string, lasts time.Duration) float64 {
	before, began := ticks(b, pid), time.Now()
	<-time.After(lasts)
	return float64(ticks(b, pid)-before) / time.Since(began).Seconds() // of 100 in a second
}

// ticks are those of the CPU that a process took, in hundredths of a second.
func ticks(b *testing.B, pid string) (n int) {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		b.Fatal(err)
	}
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	for _, i := range []int{11, 12} { // utime, stime (proc(5))
		t, err := strconv.Atoi(f[i])
		if err != nil {
			b.Fatal(err)
		}
		n += t
	}
	return n
}

// memory is what the program has of it, in bytes.
func (s *screen) memory(b *testing.B) int {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	n, err := strconv.Atoi(strings.Fields(string(statm))[1])
	if err != nil {
		b.Fatal(err)
	}
	return n * os.Getpagesize()
}

// keysUntil opens and leaves the view of the pools, which draw all of the page anew, and gives
// how long each took, and the longest that a thread of the program waited for a CPU meanwhile,
// in ms.
func (s *screen) keysUntil(stop chan struct{}) (took, waited []float64) {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	for i := 0; ; i++ {
		text := "NAT ports"
		if i%2 == 1 {
			text = "service"
		}
		before, began := s.waits(), time.Now()
		s.press("P")
		took = append(took, ms(s.see(text).Sub(began)))
		longest := time.Duration(0)
		for thread, d := range s.waits() {
			longest = max(longest, d-before[thread])
		}
		waited = append(waited, ms(longest))
		select {
		case <-stop:
			if i%2 == 1 {
				return took, waited
			}
		case <-time.After(time.Duration(73+i*5%17) * time.Millisecond): // at any place of the program's frames
		}
	}
}

// waits is how long each thread of the program was ready to run and had no CPU, ever.
func (s *screen) waits() map[string]time.Duration {
	out := map[string]time.Duration{}
	names, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", s.cmd.Process.Pid))
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil { // it has ended
			continue
		}
		var ran, waited int64
		if _, err := fmt.Sscan(string(text), &ran, &waited); err != nil {
			s.b.Fatal(err)
		}
		out[name] = time.Duration(waited)
	}
	return out
}

// onOne runs fn on a thread that stays on the last CPU, and gives the share of it that fn took,
// in %.
func onOne(b *testing.B, fn func()) float64 {
	runtime.LockOSThread() // for ever: the thread ends with its goroutine
	var set unix.CPUSet
	set.Set(runtime.NumCPU() - 1)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		b.Error(err)
	}
	own := func() time.Duration {
		var u unix.Rusage
		_ = unix.Getrusage(unix.RUSAGE_THREAD, &u)
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before, began := own(), time.Now()
	fn()
	return 100 * float64(own()-before) / float64(time.Since(began))
}

func (s *screen) quit() {
	s.press("q")
	_ = s.cmd.Wait()
}
