package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// running is an nfscope at work.
type running struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout *bufio.Reader
	out    bytes.Buffer // what was read of stdout
	said   chan string  // stderr, a line each
	errs   bytes.Buffer
	hang   *time.Timer // has it say where it hangs
}

// launch starts a command.
func launch(t *testing.T, name string, args ...string) *running {
	t.Helper()
	r := &running{t: t, cmd: exec.Command(name, args...), said: make(chan string, 1000)}
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r.stdout = bufio.NewReader(out)
	errs, err := r.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	r.cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true} // it may be a shell with more
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(r.said)
		for s := bufio.NewScanner(errs); s.Scan(); {
			r.said <- s.Text()
		}
	}()
	r.hang = time.AfterFunc(nettest.InVain, func() { _ = unix.Kill(-r.cmd.Process.Pid, unix.SIGQUIT) })
	t.Cleanup(func() { r.hang.Stop(); _ = unix.Kill(-r.cmd.Process.Pid, unix.SIGKILL) })
	return r
}

// hears waits until stderr says something.
func (r *running) hears(text string) string {
	r.t.Helper()
	r.hang.Reset(nettest.InVain)
	defer r.hang.Stop() // what the test does before it waits again is not the program's hanging
	for l := range r.said {
		r.errs.WriteString(l + "\n")
		if strings.Contains(l, text) {
			return l
		}
	}
	r.t.Fatalf("it ended and never said %q:\n%s%s", text, r.errs.String(), r.out.String())
	return ""
}

// line reads stdout up to a line that ok accepts.
func (r *running) line(what string, ok func(string) bool) string {
	r.t.Helper()
	r.hang.Reset(nettest.InVain)
	defer r.hang.Stop()
	for {
		l, err := r.stdout.ReadString('\n')
		r.out.WriteString(l)
		if err != nil {
			r.t.Fatalf("it ended without %s:\n%s%s", what, r.out.String(), r.rest())
		}
		if ok(l) {
			return l
		}
	}
}

func (r *running) rest() string {
	for l := range r.said {
		r.errs.WriteString(l + "\n")
	}
	return r.errs.String()
}

// ends waits for the end and gives all of stdout and stderr.
func (r *running) ends(status int) (out, errs string) {
	r.t.Helper()
	got, out, errs := r.end()
	if got != status {
		r.t.Errorf("%v: exit status %d, want %d\n%s%s", r.cmd.Args, got, status, out, errs)
	}
	return out, errs
}

// end waits until it ends, and gives its exit status and the rest of what it says.
func (r *running) end() (status int, out, errs string) {
	r.hang.Reset(nettest.InVain)
	_, _ = r.out.ReadFrom(r.stdout)
	errs = r.rest()
	_ = r.cmd.Wait()
	return r.cmd.ProcessState.ExitCode(), r.out.String(), errs
}

func (r *running) signal(s os.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

// datagram sends one from a namespace; a rule may refuse it.
func datagram(t *testing.T, from *netns.Handle, to string) {
	t.Helper()
	nettest.Do(t, from, func() error {
		c, err := net.Dial("udp", to)
		if err != nil {
			return err
		}
		defer c.Close()
		if _, err = c.Write([]byte("x")); errors.Is(err, unix.EPERM) {
			err = nil
		}
		return err
	})
}

// objects decodes NDJSON, and holds every object against the contract of its schema.
func objects(t *testing.T, out string) (list []map[string]any) {
	t.Helper()
	for _, l := range strings.Split(strings.TrimSpace(out), "\n") {
		o := map[string]any{}
		if err := json.Unmarshal([]byte(l), &o); err != nil || o["schema"] == nil {
			t.Fatalf("%v: no object with a schema: %q", err, l)
		}
		for _, b := range breaches(o) {
			t.Errorf("%v: %s\n%s", o["schema"], b, l)
		}
		list = append(list, o)
	}
	return list
}

// at digs for a value: at(o, "nat", "client").
func at(o map[string]any, path ...string) any {
	var v any = o
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}

// endsWithStats checks that the last object tells the counts, and gives it.
func endsWithStats(t *testing.T, list []map[string]any) map[string]any {
	t.Helper()
	last := list[len(list)-1]
	for _, field := range []string{"events", "journeys", "lost", "gaps", "duration_ns"} {
		if _, ok := last[field].(float64); !ok || last["schema"] != "nfscope/stats/1" {
			t.Errorf("the last line is no nfscope/stats/1 with %s: %v", field, last)
		}
	}
	return last
}
