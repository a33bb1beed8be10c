package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"nfscope/docs/labs"
	"nfscope/trace/lab"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// ownLab copies a lab under another name, so that it stands apart from those of other
// tests and users, and gives its folder.
func ownLab(t *testing.T, name string) string {
	return copyLab(t, t.TempDir(), "close-the-door", name)
}

// copyLab is ownLab for any lab, in a folder of a directory that is there.
func copyLab(t *testing.T, in, from, name string) string {
	t.Helper()
	dir := filepath.Join(in, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	files, err := labs.FS.ReadDir(from)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := labs.FS.ReadFile(from + "/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		if f.Name() == "lab.yaml" {
			b = []byte(strings.Replace(string(b), "name: "+from, "name: "+name, 1))
		}
		if f.Name() == lab.RecordingFile { // it is of the other
			continue
		}
		file := filepath.Join(dir, f.Name())
		if err := errors.Join(os.WriteFile(file, b, 0o644), os.Chmod(file, 0o644)); err != nil { // whatever the umask is
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// nfscope runs a command to its end.
func nfscope(t *testing.T, status int, args ...string) string {
	t.Helper()
	cmd := exec.Command("nfscope", args...)
	out, err := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != status {
		t.Fatalf("nfscope %v: status %d, %v, want %d\n%s", args, got, err, status, out)
	}
	return string(out)
}

// stands finds the one lab of that name.
func stands(t *testing.T, name string) (found []lab.Stand) {
	t.Helper()
	list, err := lab.Standing()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		if s.Lab == name {
			found = append(found, s)
		}
	}
	return found
}

// TestLabUp: up leaves a lab standing with its services, enter goes into it, down ends
// it and leaves nothing.
func TestLabUp(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore", "ip")
	name := fmt.Sprintf("own-up-%d", os.Getpid())
	dir := ownLab(t, name)
	t.Cleanup(func() {
		for _, s := range stands(t, name) {
			_ = lab.Release(t.Context(), s)
		}
	})
	if out := nfscope(t, exitError, "lab", "down", dir); !strings.Contains(out, "does not stand") {
		t.Errorf("down of what does not stand: %s", out)
	}
	out := nfscope(t, exitDone, "lab", "up", dir)
	s := stands(t, name)
	if len(s) != 1 || !s[0].Held || len(s[0].Hosts) != 3 || !strings.Contains(out, s[0].Hosts["server"]) {
		t.Fatalf("it stands %+v, and said\n%s", s, out)
	}
	if out := nfscope(t, exitError, "lab", "up", dir); !strings.Contains(out, "stands already") {
		t.Errorf("a second up: %s", out)
	}
	for _, args := range [][]string{{"lab", "list"}, {"lab", "list", "--json"}} {
		if out := nfscope(t, exitDone, args...); !strings.Contains(out, name) || !strings.Contains(out, "namespaces nfs-"+name) {
			t.Errorf("%v does not have it:\n%s", args, out)
		}
	}
	// Its services live: they are in the process that keeps it.
	h, err := netns.Open(s[0].Hosts["client"])
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if c, err := nettest.Dial(t, h, "tcp", "", "203.0.113.10:22", nettest.InVain); err != nil {
		t.Errorf("ssh of the lab that stands: %v", err)
	} else {
		c.Close()
	}
	if out := nfscope(t, exitDone, "lab", "enter", name, "server", "--", "ip", "-br", "address"); !strings.Contains(out, "203.0.113.10/24") {
		t.Errorf("inside the server: %s", out)
	}
	if out := nfscope(t, 7, "lab", "enter", name, "server", "sh", "-c", "exit 7"); out != "" {
		t.Errorf("a command's status: %s", out)
	}
	if out := nfscope(t, exitUsage, "lab", "enter", name, "nobody"); !strings.Contains(out, "there are client, router, server") {
		t.Errorf("enter nobody: %s", out)
	}
	if out := nfscope(t, exitDone, "lab", "down", name); !strings.Contains(out, "is removed") {
		t.Errorf("down: %s", out)
	}
	if left, _ := netns.List("nfs-" + name); len(left) != 0 || len(stands(t, name)) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestLabUpByUser: an ordinary user's lab stands in a user namespace of its own: it is
// listed, entered, and removed; nobody else's are touched.
func TestLabUpByUser(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore", "ip", "nsenter", "unshare")
	exe := forAll(t)
	name := fmt.Sprintf("own-user-%d", os.Getpid())
	dir := copyLab(t, filepath.Dir(exe), "redirect-proxy", name)
	user := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(name, args...)
		cmd.Dir = "/"
		cmd.Env = []string{"HOME=/", "LANG=C.UTF-8", "PATH=/usr/bin:/bin"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		return cmd
	}
	if out, err := user("unshare", "-Urnm", "true").CombinedOutput(); err != nil {
		nettest.Skip(t, "an ordinary user can make no user namespace here: "+string(out))
	}
	says := func(status int, want string, args ...string) {
		t.Helper()
		cmd := user(exe, append([]string{"lab"}, args...)...)
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != status || !strings.Contains(string(out), want) {
			t.Errorf("lab %v: status %d, want %d, with %q:\n%s", args, got, status, want, out)
		}
	}
	t.Cleanup(func() { _ = user(exe, "lab", "down", name).Run() })
	says(exitDone, "nfscope lab enter "+name+" pod nfscope", "up", dir)
	says(exitError, "stands already", "up", dir)
	says(exitDone, "in a user namespace", "list")
	says(exitDone, "10.244.0.9/24", "enter", name, "pod", "--", "ip", "-br", "address")
	says(exitDone, "-A PREROUTING -p tcp -j REDIRECT --to-ports 5555", "enter", name, "pod", "iptables-legacy", "-t", "nat", "-S")
	says(exitDone, "iptables-legacy ip nat", "enter", name, "pod", exe, "rules")
	says(7, "", "enter", name, "pod", "sh", "-c", "exit 7")
	says(exitUsage, "there are client, pod", "enter", name, "nobody")
	if out, err := exec.Command(exe, "lab", "enter", name, "pod", "true").CombinedOutput(); err == nil || !strings.Contains(string(out), "of user 65534, who alone may enter it") {
		t.Errorf("root runs a user's files: %v\n%s", err, out)
	}
	if l, err := netns.List("nfs-" + name + "-"); err != nil || slices.ContainsFunc(stands(t, name), func(s lab.Stand) bool { return !s.Apart() && s.Held }) {
		t.Errorf("root sees it among its own: %v, %v", l, err)
	}
	says(exitDone, "is removed", "down", name)
	says(exitError, "does not stand", "down", name)
	for _, s := range stands(t, name) {
		if s.Apart() {
			t.Errorf("it stands yet: %s", s)
		}
	}
}

// TestLabKilled: a lab whose keeper was killed is removed, by its guard or by the next
// nfscope.
func TestLabKilled(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore")
	name := fmt.Sprintf("own-killed-%d", os.Getpid())
	dir := ownLab(t, name)
	nfscope(t, exitDone, "lab", "up", dir)
	s := stands(t, name)
	if len(s) != 1 {
		t.Fatalf("stands %v", s)
	}
	fd, err := unix.PidfdOpen(s[0].PID, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil {
		t.Fatal(err)
	}
	for { // it is gone when its descriptor is ready
		if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(nettest.InVain.Milliseconds())); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	nfscope(t, exitDone, "lab", "test", dir, "--backend", "iptables-nft")
	if left, _ := netns.List(fmt.Sprintf("nfs-%s-%d-", name, s[0].PID)); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestLabSignals: Ctrl-C, SIGTERM and SIGHUP end lab run, and remove the lab.
func TestLabSignals(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore")
	for _, sig := range []unix.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP} {
		name := fmt.Sprintf("own-%s-%d", strings.ToLower(unix.SignalName(sig)), os.Getpid())
		r := launch(t, "nfscope", "lab", "run", "--plain", ownLab(t, name))
		r.line("its first step", func(l string) bool { return strings.HasPrefix(l, "== 1.") })
		r.signal(sig)
		r.ends(exitInterrupted)
		if left, _ := netns.List("nfs-" + name); len(left) != 0 {
			t.Errorf("%v left %v", sig, left)
		}
	}
}

// TestLabBadInput: what is wrong with a lab is said in a sentence with file and line, and
// nothing of it stays.
func TestLabBadInput(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore")
	name := fmt.Sprintf("own-bad-%d", os.Getpid())
	dir := ownLab(t, name)
	rules := filepath.Join(dir, "server.iptables-legacy.save")
	file := filepath.Join(dir, "lab.yaml")
	spoil := func(path, old, to string) func() {
		b, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(b), old) {
			t.Fatalf("%s has no %q: %v", path, old, err)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(b), old, to, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
		return func() { _ = os.WriteFile(path, b, 0o644) }
	}
	for _, c := range []struct {
		path, old, to, want string
	}{
		{file, "observed: server", "observed: nobody", file + ":6: observed: there is no host \"nobody\""},
		{file, "203.0.113.10/24", "203.0.113.1/24", "address 203.0.113.1 is in use twice"},
		{rules, "-m tcp --dport 22 -j ACCEPT", "-m tcp --dport 22 -j NOWHERE", rules + ":"},
		{rules, "COMMIT", "COMMITTED", rules + ":"},
	} {
		back := spoil(c.path, c.old, c.to)
		for _, command := range [][]string{{"lab", "test", dir}, {"lab", "up", dir}} {
			if out := nfscope(t, exitUsage, command...); !strings.Contains(out, c.want) || strings.Count(strings.TrimSpace(out), "\n") > 0 {
				t.Errorf("%v with %q:\n%s", command[:2], c.to, out)
			}
		}
		back()
	}
	nfscope(t, exitUsage, "lab", "run", "./there-is-none")
	nfscope(t, exitUsage, "lab", "run", "there-is-none")
	nfscope(t, exitUsage, "lab", "run", "--backend", "ipchains", dir)
	nfscope(t, exitUsage, "lab", "dance")
	if left, _ := netns.List("nfs-" + name); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	// A statement that is not so: status 1, and the statement.
	back := spoil(file, "rule: 2}\n      sentence", "rule: 3}\n      sentence")
	defer back()
	if out := nfscope(t, exitError, "lab", "test", dir, "--backend", "iptables-legacy"); !strings.Contains(out, "the lab states rule 3, there was rule 2") {
		t.Errorf("a false statement: %s", out)
	}
}
