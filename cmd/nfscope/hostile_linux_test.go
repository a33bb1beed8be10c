package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"nfscope/docs/labs"
	"nfscope/trace/nettest"
)

// forAll copies nfscope to where an ordinary user may run it.
func forAll(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("nfscope")
	if err != nil {
		t.Fatal(err)
	}
	return nettest.ForAll(t, path)
}

// answer runs a command and gives its status and what it said.
func answer(t *testing.T, cmd *exec.Cmd) (status int, out, errs string) {
	t.Helper()
	var o, e strings.Builder
	cmd.Stdout, cmd.Stderr = &o, &e
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), o.String(), e.String()
}

// sentence checks that something is said in one line, for a user.
func sentence(t *testing.T, what, said string) {
	t.Helper()
	if !strings.HasPrefix(said, "nfscope: ") || strings.Count(said, "\n") != 1 || strings.Contains(said, "goroutine") {
		t.Errorf("%s: not one sentence: %q", what, said)
	}
}

// TestWithoutRoot: what needs a right says which, and the rest works.
func TestWithoutRoot(t *testing.T) {
	nettest.Kernel(t)
	t.Parallel()
	exe := forAll(t)
	ns := nettest.New(t, "host")
	nobody := func(args ...string) *exec.Cmd {
		cmd := exec.Command(exe, args...)
		cmd.Dir = "/"
		cmd.Env = append(os.Environ(), "HOME=/")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		return cmd
	}
	for _, args := range []string{"", "rules", "rules --format json", "conns", "conns --follow", "trace icmp", "why icmp", "clean"} {
		for _, netns := range []string{"", ns.Name()} {
			list := strings.Fields(args)
			if netns != "" {
				list = append([]string{"--netns", netns}, list...)
			}
			status, out, errs := answer(t, nobody(list...))
			sentence(t, args, errs)
			if status != exitPrivilege || out != "" || !strings.Contains(errs, "needs the capability CAP_NET_ADMIN: run it with sudo; `nfscope demo` works without") {
				t.Errorf("%v: status %d, %s%s", list, status, out, errs)
			}
		}
	}
	// The namespace of a process that is not ours.
	status, _, errs := answer(t, nobody("--netns", "1", "rules"))
	sentence(t, "--netns 1", errs)
	if status != exitPrivilege || !strings.Contains(errs, "permission denied; it needs CAP_SYS_PTRACE or root") {
		t.Errorf("--netns 1: status %d, %s", status, errs)
	}
	// Drops are told without rights, but not those of a namespace that may not be entered.
	status, out, errs := answer(t, nobody("--netns", ns.Name(), "drops", "--for", "1ms"))
	if status != exitPrivilege || out != "" || !strings.Contains(errs, fmt.Sprintf("enter network namespace %q: operation not permitted; it needs CAP_SYS_ADMIN: run it with sudo", ns.Name())) {
		t.Errorf("drops: status %d, %s%s", status, out, errs)
	}
	status, out, errs = answer(t, nobody("doctor"))
	for _, want := range []string{"missing  CAP_NET_ADMIN", "unknown  legacy trace", "> sudo nfscope doctor", "live labs without root"} {
		if !strings.Contains(out, want) {
			t.Errorf("doctor does not say %q", want)
		}
	}
	if status != exitDone || errs != "" || strings.Contains(out, "modprobe") {
		t.Errorf("doctor: status %d, %s%s", status, out, errs)
	}
	// It cannot enter the namespace: nothing is missing there for all it knows.
	if _, out, _ = answer(t, nobody("--netns", ns.Name(), "doctor")); strings.Contains(out, "modprobe") {
		t.Errorf("doctor blames the kernel for a right: %s", out)
	}
	for _, args := range []string{"demo --recorded --plain", "version"} {
		if status, out, errs := answer(t, nobody(strings.Fields(args)...)); status != exitDone || out == "" || errs != "" {
			t.Errorf("%s: status %d, %s", args, status, errs)
		}
	}
}

