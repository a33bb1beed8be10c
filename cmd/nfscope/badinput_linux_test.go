package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"nfscope/trace/nettest"
)

// before puts a script in front of a program, run in the namespace each time before it,
// and gives the directory to put first in PATH. $real is the program itself.
func before(t *testing.T, program, script string) string {
	t.Helper()
	real, err := exec.LookPath(program)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	text := fmt.Sprintf("#!/bin/sh\nreal=%s\ndir=%s\n%s\nexec $real \"$@\"\n", real, dir, script)
	nettest.Program(t, filepath.Join(dir, program), []byte(text))
	return dir
}

// TestVanishesInTerminal: a table that goes away while nft prints it is not there, and
// the others are.
func TestVanishesInTerminal(t *testing.T) {
	nettest.Kernel(t, "tmux", "nft")
	t.Parallel()
	ns := nettest.New(t, "vanish")
	nettest.Feed(t, ns, "table inet stays {\n chain c { type filter hook input priority 0; udp dport 4711 drop\n }\n}\ntable inet goes {\n chain c { type filter hook input priority 1; udp dport 4712 drop\n }\n}\n", "nft", "-f", "-")
	dir := before(t, "nft", "[ -e $dir/done ] || $real delete table inet goes\ntouch $dir/done")
	tm := inTerminal(t, 140, 30, "PATH="+dir+":$PATH nfscope --netns "+ns.Name())
	tm.see("PREROUTING")
	tm.keys("2")
	tm.see("inet stays", "udp dport 4711 drop")
	tm.gone("inet goes")
	tm.gone("problem")
	tm.keys("q")
	tm.ended(exitDone)
}

// TestNeverStillInTerminal: rules that change at every look are shown, and it is said.
func TestNeverStillInTerminal(t *testing.T) {
	nettest.Kernel(t, "tmux", "nft")
	t.Parallel()
	ns := nettest.New(t, "restless")
	nettest.Feed(t, ns, "table inet fw {\n chain c { type filter hook input priority 0; udp dport 4711 drop\n }\n}\n", "nft", "-f", "-")
	dir := before(t, "nft", "$real 'add table inet x; add chain inet x c; flush chain inet x c; add rule inet x c counter'")
	const says = "the ruleset kept changing while it was read"
	out, errs := launch(t, "env", "PATH="+dir+":"+os.Getenv("PATH"), "nfscope", "--netns", ns.Name(), "rules").ends(exitDone)
	if !strings.Contains(out, "udp dport 4711 drop") || !strings.Contains(out, says) {
		t.Errorf("%s\n%s", out, errs)
	}
	tm := inTerminal(t, 140, 30, "PATH="+dir+":$PATH nfscope --netns "+ns.Name())
	tm.see("PREROUTING", "problem")
	tm.keys("2")
	tm.see("udp dport 4711 drop")
	tm.keys("!")
	tm.see(says)
	tm.leave(says)
	tm.keys("q")
	tm.ended(exitDone)
}

// TestNewerKernelInTerminal: a rule whose match iptables does not know, as from a newer
// kernel, costs its own table the text; it is there, marked, with its counters.
func TestNewerKernelInTerminal(t *testing.T) {
	nettest.Kernel(t, "tmux", "iptables-legacy-restore")
	t.Parallel()
	ns := nettest.New(t, "newer")
	nettest.Feed(t, ns, "*mangle\n-A INPUT -m statistic --mode nth --every 2 --packet 0\nCOMMIT\n*filter\n-A INPUT -p udp -m udp --dport 4711 -j DROP\nCOMMIT\n", "iptables-legacy-restore")
	libs, err := filepath.Glob("/usr/lib/*/xtables/libxt_*.so")
	if err != nil || len(libs) == 0 {
		nettest.Skip(t, "needs iptables' extensions in /usr/lib")
	}
	dir := t.TempDir() // the extensions of an older iptables
	for _, lib := range libs {
		if name := filepath.Base(lib); name != "libxt_statistic.so" {
			if err := os.Symlink(lib, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	out, errs := launch(t, "env", "XTABLES_LIBDIR="+dir, "nfscope", "--netns", ns.Name(), "rules", "--format", "save").ends(exitDone)
	if !strings.Contains(out, "--dport 4711") || !strings.Contains(out, "text unknown") || !strings.Contains(errs, "mangle") {
		t.Errorf("%s\n%s", out, errs)
	}
	tm := inTerminal(t, 140, 30, "XTABLES_LIBDIR="+dir+" nfscope --netns "+ns.Name())
	tm.see("PREROUTING", "problem")
	tm.keys("2")
	tm.see("--dport 4711", "ip mangle")
	tm.keys("Up", "Up", "Up", "Up", "Up", "Up", "Up", "Up", "Up", "Up", "Up", "Up")
	tm.see("text unknown", "--dport 4711")
	tm.keys("!")
	tm.see("the legacy IPv4 tables (mangle) are shown without the text of their rules", "statistic")
	tm.leave("are shown without the text")
	tm.keys("q")
	tm.ended(exitDone)
}
