package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// world is all that a trace may touch in a namespace.
func world(t *testing.T, ns *netns.Handle) string {
	t.Helper()
	return nettest.Run(t, ns, "sh", "-c",
		"nft list ruleset; iptables-legacy-save; ip6tables-legacy-save; cat /proc/sys/net/netfilter/nf_log/2 /proc/sys/net/netfilter/nf_log/10 /proc/net/ip_tables_names; ip -o link; ip -o addr") // save prints no date where it has no counters to date
}

// tidy takes out what changes by itself.
func tidy(s string) string {
	var keep []string
	for _, l := range strings.Split(s, "\n") {
		if !strings.HasPrefix(l, "#") {
			keep = append(keep, l)
		}
	}
	return strings.Join(keep, "\n")
}

// settled is what stays as it is of a namespace while nobody changes it: addresses come to
// rest by themselves, and policies count packets.
func settled(t *testing.T, ns *netns.Handle) string {
	t.Helper()
	return regexp.MustCompile(`(?m)^.*( fe80::| mtu ).*\n| \[\d+:\d+\]`).ReplaceAllString(tidy(world(t, ns)), "")
}

// TestNothingIsLeft ends a trace in every way there is, and compares the namespace
// with what it was.
func TestNothingIsLeft(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "nft", "sh")
	t.Parallel()
	for _, method := range []string{"owner", "raw"} {
		for _, c := range []struct {
			name   string
			end    func(*exec.Cmd) error
			status int // -1 for death by a signal
		}{
			{"time is up", func(*exec.Cmd) error { return nil }, exitDone},
			{"ctrl-C", func(c *exec.Cmd) error { return c.Process.Signal(os.Interrupt) }, exitInterrupted},
			{"SIGTERM", func(c *exec.Cmd) error { return c.Process.Signal(syscall.SIGTERM) }, exitInterrupted},
			{"kill -9", func(c *exec.Cmd) error { return c.Process.Kill() }, -1},
			// What the runtime does when any goroutine panics: no deferred call runs.
			{"crash", func(c *exec.Cmd) error { return c.Process.Signal(syscall.SIGQUIT) }, 2},
			{"panic", func(*exec.Cmd) error { return nil }, 2},
		} {
			t.Run(method+" "+c.name, func(t *testing.T) {
				t.Parallel()
				ns := nettest.New(t, "host")
				nettest.Feed(t, ns, "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -p tcp -j ACCEPT\nCOMMIT\n", "iptables-legacy-restore")
				nettest.Feed(t, ns, "*raw\n:PREROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\nCOMMIT\n", "ip6tables-legacy-restore")
				before := tidy(world(t, ns))

				span := "10m"
				if c.name == "time is up" {
					span = "1s"
				}
				exe := "nfscope"
				if c.name == "panic" {
					exe = "nfscope-panics"
				}
				cmd := exec.Command(exe, "--netns", ns.Name(), "trace", "--method", method, "--for", span, "udp")
				stderr, err := cmd.StderrPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				// One that hangs says where.
				hang := time.AfterFunc(nettest.InVain, func() { _ = cmd.Process.Signal(syscall.SIGQUIT) })
				defer hang.Stop()
				armed := bufio.NewReader(stderr)
				said := ""
				for !strings.Contains(said, "tracing udp") {
					line, err := armed.ReadString('\n')
					said += line
					if err != nil {
						t.Fatalf("it did not arm: %s", said)
					}
				}
				// It was really armed: the namespace is not what it was. One that ends at
				// once may be over already.
				if c.status == exitInterrupted && tidy(world(t, ns)) == before {
					t.Fatal("armed, and nothing is to be seen of it")
				}
				if err := c.end(cmd); err != nil {
					t.Fatal(err)
				}
				rest := new(bytes.Buffer)
				_, _ = rest.ReadFrom(armed)
				_ = cmd.Wait()
				if got := cmd.ProcessState.ExitCode(); got != c.status {
					t.Errorf("exit status %d, want %d; it said %s%s", got, c.status, said, rest)
				}
				waitFor(t, "the namespace to be as it was", func() error {
					if after := tidy(world(t, ns)); after != before {
						return fmt.Errorf("before:\n%s\nafter:\n%s", before, after)
					}
					return nil
				})
			})
		}
	}
}

// waitFor asks until ok has no complaint.
func waitFor(t testing.TB, what string, ok func() error) {
	t.Helper()
	deadline := time.Now().Add(nettest.InVain)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ok()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s: %v", what, err)
		}
		<-tick.C
	}
}

// TestTraceJSON runs `nfscope trace --json` on a real packet.
func TestTraceJSON(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore")
	t.Parallel()
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A FORWARD -d 10.2.0.2/32 -j DROP\nCOMMIT\n", "iptables-legacy-restore")
	cmd := exec.Command("nfscope", "--netns", n.Router.Name(), "trace", "--json", "--for", "10m", "--count", "1", "udp and dst port 9")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(stderr)
	if line, err := said.ReadString('\n'); err != nil {
		t.Fatal(line, err)
	}
	nettest.Do(t, n.Client, func() error {
		c, err := net.Dial("udp", "10.2.0.2:9")
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write([]byte("x"))
		return err
	})
	rest := new(bytes.Buffer)
	_, _ = rest.ReadFrom(said)
	if err := cmd.Wait(); err != nil {
		t.Fatal(err, rest)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines, want a journey and the stats:\n%s", len(lines), out.String())
	}
	for _, want := range []string{`"schema":"nfscope/journey/1"`, `"origin":"trace"`, `"path":"forward"`, `"in":"r0"`,
		`"backend":"iptables-legacy","hook":"forward","family":"ip","table":"filter"`, `"kind":"rule","rule":1`,
		`"verdict":"dropped"`, `"sentence":"dropped by rule 1 of filter/FORWARD (iptables-legacy): -A FORWARD -d 10.2.0.2/32 -j DROP"`,
		`"complete":true`, `"dport":9`} {
		if !strings.Contains(lines[0], want) {
			t.Errorf("no %s in %s", want, lines[0])
		}
	}
	if !strings.Contains(lines[1], `"schema":"nfscope/stats/1"`) || !strings.Contains(lines[1], `"journeys":1,"lost":0`) {
		t.Errorf("last line: %s", lines[1])
	}
}
