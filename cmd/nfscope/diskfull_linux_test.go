package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"nfscope/trace/nettest"
	"nfscope/trace/record"
)

// TestDiskFull: a disk that is full, from the begin or later, ends the recording and not
// the trace. That is said when it happens, and the status is 1.
func TestDiskFull(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "unshare", "mount")
	t.Parallel()
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, dropForwarded, "iptables-legacy-restore")
	dir := t.TempDir()
	// A small disk of its own, in a mount namespace of its own.
	small := `mount -t tmpfs -o size=12k none "$0" && shift && exec nfscope "$@" -w "$0/case.nfs"`
	for _, c := range []struct {
		name    string
		command []string
		file    string
	}{
		{"from the begin", []string{"nfscope"}, "/dev/full"},
		{"later", []string{"unshare", "-m", "sh", "-c", small, dir, "x"}, filepath.Join(dir, "case.nfs")},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append(c.command[1:], "--netns", n.Router.Name(), "trace", "--json", "--for", "10m", "--rate", "100000", "udp and dst port 9")
			if c.file == "/dev/full" {
				args = append(args, "-w", c.file)
			}
			r := launch(t, c.command[0], args...)
			r.hears("tracing ")
			// What it prints is read meanwhile, or it would wait for its reader.
			later := make(chan bool, 1)
			go func() {
				for {
					l, err := r.stdout.ReadString('\n')
					r.out.WriteString(l)
					if found := strings.Contains(l, fmt.Sprintf(`"length":%d,`, 777+28)); found || err != nil {
						later <- found
						return
					}
				}
			}()
			for full := false; !full; { // packets, until the disk is full
				select {
				case l, ok := <-r.said:
					if r.errs.WriteString(l + "\n"); !ok {
						t.Fatalf("it ended:\n%s", r.errs.String())
					}
					full = strings.Contains(l, c.file+": nothing more is recorded: ")
				default:
					datagram(t, n.Client, "10.2.0.2:9")
				}
			}
			nettest.Do(t, n.Client, func() error { // it is told by its size
				conn, err := net.Dial("udp", "10.2.0.2:9")
				if err != nil {
					return err
				}
				defer conn.Close()
				_, err = conn.Write(make([]byte, 777))
				return err
			})
			if !<-later {
				t.Fatal("no packet that came afterwards is told")
			}
			r.signal(os.Interrupt)
			out, errs := r.ends(exitError)
			endsWithStats(t, objects(t, out))
			if !strings.Contains(errs, "no space left on device") || strings.Contains(errs, "wrote ") {
				t.Errorf("it said %s", errs)
			}
		})
	}
	if tables := nettest.Run(t, n.Router, "nft", "list", "tables"); strings.Contains(tables, "nfscope") {
		t.Errorf("left behind: %s", tables)
	}
}

// TestRecordToStdout: with -w - the recording is all that is on stdout, and a replay reads
// it from there; where nobody reads it any more the trace ends.
func TestRecordToStdout(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "sh")
	t.Parallel()
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, dropForwarded, "iptables-legacy-restore")
	r := tracing(t, n.Router, "--count", "2", "-w", "-", "udp and dst port 9")
	datagram(t, n.Client, "10.2.0.2:9")
	datagram(t, n.Client, "10.2.0.2:9")
	out, errs := r.ends(exitDone)
	f, err := record.Open("stdout", strings.NewReader(out), int64(len(out)))
	if err != nil || f.Cut != "" || f.End.Why != "2 packets were traced" || !strings.Contains(errs, "2 packets in ") || strings.Contains(out, "dropped by rule") {
		t.Fatalf("%v, %+v\n%s", err, f, errs)
	}
	c := exec.Command("nfscope", "replay", "-")
	c.Stdin = strings.NewReader(out)
	text, err := c.Output()
	if err != nil || bytes.Count(text, []byte("dropped by rule 1 of filter/FORWARD")) != 2 {
		t.Errorf("%v:\n%s", err, text)
	}
	r = launch(t, "sh", "-c", `{ nfscope --netns "$0" trace --for 10m -w - udp; echo "status $?" >&2; } | head -c 1`, n.Router.Name())
	r.hears("tracing ")
	r.hears("status 0")
	if _, errs := r.ends(exitDone); strings.Contains(errs, "nfscope:") {
		t.Error(errs)
	}
}
