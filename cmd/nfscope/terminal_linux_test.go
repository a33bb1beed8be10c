package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

var terminals atomic.Int64

// terminal is a real terminal with a program in it.
type terminal struct {
	t      testing.TB
	socket string
	// status is the file the program's exit status is written to.
	status string
}

// inTerminal starts a shell command in a terminal of its own, in tmux.
func inTerminal(t testing.TB, width, height int, command string) *terminal {
	t.Helper()
	nettest.Kernel(t, "tmux")
	tm := &terminal{t: t, socket: fmt.Sprintf("nfs-test-%d-%d", os.Getpid(), terminals.Add(1)), status: filepath.Join(t.TempDir(), "status")}
	tm.tmux("-f", "/dev/null", "new-session", "-d", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height), "-e", "PATH="+os.Getenv("PATH"),
		command+"; echo $? > "+tm.status)
	t.Cleanup(func() { _ = exec.Command("tmux", "-L", tm.socket, "kill-server").Run() })
	return tm
}

func (tm *terminal) tmux(args ...string) string {
	tm.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-L", tm.socket}, args...)...).CombinedOutput()
	if err != nil {
		tm.t.Fatalf("tmux %v: %v: %s", args, err, out)
	}
	return string(out)
}

func (tm *terminal) keys(keys ...string) {
	tm.t.Helper()
	tm.tmux(append([]string{"send-keys"}, keys...)...)
}

func (tm *terminal) resize(width, height int) {
	tm.t.Helper()
	tm.tmux("resize-window", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height))
}

// pid is the program's process.
func (tm *terminal) pid() (pid int) {
	tm.t.Helper()
	shell := strings.TrimSpace(tm.tmux("display-message", "-p", "#{pane_pid}"))
	b, err := os.ReadFile("/proc/" + shell + "/task/" + shell + "/children")
	if err == nil {
		_, err = fmt.Sscan(string(b), &pid)
	}
	if err != nil {
		tm.t.Fatal(err)
	}
	return pid
}

// see waits until the screen shows a text.
func (tm *terminal) see(texts ...string) {
	tm.t.Helper()
	waitFor(tm.t, fmt.Sprintf("%q on the screen", texts), func() error {
		screen := tm.tmux("capture-pane", "-p")
		// A sentence may be cut or wrapped by the width: lines are joined.
		flat := strings.Join(strings.Fields(screen), " ")
		for _, x := range texts {
			if !strings.Contains(flat, x) {
				return fmt.Errorf("the screen:\n%s", screen)
			}
		}
		return nil
	})
}

// leave closes what is open above the page, and waits until it is gone: an escape
// with a key close behind it is another key.
func (tm *terminal) leave(text string) {
	tm.t.Helper()
	tm.keys("Escape")
	tm.gone(text)
}

// gone waits until the screen does not show a text.
func (tm *terminal) gone(text string) {
	tm.t.Helper()
	waitFor(tm.t, fmt.Sprintf("%q to go", text), func() error {
		if screen := tm.tmux("capture-pane", "-p"); strings.Contains(screen, text) {
			return fmt.Errorf("the screen:\n%s", screen)
		}
		return nil
	})
}

// ended waits for the program's end and checks its status.
func (tm *terminal) ended(status int) {
	tm.t.Helper()
	waitFor(tm.t, "the program's end", func() error {
		b, err := os.ReadFile(tm.status)
		if err != nil {
			return err
		}
		switch got := strings.TrimSpace(string(b)); got {
		case fmt.Sprint(status):
		case "":
			return errors.New("the status is being written")
		default:
			tm.t.Fatalf("exit status %s, want %d", got, status)
		}
		return nil
	})
}

