package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"nfscope/model/flow"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// BenchmarkConnections runs the program itself in a terminal with the page Connections open,
// while 50,000 entries a second come and go in its namespace: beside few others, and beside
// a million. It tells the share of one core that the program takes (in %, 30 are allowed),
// how long a key takes until its frame has come out of the program (in ms, of which up to
// 8 are bubbletea's, which writes 120 times a second), and what memory a connection takes,
// everything that the program has included, before those that come and go, right behind them,
// while those of the last seconds are still shown, and when they have left: 250 bytes are allowed.
//
//	go test -run '^$' -bench Connections -benchtime 1x ./cmd/nfscope
func BenchmarkConnections(b *testing.B) {
	nettest.Kernel(b, "conntrack")
	nettest.TrackedRoom(b, 1_200_000)
	program := filepath.Join(b.TempDir(), "nfscope")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		b.Fatalf("build nfscope: %v\n%s", err, out)
	}
	empty := 0
	for _, c := range []struct {
		name  string
		flows int
		// lasts is how long the CPU is measured: of a million at least one reading of the
		// whole table falls into it, of which there is one in half a minute.
		lasts time.Duration
	}{{"few", 0, 8 * time.Second}, {"million", 1_000_000, 36 * time.Second}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				ns := nettest.New(b, "busy")
				nettest.Run(b, ns, "sysctl", "-qw", "net.netfilter.nf_conntrack_acct=1")
				made := nettest.NewTracked(b, ns)
				made.Make(b, 0, c.flows)
				s := openScreen(b, program, ns)
				s.press("3")
				s.see("timeout")
				s.settle(b)
				rest, rss := s.cpu(b, 5*time.Second), s.memory(b)
				stop := make(chan struct{})
				var storm sync.WaitGroup
				storm.Add(1)
				rate := 0.0
				go func() {
					defer storm.Done()
					events, took := made.Storm(b, 1_000_000, 50_000, c.lasts+6*time.Second)
					rate = float64(events) / took.Seconds()
					close(stop)
				}()
				busy := s.cpu(b, c.lasts)
				keys := s.keysUntil(stop)
				storm.Wait()
				s.settle(b)
				storming := s.memory(b)
				s.cpu(b, flow.Linger+3*time.Second)
				after := s.memory(b)
				if c.flows == 0 {
					empty = rss
				}
				s.quit()
				slices.Sort(keys)
				b.ReportMetric(rate, "events/s")
				b.ReportMetric(rest, "%core-rest")
				b.ReportMetric(busy, "%core")
				b.ReportMetric(keys[len(keys)/2], "ms-key")
				b.ReportMetric(keys[len(keys)*19/20], "ms-key-95%")
				b.ReportMetric(keys[len(keys)-1], "ms-key-worst")
				b.ReportMetric(float64(rss)/1e6, "MB")
				b.ReportMetric(float64(storming)/1e6, "MB-storm")
				b.ReportMetric(float64(after)/1e6, "MB-after")
				if c.flows > 0 {
					each := func(bytes int) float64 { return float64(bytes-empty) / float64(c.flows) }
					b.ReportMetric(each(rss), "B/flow")
					b.ReportMetric(each(after), "B/flow-after")
					if max(each(rss), each(after)) > 250 {
						b.Errorf("a connection takes %.0f bytes, after a storm %.0f", each(rss), each(after))
					}
				}
				if busy > 30 {
					b.Errorf("%.1f %% of a core, %.1f %% at rest; a key %.0f ms, at worst %.0f ms; %d MB", busy, rest, keys[len(keys)/2], keys[len(keys)-1], rss/1e6)
				}
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// screen is the program in a terminal that the test reads as it comes.
type screen struct {
	b      *testing.B
	cmd    *exec.Cmd
	master *os.File
	mu     sync.Mutex
	text   []byte // what came since it was forgotten, without escapes
	came   chan struct{}
}

func openScreen(b *testing.B, program string, ns *netns.Handle) *screen {
	master, slave := pty(b, 200, 60)
	s := &screen{b: b, master: master, came: make(chan struct{}, 1)}
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
	go func() {
		for buf := make([]byte, 64<<10); ; {
			n, err := master.Read(buf)
			if err != nil {
				return
			}
			s.mu.Lock()
			s.text = append(s.text, buf[:n]...)
			s.mu.Unlock()
			select {
			case s.came <- struct{}{}:
			default:
			}
		}
	}()
	s.see("nfscope")
	return s
}

// press forgets what came and presses a key.
func (s *screen) press(key string) {
	s.mu.Lock()
	s.text = s.text[:0]
	s.mu.Unlock()
	if _, err := s.master.WriteString(key); err != nil {
		s.b.Fatal(err)
	}
}

// see waits until a text has come.
func (s *screen) see(text string) {
	for limit := time.After(30 * time.Second); ; {
		s.mu.Lock()
		all := escapes.ReplaceAll(s.text, nil)
		s.mu.Unlock()
		if bytes.Contains(all, []byte(text)) {
			return
		}
		select {
		case <-s.came:
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
// how long each took, in ms.
func (s *screen) keysUntil(stop chan struct{}) (took []float64) {
	for i := 0; ; i++ {
		text := "NAT ports"
		if i%2 == 1 {
			text = "service"
		}
		began := time.Now()
		s.press("P")
		s.see(text)
		took = append(took, float64(time.Since(began).Microseconds())/1000)
		select {
		case <-stop:
			if i%2 == 1 {
				return took
			}
		case <-time.After(time.Duration(73+i*5%17) * time.Millisecond): // at any place of the program's frames
		}
	}
}

func (s *screen) quit() {
	s.press("q")
	_ = s.cmd.Wait()
}
