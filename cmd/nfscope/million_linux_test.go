package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/trace/nettest"
)

// BenchmarkMillion has the program itself follow a million and more trace events, as fast
// as two cores send, forward and trace them, and tells the most memory that it ever had
// (VmHWM, in MB, with 12 MB of code), which is to be less than 200 MB: as `trace` that
// prints all packets to a file, as `trace -w`, and as the TUI. What it says of events and
// losses must be what the kernel counted. Then the recording is opened in the TUI: that is
// to show its packets in less than two seconds.
//
//	go test -run '^$' -bench Million -benchtime 1x ./cmd/nfscope
func BenchmarkMillion(b *testing.B) {
	nettest.Kernel(b, "nft", "tmux")
	program := filepath.Join(b.TempDir(), "nfscope")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		b.Fatalf("build nfscope: %v\n%s", err, out)
	}
	recording := filepath.Join(b.TempDir(), "million.nfs")
	for _, c := range []struct {
		name  string
		rules func(b *testing.B) *million
		run   func(b *testing.B, m *million)
	}{
		{"trace", millionNFT, func(b *testing.B, m *million) { m.trace(b, program) }},
		{"trace-legacy", millionLegacy, func(b *testing.B, m *million) { m.trace(b, program) }},
		{"write", millionNFT, func(b *testing.B, m *million) { m.trace(b, program, "-w", recording) }},
		{"tui", millionNFT, func(b *testing.B, m *million) { m.tui(b, program) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				c.run(b, c.rules(b))
			}
			b.ReportMetric(0, "ns/op")
		})
	}
	b.Run("open", func(b *testing.B) {
		if _, err := os.Stat(recording); err != nil {
			nettest.Skip(b, "there is no recording: `write` did not run")
		}
		for b.Loop() {
			id := filepath.Join(b.TempDir(), "id")
			start := time.Now()
			tm := inTerminal(b, 180, 50, fmt.Sprintf("sh -c 'echo $$ > %s; exec %s replay %s'", id, program, recording))
			tm.see("REPLAY", "udp")
			b.ReportMetric(time.Since(start).Seconds(), "s-to-first-frame")
			b.ReportMetric(float64(peak(b, id)), "peak-MB")
			tm.keys("q")
			tm.ended(exitDone)
		}
		b.ReportMetric(0, "ns/op")
	})
}

// million is a network whose router makes some thirty events of each packet.
type million struct {
	b   *testing.B
	net *nettest.Routed
	fd  int
}

// rulesEach is how many rules a packet meets in each of three chains.
const rulesEach = 8

// millionNFT has the rules in nf_tables.
func millionNFT(b *testing.B) *million {
	m := newMillion(b)
	rules := strings.Repeat("udp dport 9 counter; ", rulesEach)
	chains := ""
	for _, hook := range []string{"prerouting", "forward", "postrouting"} {
		chains += "chain " + hook + " { type filter hook " + hook + " priority 0; policy accept; " + rules + "}\n"
	}
	nettest.Feed(b, m.net.Router, "table inet fw {\n"+chains+"}\n", "nft", "-f", "-")
	return m
}

// millionLegacy has them in legacy tables, but for the one that counts.
func millionLegacy(b *testing.B) *million {
	nettest.Kernel(b, "iptables-legacy-restore")
	m := newMillion(b)
	nettest.Feed(b, m.net.Router, "table inet fw { chain prerouting { type filter hook prerouting priority 0; udp dport 9 counter; }; }\n", "nft", "-f", "-")
	text := "*mangle\n"
	for _, chain := range []string{"PREROUTING", "FORWARD", "POSTROUTING"} {
		text += strings.Repeat("-A "+chain+" -p udp -m udp --dport 9\n", rulesEach)
	}
	nettest.Feed(b, m.net.Router, text+"COMMIT\n", "iptables-legacy-restore", "-w")
	return m
}

func newMillion(b *testing.B) *million {
	m := &million{b: b, net: nettest.NewRouted(b)}
	sink := -1
	nettest.Do(b, m.net.Server, func() (err error) { // so that no ICMP error comes back
		if sink, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return unix.Bind(sink, &unix.SockaddrInet4{Port: 9})
	})
	nettest.Do(b, m.net.Client, func() (err error) {
		m.fd, err = nettest.ToServer()
		return err
	})
	b.Cleanup(func() { _, _ = unix.Close(sink), unix.Close(m.fd) })
	return m
}

var counterOf = regexp.MustCompile(`counter packets (\d+)`)

// counted is the kernel's count of the packets that the router saw.
func (m *million) counted() int {
	m.b.Helper()
	found := counterOf.FindStringSubmatch(nettest.Run(m.b, m.net.Router, "nft", "list", "chain", "inet", "fw", "prerouting"))
	n, err := strconv.Atoi(found[1])
	if err != nil {
		m.b.Fatal(err)
	}
	return n
}

// flood sends packets at a rate and gives how many the router saw.
func (m *million) flood(packets int, rate float64) int {
	m.b.Helper()
	before := m.counted()
	reached, err := nettest.Flood(m.fd, packets, rate)
	if err != nil {
		m.b.Fatal(err)
	}
	if reached < 0.9*rate {
		m.b.Logf("%.0f packets a second of %.0f", reached, rate)
	}
	return m.counted() - before
}

// lostWord is what the status line says of losses.
var lostWord = regexp.MustCompile(`lost [0-9][0-9,.]*`)

var ended = regexp.MustCompile(`(\d+) packets in .*, (\d+) events, lost (\d+)`)

