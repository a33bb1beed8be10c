package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model/ruleset/rulesettest"
	"nfscope/trace/nettest"
)

// lockFile is a lock of our own, held: the host's is taken by others too.
func lockFile(t *testing.T) (name string, hold, release func()) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "lock")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	flock := func(how int) func() {
		return func() {
			t.Helper()
			if err := unix.Flock(int(f.Fd()), how); err != nil {
				t.Fatal(err)
			}
		}
	}
	hold, release = flock(unix.LOCK_EX), flock(unix.LOCK_UN)
	hold()
	return name, hold, release
}

// locking makes iptables-legacy-save wait for a lock, as a program that takes the lock of
// iptables does, and gives the directory to put first in PATH.
func locking(t *testing.T, lock string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"iptables-legacy-save", "ip6tables-legacy-save"} {
		real, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		script := fmt.Sprintf("#!/bin/sh\nexec flock %s %s \"$@\"\n", lock, real)
		nettest.Program(t, filepath.Join(dir, name), []byte(script))
	}
	return dir
}

// TestLockInTerminal: while somebody holds the lock of iptables, from the very start or
// later, there is a page with what the kernel tells, marked as what it is; afterwards
// there are the rules.
func TestLockInTerminal(t *testing.T) {
	nettest.Kernel(t, "tmux", "flock", "iptables-legacy-restore", "iptables-legacy-save", "ip6tables-legacy-save")
	t.Parallel()
	ns := nettest.New(t, "lock")
	nettest.Feed(t, ns, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:WEB - [0:0]\n-A INPUT -p tcp -m tcp --dport 4711 -j WEB\n-A INPUT -j DROP\n-A WEB -j ACCEPT\nCOMMIT\n", "iptables-legacy-restore")
	lock, hold, release := lockFile(t)
	// The programs themselves do not wait for it.
	if out, _ := launch(t, "env", "XTABLES_LOCKFILE="+lock, "nfscope", "--netns", ns.Name(), "rules", "--format", "save").ends(exitDone); !strings.Contains(out, "--dport 4711") {
		t.Errorf("with the lock held:\n%s", out)
	}
	tm := inTerminal(t, 160, 40, "PATH="+locking(t, lock)+":$PATH nfscope --netns "+ns.Name())
	tm.see("INPUT", "FORWARD", "filter", "0 % 0 of 3 rules", "iptables-legacy-save prints the IPv4 rules", "reading 0 %")
	tm.keys("2")
	tm.see("iptables-legacy", "WEB", "reading 2 rules", "reading 1 rule", "0 of 3 rules")
	tm.keys("Up", "Up", "Up", "Up") // to all rules, and it stays there
	release()
	tm.see("--dport 4711")
	tm.gone("reading")
	hold()
	nettest.Run(t, ns, "iptables-legacy", "-A", "WEB", "-p", "udp", "-m", "udp", "--dport", "4712", "-j", "DROP")
	tm.see("STALE", "the rules changed, these are stale: iptables-legacy-save prints the IPv4 rules", "0 of 4 rules", "--dport 4711")
	release()
	tm.see("--dport 4712")
	tm.gone("STALE")
	tm.keys("q")
	tm.ended(exitDone)
}

// pty is a terminal's two ends.
func pty(b testing.TB, width, height uint16) (master, slave *os.File) {
	b.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		b.Fatal(err)
	}
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: height, Col: width})
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		b.Fatal(err)
	}
	return master, slave
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;?<>=$]*[a-zA-Z@`]|\x1b\\][^\x07\x1b]*(\x07|\x1b\\\\)")

// BenchmarkFirstFrame starts the program on a Kubernetes node's 100,000 rules and tells
// when there was a frame, when the map, when every chain was known, and when every rule
// was read (milliseconds after the start; at best 300 for the map):
//
//	go test -run '^$' -bench FirstFrame -benchtime 5x ./cmd/nfscope
func BenchmarkFirstFrame(b *testing.B) {
	for _, variant := range []string{"legacy", "nft"} {
		b.Run(variant, func(b *testing.B) {
			nettest.Kernel(b, "iptables-"+variant+"-restore")
			ns := nettest.New(b, "first")
			nettest.Feed(b, ns, rulesettest.Kube(rulesettest.KubeServices), "iptables-"+variant+"-restore", "-c")
			_, rules := rulesettest.KubeSize(rulesettest.KubeServices)
			events := []struct{ name, text string }{
				{"frame", "nfscope"}, {"map", "PREROUTING"}, {"chains", fmt.Sprintf("of %d rules", rules)}, {"rules", "KUBE-SERVICES"}}
			took := make([]time.Duration, len(events))
			for b.Loop() {
				master, slave := pty(b, 160, 50)
				cmd := exec.Command("nfscope", "--netns", ns.Name())
				cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
				cmd.Env = append(os.Environ(), "TERM=xterm-256color", "NO_COLOR=1")
				begin := time.Now()
				if err := cmd.Start(); err != nil {
					b.Fatal(err)
				}
				slave.Close()
				seen, next := []byte(nil), 0
				buf := make([]byte, 64<<10)
				for next < len(events) {
					n, err := master.Read(buf)
					if err != nil {
						b.Fatalf("before %q: %v\n%s", events[next].text, err, seen)
					}
					seen = append(seen, buf[:n]...)
					text := escapes.ReplaceAll(seen, nil)
					for next < len(events) && bytes.Contains(text, []byte(events[next].text)) {
						took[next] += time.Since(begin)
						next++
					}
				}
				_ = cmd.Process.Signal(unix.SIGTERM)
				for {
					if _, err := master.Read(buf); err != nil {
						break
					}
				}
				_ = cmd.Wait()
				master.Close()
			}
			for i, e := range events {
				b.ReportMetric(float64(took[i].Milliseconds())/float64(b.N), e.name+"-ms")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}
