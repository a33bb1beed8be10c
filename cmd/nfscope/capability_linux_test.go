package main

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"nfscope/trace/nettest"
)

// TestNetAdminOnly looks and traces with CAP_NET_ADMIN and CAP_NET_RAW only, as in a
// container made with --cap-add=NET_ADMIN: no namespace may be entered there.
func TestNetAdminOnly(t *testing.T) {
	nettest.Kernel(t, "setpriv", "iptables-legacy-restore")
	t.Parallel()
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A FORWARD -p udp -j DROP\nCOMMIT\n", "iptables-legacy-restore")
	in := func(args ...string) *exec.Cmd {
		ctx, cancel := context.WithTimeout(context.Background(), nettest.InVain)
		t.Cleanup(cancel)
		return exec.CommandContext(ctx, "setpriv", append([]string{"--inh-caps=-all,+net_admin,+net_raw",
			"--bounding-set=-all,+net_admin,+net_raw", "nfscope"}, args...)...)
	}
	rules := in("rules")
	out, errs := new(bytes.Buffer), new(bytes.Buffer)
	rules.Stdout, rules.Stderr = out, errs
	if err := n.Router.Start(rules); err != nil {
		t.Fatal(err)
	}
	if err := rules.Wait(); err != nil || !strings.Contains(out.String(), "-p udp -j DROP") {
		t.Errorf("rules: %v, %s%s", err, out, errs)
	}

	trace := in("trace", "--for", "10m", "--count", "1", "udp and dst port 9")
	stdout, err := trace.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	armed := &signalWriter{want: "tracing udp", seen: make(chan struct{})}
	trace.Stderr = armed
	if err := n.Router.Start(trace); err != nil {
		t.Fatal(err)
	}
	select {
	case <-armed.seen:
	case <-time.After(nettest.InVain):
		t.Fatalf("not armed: %s", armed.all.String())
	}
	nettest.Do(t, n.Client, func() error { return exec.Command("bash", "-c", "echo x > /dev/udp/10.2.0.2/9").Run() })
	out.Reset()
	_, _ = out.ReadFrom(stdout)
	if err := trace.Wait(); err != nil {
		t.Errorf("trace: %v: %s", err, armed.all.String())
	}
	if !strings.Contains(out.String(), "dropped by rule 1 of filter/FORWARD (iptables-legacy)") {
		t.Errorf("trace said %s", out)
	}
}

// signalWriter closes seen when what is written holds want.
type signalWriter struct {
	all  bytes.Buffer
	want string
	seen chan struct{}
	done bool
}

func (w *signalWriter) Write(b []byte) (int, error) {
	w.all.Write(b)
	if !w.done && strings.Contains(w.all.String(), w.want) {
		w.done = true
		close(w.seen)
	}
	return len(b), nil
}