// TestDemoWithoutRoot: live in a user namespace, and where there is none the recording.
func TestDemoWithoutRoot(t *testing.T) {
	nettest.Kernel(t, "unshare", "setpriv", "iptables-legacy-restore", "sh")
	t.Parallel()
	exe := forAll(t)
	const died = "dropped by rule 2 of filter/INPUT (iptables-legacy): -A INPUT -d 203.0.113.10/32 -j DROP"
	nobody := func(args ...string) *exec.Cmd {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		return cmd
	}
	status, out, errs := answer(t, nobody(exe, "demo", "--live", "--plain"))
	if status != exitDone || errs != "" || !strings.Contains(out, died) {
		t.Errorf("in a user namespace: status %d, %s%s", status, out, errs)
	}
	// A user namespace in which there may be no other, and no capability.
	const without = `echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all "$@"`
	status, out, errs = answer(t, nobody("unshare", "-Ur", "sh", "-c", without, "sh", exe, "demo", "--plain"))
	sentence(t, "demo", errs)
	if status != exitDone || !strings.Contains(out, died) || !strings.Contains(errs, "playing the recording, because the live demo cannot run here: user namespaces are switched off (user.max_user_namespaces is 0); `sysctl -w user.max_user_namespaces=") {
		t.Errorf("without user namespaces: status %d, %s%s", status, out, errs)
	}
	status, out, errs = answer(t, nobody("unshare", "-Ur", "sh", "-c", without, "sh", exe, "demo", "--live", "--plain"))
	sentence(t, "demo --live", errs)
	if status != exitPrivilege || out != "" || !strings.Contains(errs, "`nfscope demo --recorded` plays a recording") {
		t.Errorf("--live without user namespaces: status %d, %s%s", status, out, errs)
	}
	// The list and the doctor say why, and that the recordings are left.
	const off = "user namespaces are switched off (user.max_user_namespaces is 0)"
	_, out, errs = answer(t, nobody("unshare", "-Ur", "sh", "-c", without, "sh", exe, "lab", "list"))
	for _, name := range labs.Names() { // labs of others may stand beside these
		line := fmt.Sprintf(`(?m)^%s +recorded  .*\n +> %s`, regexp.QuoteMeta(name), regexp.QuoteMeta(off))
		if errs != "" || !regexp.MustCompile(line).MatchString(out) {
			t.Errorf("lab list without user namespaces, %s: %s%s", name, out, errs)
		}
	}
	_, out, _ = answer(t, nobody("unshare", "-Ur", "sh", "-c", without, "sh", exe, "doctor"))
	want := fmt.Sprintf(`(?m)^off +live labs +none of %d: %s.*\n +> nfscope demo LAB --recorded$`, len(labs.Names()), regexp.QuoteMeta(off))
	if !regexp.MustCompile(want).MatchString(out) {
		t.Errorf("doctor without user namespaces:\n%s", out)
	}
}

// TestWithoutPrograms: no iptables and no nft, in a mount namespace where the programs
// are hidden.
func TestWithoutPrograms(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "nft", "unshare", "sh", "mount")
	t.Parallel()
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, dropForwarded, "iptables-legacy-restore")
	nettest.Feed(t, n.Router, "table inet fw {\n}\n", "nft", "-f", "-")
	exe, err := exec.LookPath("nfscope")
	if err != nil {
		t.Fatal(err)
	}
	hidden := func(args ...string) []string {
		return append([]string{"-m", "sh", "-c", `for d in /usr/sbin /sbin /usr/local/sbin; do mount -t tmpfs none $d || exit 99; done; exec "$@"`, "sh", exe, "--netns", n.Router.Name()}, args...)
	}
	status, out, errs := answer(t, exec.Command("unshare", hidden("rules")...))
	if status != exitDone || !strings.Contains(out, "iptables-legacy-save is not installed: `apt install iptables`") || !strings.Contains(out, "nft is not installed: `apt install nftables`") ||
		!strings.Contains(out, "FORWARD  hook forward") {
		t.Errorf("rules: status %d, %s%s", status, out, errs)
	}
	status, out, errs = answer(t, exec.Command("unshare", hidden("rules", "--format", "save")...))
	if status != exitDone || !strings.Contains(errs, "iptables-legacy-save is not installed") {
		t.Errorf("rules --format save: status %d, %s%s", status, out, errs)
	}
	status, out, _ = answer(t, exec.Command("unshare", hidden("doctor")...))
	for _, p := range []string{"iptables-legacy-save", "ip6tables-legacy-save", "iptables-nft-save", "ip6tables-nft-save", "nft"} {
		if !strings.Contains(out, fmt.Sprintf("missing  %-28s ", p)) {
			t.Errorf("doctor (status %d) does not miss %s:\n%s", status, p, out)
		}
	}
	// The trace works, with numbers for texts, and guesses no target: that the rule dropped it is
	// said only where the kernel told of the drop, which it may do of no packet in an interrupt.
	r := launch(t, "unshare", hidden("trace", "--for", "10m", "--count", "1", "--json", "udp and dst port 9")...)
	r.hears("tracing ")
	datagram(t, n.Client, "10.2.0.2:9")
	out, errs = r.ends(exitDone)
	rule := "rule 1 of filter/FORWARD (iptables-legacy): # text unknown"
	if told := `"sentence":"dropped by ` + rule + `"`; !strings.Contains(out, told) && !strings.Contains(out, "last seen at "+rule+"; what that did is not known") {
		t.Errorf("trace: %s%s", out, errs)
	}
	status, out, errs = answer(t, exec.Command("unshare", hidden("demo", "--plain")...))
	if status != exitDone || !strings.Contains(errs, "playing the recording") || !strings.Contains(errs, "iptables-legacy-restore is missing") || !strings.Contains(out, "dropped by rule 2") {
		t.Errorf("demo: status %d, %s%s", status, out, errs)
	}
}