// TestDemoInTerminal drives the real program through the live demo, as a user would.
func TestDemoInTerminal(t *testing.T) {
	nettest.Kernel(t, "tmux", "iptables-legacy-restore")
	t.Parallel()
	tm := inTerminal(t, 200, 60, "nfscope demo close-the-door")
	tm.see("dropped by rule 2 of filter/INPUT (iptables-legacy): -A INPUT -d 203.0.113.10/32 -j DROP", "PREROUTING", "POSTROUTING")
	tm.keys("4")
	tm.see("following the newest", "hook where rule")
	tm.keys("3")
	tm.see("client", "service", "backend")
	tm.keys("2")
	tm.see("iptables-legacy", "ip filter", "INPUT")
	tm.keys("?")
	tm.see("the Path page", "command palette")
	tm.leave("command palette")
	tm.keys("L")
	tm.see("Close the door")
	tm.leave("Close the door")
	tm.keys("1")
	tm.keys("Space")
	tm.see("PAUSED")
	tm.keys("Space")
	for _, s := range [][2]int{{80, 24}, {40, 12}, {20, 5}, {120, 40}} {
		tm.resize(s[0], s[1])
		if s[0] > 20 {
			tm.see("PREROUTING")
		} else {
			tm.see("20x5") // what it needs, in a sentence that fits
		}
	}
	pid := tm.pid()
	if len(namespaces(t, "close-the-door", pid)) == 0 {
		t.Error("no lab namespaces while the demo runs")
	}
	tm.keys("q")
	tm.ended(exitDone)
	if left := namespaces(t, "close-the-door", pid); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestLessonInTerminal is a class: begin, guess verdict and rule, watch, read why, to the
// end; then another lab from the list. Nothing is sent before the answer, and of both labs
// nothing stays.
func TestLessonInTerminal(t *testing.T) {
	nettest.Kernel(t, "tmux", "iptables-legacy-restore")
	t.Parallel()
	tm := inTerminal(t, 100, 40, "nfscope lab run first-match")
	tm.see("First match wins", "space begins", "switch")
	tm.keys("Space")
	tm.see("Step 1 of 2", "What will happen to it?", "accepted: it gets through")
	tm.keys("Space")
	tm.see("Which rule will let it through?", "filter/INPUT 2 -s 192.168.0.12/32 -j ACCEPT")
	tm.keys("Space")
	tm.see("Right. You said: accepted, by rule 2 of filter/INPUT", "Rule 1 of filter/INPUT did not match:", "the sender saw: answered", "space: the next step")
	tm.keys("Space")
	tm.see("Step 2 of 2", "What will happen to it?")
	tm.keys("Space")
	tm.see("Which rule will let it through?")
	tm.keys("j", "Space", "Space") // rule 3, which is never reached, by a fast hand
	tm.see("Not so. You said: accepted, by rule 3 of filter/INPUT", "It never came as far as rule 3 of", "It was dropped by rule 1 of filter/INPUT.", "the sender saw: timed out")
	tm.keys("Space")
	tm.see("That was all: 1 of 2 answers were right.", "esc: the other labs")
	pid := tm.pid()
	old := namespaces(t, "first-match", pid)
	tm.keys("Escape")
	tm.see("Choose a lab", "running")
	tm.keys("j", "j", "Enter")
	tm.see("Five hooks", "space begins")
	lab := namespaces(t, "hooks", pid)
	if len(old) == 0 || len(lab) == 0 {
		t.Errorf("namespaces %v, %v", old, lab)
	}
	tm.keys("q")
	tm.ended(exitDone)
	if left := append(namespaces(t, "first-match", pid), namespaces(t, "hooks", pid)...); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// namespaces are those of the lab that a process has built: others may build the same.
func namespaces(t *testing.T, lab string, pid int) []string {
	t.Helper()
	l, err := netns.List(fmt.Sprintf("nfs-%s-%d-", lab, pid))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestMuteTerminal: a terminal that answers no question is not waited for: what was typed
// before the first frame is heard.
func TestMuteTerminal(t *testing.T) {
	t.Parallel()
	master, slave := pty(t, 100, 30)
	defer master.Close()
	if _, err := master.WriteString("q"); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("nfscope", "replay", gateway)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.Env = append(os.Environ(), "TERM=xterm-256color")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	slave.Close()
	hang := time.AfterFunc(nettest.InVain, func() { _ = cmd.Process.Signal(unix.SIGQUIT) })
	defer hang.Stop()
	drawn, _ := io.ReadAll(master) // it ends with an error: nobody has the other end any more
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %q", err, drawn)
	}
	for on, off := range map[string]string{"\x1b[?1049h": "\x1b[?1049l", "\x1b[?25l": "\x1b[?25h"} { // the other screen, no cursor
		if i := bytes.LastIndex(drawn, []byte(on)); i < 0 || bytes.LastIndex(drawn, []byte(off)) < i {
			t.Errorf("%q, and no %q behind it: %q", on, off, drawn)
		}
	}
}

// TestWhyColoured: an answer has a colour in a terminal, unless NO_COLOR says otherwise.
func TestWhyColoured(t *testing.T) {
	nettest.Kernel(t)
	t.Parallel()
	n := nettest.NewRouted(t)
	for _, env := range []string{"", "NO_COLOR=1"} {
		t.Run(env, func(t *testing.T) {
			t.Parallel()
			master, slave := pty(t, 100, 30)
			defer master.Close()
			cmd := exec.Command("nfscope", "--netns", n.Router.Name(), "why", "--for", "200ms", "udp and dst port 9")
			cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
			cmd.Env = append(os.Environ(), "TERM=xterm-256color", env)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			slave.Close()
			hang := time.AfterFunc(nettest.InVain, func() { _ = cmd.Process.Signal(unix.SIGQUIT) })
			defer hang.Stop()
			said, _ := io.ReadAll(master) // it ends with an error: nobody has the other end any more
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v: %q", err, said)
			}
			if yellow := bytes.Contains(said, []byte("\x1b[1;33mnothing of this flow was seen here")); yellow != (env == "") || !bytes.Contains(said, []byte("nothing of this flow")) {
				t.Errorf("%q", said)
			}
		})
	}
}

// TestTraceInTerminal arms a trace by hand, in a namespace with rules, and reads the
// sentence of a real packet.
func TestTraceInTerminal(t *testing.T) {
	nettest.Kernel(t, "tmux", "nft")
	t.Parallel()
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, "table inet fw {\n chain forward { type filter hook forward priority 0; policy accept; udp dport 9 drop\n }\n}\n", "nft", "-f", "-")
	tm := inTerminal(t, 120, 40, "NO_COLOR=1 nfscope --netns "+n.Router.Name())
	tm.see("PREROUTING", "FORWARD")
	tm.keys("a")
	tm.keys("-l", "udp and dst port 9x")
	tm.see("column 18")
	tm.keys("BSpace")
	tm.keys("Enter")
	tm.see("trace: udp and dst port 9")
	nettest.Do(t, n.Client, func() error {
		c, err := net.Dial("udp", "10.2.0.2:9")
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write([]byte("x"))
		return err
	})
	tm.see("dropped by rule 1 of inet fw/forward (nftables): udp dport 9 drop")
	// 39 and 49 are the terminal's own colours.
	coloured := regexp.MustCompile(`\x1b\[([0-9]+;)*(3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]`)
	if screen := tm.tmux("capture-pane", "-e", "-p"); coloured.MatchString(screen) {
		t.Errorf("colours in spite of NO_COLOR:\n%q", screen)
	}
	tm.keys("x")
	tm.gone("100/s")
	if rules := nettest.Run(t, n.Router, "nft", "list", "tables"); strings.Contains(rules, "nfscope") {
		t.Errorf("disarmed, and still there: %s", rules)
	}
	tm.keys("C-c")
	tm.ended(exitDone)
}