// trace runs the trace command. A slow flood, of which nothing is lost, tells how many events
// a packet makes.
func (m *million) trace(b *testing.B, program string, args ...string) {
	b.Helper()
	run := func(packets int, rate float64) (seen, printed, events, lost, mb int) {
		out, err := os.Create(filepath.Join(b.TempDir(), "out"))
		if err != nil {
			b.Fatal(err)
		}
		defer out.Close()
		ctx, stop := context.WithTimeout(context.Background(), 2*time.Minute)
		defer stop()
		cmd := exec.CommandContext(ctx, program, append(append([]string{"--netns", m.net.Router.Name(), "trace", "--rate", "1000000"}, args...), "udp and dst port 9")...)
		errs, err := os.Create(filepath.Join(b.TempDir(), "err"))
		if err != nil {
			b.Fatal(err)
		}
		defer errs.Close()
		said := func() string {
			text, _ := os.ReadFile(errs.Name())
			return string(text)
		}
		cmd.Stdout, cmd.Stderr = out, errs
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		waitFor(b, "the trace", func() error {
			if !strings.Contains(said(), "tracing ") {
				return fmt.Errorf("it said %q", said())
			}
			return nil
		})
		seen = m.flood(packets, rate)
		id := filepath.Join(b.TempDir(), "id")
		// The events that wait are read and printed before it ends.
		size := int64(-1)
		waitFor(b, "the end of its output", func() error {
			st, err := out.Stat()
			if err == nil && st.Size() == size && size > 0 {
				return nil
			}
			size = st.Size()
			unix.Nanosleep(&unix.Timespec{Nsec: 300_000_000}, nil)
			return fmt.Errorf("it grows")
		})
		if err := os.WriteFile(id, []byte(strconv.Itoa(cmd.Process.Pid)), 0o600); err != nil {
			b.Fatal(err)
		}
		mb = peak(b, id)
		_ = cmd.Process.Signal(unix.SIGINT)
		_ = cmd.Wait()
		found := ended.FindStringSubmatch(said())
		if found == nil {
			b.Fatalf("it ended with %q", said())
		}
		for i, to := range []*int{&printed, &events, &lost} {
			*to, _ = strconv.Atoi(found[i+1])
		}
		return seen, printed, events, lost, mb
	}
	seen, _, events, lost, _ := run(200, 500)
	if lost > 0 || events%seen != 0 {
		b.Fatalf("%d packets, %d events, %d lost: every packet must make as many", seen, events, lost)
	}
	each := events / seen
	// 100,000 events a second: nft monitor trace loses some.
	seen, printed, events, lost, mb := run(1_200_000/each, 100_000/float64(each))
	b.Logf("%d packets, %d printed, %d events, %d lost of %d", seen, printed, events, lost, seen*each)
	if events+lost != seen*each {
		b.Errorf("the kernel sent %d events; %d came and %d are said to be lost", seen*each, events, lost)
	}
	if lost == 0 && printed != seen {
		b.Errorf("%d packets were printed of %d", printed, seen)
	}
	if mb >= 200 {
		b.Errorf("it had %d MB", mb)
	}
	b.ReportMetric(float64(mb), "peak-MB")
	b.ReportMetric(float64(lost), "lost")
	// And as fast as it goes.
	seen, printed, events, lost, mb = run(2_000_000/each, 600_000/float64(each))
	b.Logf("%d packets, %d printed, %d events, %d lost of %d", seen, printed, events, lost, seen*each)
	if events+lost != seen*each {
		b.Errorf("the kernel sent %d events; %d came and %d are said to be lost", seen*each, events, lost)
	}
	if mb >= 200 {
		b.Errorf("it had %d MB in a flood", mb)
	}
	b.ReportMetric(float64(mb), "flood-peak-MB")
	b.ReportMetric(float64(lost), "flood-lost")
}

// tui arms a trace in the TUI while a rule of the user has all packets traced: its own
// limit would let 100 in a second.
func (m *million) tui(b *testing.B, program string) {
	b.Helper()
	nettest.Feed(b, m.net.Router, "table ip peer { chain pre { type filter hook prerouting priority -340; udp dport 9 meta nftrace set 1; }; }\n", "nft", "-f", "-")
	id := filepath.Join(b.TempDir(), "id")
	tm := inTerminal(b, 180, 50, fmt.Sprintf("sh -c 'echo $$ > %s; exec %s --netns %s'", id, program, m.net.Router.Name()))
	tm.see("local process")
	tm.keys("4")
	tm.keys("a")
	tm.keys("C-u")
	tm.keys("-l", "udp and dst port 9")
	tm.keys("Enter")
	tm.see("trace: udp and dst port 9")
	lost := func() string {
		tm.see("older are forgotten")
		unix.Nanosleep(&unix.Timespec{Sec: 1}, nil)
		screen := tm.tmux("capture-pane", "-p")
		b.Logf("%s", screen)
		return lostWord.FindString(screen)
	}
	// Some 100,000 events a second: nft monitor trace loses some.
	m.flood(1_200_000/30, 100_000/30)
	if l := lost(); l != "lost 0" {
		b.Errorf("the screen says %q at 100,000 events a second", l)
	}
	m.flood(2_000_000/30, 400_000/30)
	b.Logf("at 400,000 events a second: %q", lost())
	mb := peak(b, id)
	if mb >= 200 {
		b.Errorf("it had %d MB", mb)
	}
	b.ReportMetric(float64(mb), "peak-MB")
	tm.keys("q")
	tm.ended(exitDone)
}
