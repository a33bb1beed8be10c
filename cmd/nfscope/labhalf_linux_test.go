package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// TestLabHalfBuilt ends a lab while it is being built: its namespaces are there, its rules are
// being loaded. Whoever ends it and however, nothing of it stays.
func TestLabHalfBuilt(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore", "sh")
	for _, c := range []struct {
		command string
		sig     unix.Signal
		keeper  bool // the process that builds is not the one that was started, and gets the signal
		status  int
	}{
		{"test", unix.SIGTERM, false, exitInterrupted},
		{"test", unix.SIGKILL, false, -1},
		{"up", unix.SIGINT, false, exitInterrupted},
		{"up", unix.SIGKILL, false, -1},
		{"up", unix.SIGKILL, true, exitError},
	} {
		t.Run(fmt.Sprintf("%s %s keeper %v", c.command, unix.SignalName(c.sig), c.keeper), func(t *testing.T) {
			t.Parallel()
			dir := before(t, "iptables-legacy-restore", ": >$dir/starts; read x <$dir/goes")
			starts, goes := filepath.Join(dir, "starts"), filepath.Join(dir, "goes")
			for _, fifo := range []string{starts, goes} {
				if err := unix.Mkfifo(fifo, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			gate, err := os.OpenFile(goes, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer gate.Close()
			name := fmt.Sprintf("own-half-%s%d%v-%d", c.command, c.sig, c.keeper, os.Getpid())
			names := func() []string {
				list, err := netns.List("nfs-" + name + "-")
				if err != nil {
					t.Fatal(err)
				}
				return list
			}
			r := launch(t, "env", "PATH="+dir+":"+os.Getenv("PATH"), "nfscope", "lab", c.command, ownLab(t, name), "--backend", "iptables-legacy")
			started := make(chan error, 1)
			go func() {
				_, err := os.ReadFile(starts)
				started <- err
			}()
			select {
			case err := <-started:
				if err != nil {
					t.Fatal(err)
				}
			case <-time.After(nettest.InVain):
				t.Fatal("no rules are loaded")
			}
			half := names()
			if len(half) != 3 {
				t.Fatalf("its namespaces are %v", half)
			}
			if c.keeper {
				pid, _ := strconv.Atoi(regexp.MustCompile(`-(\d+)-[a-z]+$`).FindStringSubmatch(half[0])[1])
				if pid == r.cmd.Process.Pid {
					t.Fatalf("%v is kept by the process in front", half)
				}
				if err := unix.Kill(pid, c.sig); err != nil {
					t.Fatal(err)
				}
			} else {
				r.signal(c.sig)
			}
			r.ends(c.status)
			if c.sig != unix.SIGKILL {
				if left := names(); len(left) != 0 {
					t.Errorf("left behind: %v", left)
				}
				return
			}
			// The guard waits for the program that loads rules, which lives on.
			if _, err := gate.WriteString("\n"); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the end of its namespaces", func() error {
				if left := names(); len(left) != 0 {
					return fmt.Errorf("there are %v", left)
				}
				return nil
			})
		})
	}
}
