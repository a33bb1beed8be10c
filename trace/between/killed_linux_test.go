package between

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// TestMain becomes the program that TestKilled and TestRefused start.
func TestMain(m *testing.M) {
	if os.Getenv("NFS_BETWEEN_CHILD") == "" {
		os.Exit(m.Run())
	}
	if err := sits(); err != nil {
		fmt.Println("error", err)
	}
}

// sits takes seats in its namespace, prints the ids of what is in the kernel then, and stays
// until stdin ends.
func sits() error {
	ns, err := netns.Current()
	if err != nil {
		return err
	}
	r, err := Open(Options{})
	if err != nil {
		return err
	}
	if err := r.Sit(ns, "", journey.Seats(&model.Ruleset{}, -350, -350)); err != nil {
		return err
	}
	ids, err := r.kit.IDs()
	if err != nil {
		return err
	}
	for _, id := range ids {
		fmt.Println(id)
	}
	fmt.Println("sits")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// child starts this test as that program in a namespace of its own; said is what it prints,
// up to the line that says that it sits or why it does not.
func child(t *testing.T, attr syscall.SysProcAttr) (cmd *exec.Cmd, said []string) {
	t.Helper()
	cmd = exec.Command("/proc/self/exe") // by its descriptor: whoever it becomes may not read the directory
	cmd.Env = append(os.Environ(), "NFS_BETWEEN_CHILD=1")
	cmd.SysProcAttr = &attr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for s := bufio.NewScanner(out); s.Scan(); {
		said = append(said, s.Text())
		if s.Text() == "sits" || strings.HasPrefix(s.Text(), "error") {
			break
		}
	}
	return cmd, said
}

// there reports whether the kernel has a program, a link or a map by what a child said of it.
func there(t *testing.T, said string) bool {
	t.Helper()
	var kind string
	var id uint32
	if _, err := fmt.Sscan(said, &kind, &id); err != nil {
		t.Fatalf("%q: %v", said, err)
	}
	var got io.Closer
	var err error
	switch kind {
	case "program":
		got, err = ebpf.NewProgramFromID(ebpf.ProgramID(id))
	case "link":
		got, err = link.NewFromID(link.ID(id))
	case "map":
		got, err = ebpf.NewMapFromID(ebpf.MapID(id))
	}
	if errors.Is(err, os.ErrNotExist) {
		return false
	}
	if err != nil {
		t.Fatalf("%s: %v", said, err)
	}
	_ = got.Close()
	return true
}

// TestKilled: after kill -9 no program is left in the hooks, and nothing in the kernel.
func TestKilled(t *testing.T) {
	nettest.Kernel(t)
	cmd, said := child(t, syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET})
	n := map[string]int{}
	for _, l := range said {
		kind, _, _ := strings.Cut(l, " ")
		if n[kind]++; kind != "sits" && !there(t, l) {
			t.Errorf("%s is not there", l)
		}
	}
	if n["sits"] != 1 || n["program"] == 0 || n["link"] != 2*n["program"] || n["map"] != 8 {
		t.Fatalf("it said %q", said)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	late := time.After(nettest.InVain)
	for _, l := range said[:len(said)-1] {
		for there(t, l) { // the kernel lets go of them soon, not at once
			select {
			case <-late:
				t.Fatalf("%s is left", l)
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
}

// TestRefused: without the capability, and in a user namespace, the kernel's refusal is one
// clear error, that does not send the user to his memory limits.
func TestRefused(t *testing.T) {
	nettest.Kernel(t)
	root := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}
	for name, attr := range map[string]syscall.SysProcAttr{
		"user namespace": {Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNET, UidMappings: root, GidMappings: root},
		"no capability":  {Cloneflags: unix.CLONE_NEWNET, Credential: &syscall.Credential{Uid: 65534, Gid: 65534}},
	} {
		_, said := child(t, attr)
		if len(said) != 1 || said[0] != "error make a map: operation not permitted" {
			t.Errorf("%s: it said %q", name, said)
		}
	}
}