// TestDemoWithoutLegacy: the lab is built with iptables-nft in its place, and says so.
func TestDemoWithoutLegacy(t *testing.T) {
	nettest.Kernel(t, "iptables-nft-restore", "iptables-nft-save", "nft", "unshare", "sh", "mount")
	t.Parallel()
	dir := t.TempDir()
	for _, p := range []string{"iptables-nft-restore", "iptables-nft-save", "ip6tables-nft-save", "nft"} {
		at, err := exec.LookPath(p)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(at)
		if err != nil {
			t.Fatal(err)
		}
		nettest.Program(t, filepath.Join(dir, p), b)
	}
	exe, err := exec.LookPath("nfscope")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("unshare", "-m", "sh", "-c",
		`for d in /usr/sbin /sbin /usr/local/sbin; do mount -t tmpfs none $d || exit 99; done; PATH="$2:$PATH" exec "$1" demo --live --plain`, "sh", exe, dir)
	status, out, errs := answer(t, cmd)
	if status != exitDone || !strings.Contains(out, "dropped by rule 2 of filter/INPUT (iptables-nft)") ||
		!strings.Contains(out, "! the program iptables-legacy-restore is missing: lab close-the-door runs with iptables-nft instead\n") {
		t.Errorf("status %d, %s%s", status, out, errs)
	}
}

// TestSignalsInTerminal: the UI ends by a signal, the terminal is as it was, and the
// status says so.
func TestSignalsInTerminal(t *testing.T) {
	nettest.Kernel(t, "tmux", "stty")
	t.Parallel()
	for _, sig := range []syscall.Signal{unix.SIGTERM, unix.SIGHUP, unix.SIGINT} {
		t.Run(unix.SignalName(sig), func(t *testing.T) {
			t.Parallel()
			ns := nettest.New(t, "host")
			before := tidy(world(t, ns))
			dir := t.TempDir()
			tm := inTerminal(t, 100, 30, fmt.Sprintf("stty -a >%s/before; nfscope --netns %s; s=$?; stty -a >%[1]s/after; (exit $s)", dir, ns.Name()))
			tm.see("PREROUTING", "Path")
			tm.keys("a")
			tm.keys("-l", "udp")
			tm.keys("Enter")
			tm.see("trace: udp")
			if err := unix.Kill(tm.pid(), sig); err != nil {
				t.Fatal(err)
			}
			tm.ended(exitInterrupted)
			old, err1 := os.ReadFile(filepath.Join(dir, "before"))
			now, err2 := os.ReadFile(filepath.Join(dir, "after"))
			if err1 != nil || err2 != nil || string(old) != string(now) {
				t.Errorf("the terminal was\n%sand is\n%s%v %v", old, now, err1, err2)
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

// TestSignalWhileStarting ends nfscope before it is ready, at many moments.
func TestSignalWhileStarting(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "nft", "timeout")
	t.Parallel()
	ns := nettest.New(t, "host")
	nettest.Feed(t, ns, dropForwarded, "iptables-legacy-restore")
	before := tidy(world(t, ns))
	for ms := 2; ms < 250; ms += 25 {
		status, out, errs := answer(t, exec.Command("timeout", "-s", "TERM", "-k", "60", "--preserve-status", fmt.Sprintf("0.%03d", ms),
			"nfscope", "--netns", ns.Name(), "trace", "--json", "udp"))
		// Before the handler is there the signal ends the process: 143 for a shell.
		if status != exitInterrupted && status != 128+int(unix.SIGTERM) {
			t.Errorf("after %d ms: status %d, %s%s", ms, status, out, errs)
		}
		if strings.Contains(errs, "goroutine") || strings.Contains(errs, "defect") {
			t.Errorf("after %d ms: %s", ms, errs)
		}
	}
	waitFor(t, "the namespace to be as it was", func() error {
		if after := tidy(world(t, ns)); after != before {
			return fmt.Errorf("before:\n%s\nafter:\n%s", before, after)
		}
		return nil
	})
}

// TestASCII: a locale that is not UTF-8 gets no other characters, unless asked for.
func TestASCII(t *testing.T) {
	nettest.Kernel(t, "tmux")
	t.Parallel()
	ns := nettest.New(t, "host")
	for env, ascii := range map[string]bool{"LC_ALL=C": true, "LC_ALL= LC_CTYPE= LANG=de_DE.ISO-8859-1": true, "LC_ALL=C.UTF-8": false, "LC_ALL=C NFS=--glyphs=unicode": false} {
		arg := ""
		if i := strings.Index(env, " NFS="); i > 0 {
			env, arg = env[:i], env[i+5:]
		}
		tm := inTerminal(t, 100, 30, "env "+env+" nfscope "+arg+" --netns "+ns.Name())
		tm.see("PREROUTING", "POSTROUTING")
		screen := tm.tmux("-u", "capture-pane", "-p")
		other := strings.ContainsFunc(screen, func(r rune) bool { return r > 126 })
		if other == ascii {
			t.Errorf("%s %s: other than ASCII: %v\n%s", env, arg, other, screen)
		}
		tm.keys("q")
		tm.ended(exitDone)
	}
}
