package lab

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// TestSweep: kill -9 of a process that holds a lab leaves namespaces; Sweep removes
// them, and neither those of the living nor those of tests.
func TestSweep(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "unshare", "mount", "sh")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv(childEnv) != "apart" {
		// Every lab that another test runs sweeps too: the names are kept where nobody sees them.
		cmd := exec.Command("unshare", "-m", "sh", "-c", `mount -t tmpfs none /run/netns && exec "$0" "$@"`, exe, "-test.run", "^TestSweep$", "-test.v")
		cmd.Env = append(os.Environ(), childEnv+"=apart")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestSweep") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childEnv+"=hold")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	said := bufio.NewScanner(out)
	if !said.Scan() || said.Text() != "up" {
		t.Fatalf("the child said %q", said.Text())
	}
	mine := fmt.Sprintf("nfs-held-%d-", cmd.Process.Pid)
	held := func() []string {
		names, err := netns.List(mine)
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	if len(held()) != 3 {
		t.Fatalf("the child holds %v", held())
	}
	if left, err := Leftovers(); err != nil || slices.ContainsFunc(left, func(s string) bool { return strings.HasPrefix(s, mine) }) {
		t.Fatalf("namespaces of a living process are left over: %v, %v", left, err)
	}
	living := nettest.New(t, "living")
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	// A name without a namespace, as a process leaves that is killed while making one.
	if err := os.WriteFile("/run/netns/"+mine+"empty", nil, 0o444); err != nil {
		t.Fatal(err)
	}
	if len(held()) != 4 {
		t.Fatalf("after kill -9: %v", held())
	}
	gone, err := Sweep()
	if err != nil {
		t.Fatal(err)
	}
	if len(held()) != 0 || !slices.Contains(gone, mine+"server") || !slices.Contains(gone, mine+"empty") {
		t.Errorf("swept %v, but left %v", gone, held())
	}
	if slices.Contains(gone, living.Name()) {
		t.Errorf("swept %s, which is a test's", living.Name())
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		name string
		lab  string
		inst instance
		host string
	}{
		{"nfs-gateway-123-server", "gateway", instance{123, 0}, "server"},
		{"nfs-close-the-door-123.2-client", "close-the-door", instance{123, 2}, "client"},
		{"nfs-a-12-345-x", "a-12", instance{345, 0}, "x"},
	} {
		if got := nsName(c.lab, c.inst, c.host); got != c.name {
			t.Errorf("%s, expected %s", got, c.name)
		}
		lab, inst, host, ok := splitName(c.name)
		if !ok || lab != c.lab || inst != c.inst || host != c.host {
			t.Errorf("%s: %q %v %q %v", c.name, lab, inst, host, ok)
		}
	}
	for _, s := range []string{"nfs-test-12-1-client", "nfs-test-1-client", "nfs-probe", "nfs-gateway-x-y", "nfs-gateway-0-y", "gateway-1-y", "nfs-gateway-99999999999-y"} {
		if _, _, _, ok := splitName(s); ok {
			t.Errorf("%s is taken for a lab's", s)
		}
	}
}