// TestLogsInTerminal has the user's own NFLOG groups read on the Trace page, gives them back,
// and writes a packet to a file.
func TestLogsInTerminal(t *testing.T) {
	nettest.Kernel(t, "tmux", "iptables-legacy")
	t.Parallel()
	ns := nettest.New(t, "tuilog")
	nettest.Run(t, ns, "iptables-legacy", "-A", "OUTPUT", "-p", "udp", "--dport", "4000", "-j", "NFLOG", "--nflog-group", "5", "--nflog-prefix", "my dns")
	nettest.Run(t, ns, "iptables-legacy", "-A", "OUTPUT", "-p", "udp", "--dport", "4000", "-j", "DROP")
	tm := inTerminal(t, 120, 40, "nfscope --netns "+ns.Name())
	tm.see("PREROUTING", "OUTPUT")
	tm.keys("4")
	tm.see("no trace armed", "N reads what your own rules log")
	tm.keys("N")
	tm.see("reading a group binds it", "read logs of 5")
	if b, err := procLog(ns); err != nil || strings.TrimSpace(b) != "" {
		t.Errorf("a group is read before anybody said so: %q %v", b, err)
	}
	tm.keys("Enter")
	tm.see("0 lines of NFLOG group 5, lost 0")
	datagram(t, ns, "127.0.0.1:4000")
	tm.see("1 line of NFLOG group 5", "my dns", "udp 127.0.0.1", "probably rule 1 of filter/OUTPUT", "uid 0 gid 0")
	tm.leave("my dns")
	tm.see("no log is read any more")
	if b, err := procLog(ns); err != nil || strings.TrimSpace(b) != "" {
		t.Errorf("a group is still read: %q %v", b, err)
	}
	tm.keys("a")
	tm.keys("-l", "udp and dst port 4000")
	tm.keys("Enter")
	tm.see("trace: udp and dst port 4000")
	datagram(t, ns, "127.0.0.1:4000")
	tm.see("1 packet", "dropped by rule 2 of filter/OUTPUT")
	name := filepath.Join(t.TempDir(), "packet.json")
	tm.keys("e")
	tm.see("write to nfscope-packet-1.txt")
	tm.keys("C-u")
	tm.keys("-l", name)
	tm.keys("Enter")
	tm.see("wrote 1 packet to")
	if b, err := os.ReadFile(name); err != nil || !strings.Contains(string(b), `"schema":"nfscope/journey/1"`) {
		t.Errorf("%s: %v", b, err)
	}
	tm.keys("C-c")
	tm.ended(exitDone)
}
