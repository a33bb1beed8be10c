package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"nfscope/trace/nettest"
)

// TestSuspend: ctrl-Z gives the terminal back to a shell with job control, and fg the screen;
// the trace that was armed has its deadline by the clock all the same (TestStoppedTraceEnds:
// the kernel ends it while nfscope stands). Without such a shell nothing is stopped.
func TestSuspend(t *testing.T) {
	nettest.Kernel(t, "tmux", "nft")
	t.Parallel()
	ns := nettest.New(t, "suspend")
	t.Run("shell", func(t *testing.T) {
		t.Parallel()
		tm := inTerminal(t, 100, 30, "PS1='back: ' sh -i")
		tm.see("back:")
		tm.keys("-l", "nfscope --netns "+ns.Name())
		tm.keys("Enter")
		tm.see("PREROUTING", "? help")
		tm.keys("a")
		tm.keys("-l", "udp and dst port 9")
		tm.keys("Enter")
		tm.see("waiting for a packet that matches: udp and dst port 9")
		shell := tm.pid()
		of, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", shell))
		if err != nil {
			t.Fatal(err)
		}
		id := strings.Fields(string(of))[0]
		state := func() string {
			b, _ := os.ReadFile("/proc/" + id + "/status")
			return string(regexp.MustCompile(`State:\s+(\S)`).Find(b))
		}
		tm.keys("/") // also while something is typed
		tm.see("leave as it was")
		tm.keys("C-z")
		tm.see("Stopped", "back:")
		tm.gone("PREROUTING")
		waitFor(t, "the program to stand", func() error {
			if s := state(); !strings.HasSuffix(s, "T") {
				return fmt.Errorf("%q", s)
			}
			return nil
		})
		if rules := nettest.Run(t, ns, "nft", "list", "ruleset"); !strings.Contains(rules, "meta time") {
			t.Errorf("what is armed has no end of its own:\n%s\n%s\n%s", rules, tm.tmux("capture-pane", "-p"), nettest.Run(t, ns, "nft", "list", "tables"))
		}
		tm.keys("-l", "fg")
		tm.keys("Enter")
		tm.see("PREROUTING", "1 Path")
		tm.leave("leave as it was")
		tm.keys("q")
		tm.gone("PREROUTING")
		tm.keys("-l", "exit 3")
		tm.keys("Enter")
		tm.ended(3)
	})
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		tm := inTerminal(t, 100, 30, "nfscope --netns "+ns.Name())
		tm.see("PREROUTING")
		tm.keys("C-z")
		tm.see("no shell with job control started nfscope")
		tm.keys("q")
		tm.ended(exitDone)
	})
}
