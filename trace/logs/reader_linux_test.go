package logs

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/logline"
	"nfscope/model/ruleset"
	"nfscope/trace/kmsg"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
	"nfscope/trace/nflog"
)

// send sends datagrams to a port of the namespace itself.
func send(t *testing.T, ns *netns.Handle, port string, n int) {
	t.Helper()
	nettest.Do(t, ns, func() error {
		to, err := net.ResolveUDPAddr("udp", "127.0.0.1:"+port)
		if err != nil {
			return err
		}
		c, err := net.ListenPacket("udp", "127.0.0.1:0") // not connected: nobody's refusal comes back to it
		if err != nil {
			return err
		}
		defer c.Close()
		for range n {
			if _, err := c.WriteTo([]byte("x"), to); err != nil {
				return err
			}
		}
		return nil
	})
}

// TestLinesOfGroups: rules of all three backends send to groups; each line has its group,
// prefix, packet and sender, and its rule is found.
func TestLinesOfGroups(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy", "iptables-nft", "nft")
	ns := nettest.New(t, "logs")
	nettest.Run(t, ns, "iptables-legacy", "-A", "OUTPUT", "-p", "udp", "--dport", "4000", "-j", "NFLOG", "--nflog-group", "5", "--nflog-prefix", "legacy out")
	nettest.Run(t, ns, "iptables-nft", "-A", "INPUT", "-p", "udp", "--dport", "4000", "-j", "NFLOG", "--nflog-group", "6", "--nflog-prefix", "nft in")
	nettest.Feed(t, ns, "table inet fw { chain in { type filter hook input priority 10; udp dport 4000 log prefix \"native\" group 5; udp dport 4001 drop; }; }", "nft", "-f", "-")
	r, err := Open(ns, Options{Groups: []uint16{5, 6}})
	if err != nil {
		t.Fatal(err)
	}
	lines := make(chan logline.Line, 64)
	ended := make(chan error, 1)
	ctx, stop := context.WithCancel(context.Background())
	go func() { ended <- r.Run(ctx, func(l logline.Line) { lines <- l }) }()
	send(t, ns, "4000", 1)
	rs := &model.Ruleset{}
	for _, p := range []string{"iptables-legacy-save", "iptables-nft-save"} {
		part, _, _ := ruleset.ParseFile(p, []byte(nettest.Run(t, ns, p)))
		rs.Tables = append(rs.Tables, part.Tables...)
	}
	native, _ := ruleset.ParseNFT("nft", []byte(nettest.Run(t, ns, "nft", "list", "table", "inet", "fw")))
	rs.Tables = append(rs.Tables, native...)
	rs.Number()
	rules := logline.Rules(rs)
	want := map[string]string{
		"group 5 legacy out": "out lo|output|probably rule 1 of filter/OUTPUT|uid 0 gid 0",
		"group 6 nft in":     "in lo|input|probably rule 1 of filter/INPUT|",
		"group 5 native":     "in lo|input|probably rule 1 of inet fw/in|",
	}
	for range 3 {
		select {
		case l := <-lines:
			key := l.From() + " " + l.Prefix
			got := l.Way() + "|" + l.Hook.String() + "|" + logline.Words(l.Candidates(rules)) + "|" + l.Owner()
			if w, ok := want[key]; !ok || got != w && got != w+"uid 0 gid 0" { // on lo the sender's socket may still be known in INPUT
				t.Errorf("%s: %s, want %s", key, got, w)
			}
			delete(want, key)
			if l.Packet == nil || l.Packet.DPort != 4000 || l.Packet.Dst.String() != "127.0.0.1" || l.Time.IsZero() {
				t.Errorf("%s: packet %v at %v", key, l.Packet, l.Time)
			}
		case <-time.After(nettest.InVain):
			t.Fatalf("no line of %v", want)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Run ended with %v", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if r.Lost() != 0 {
		t.Errorf("lost %d", r.Lost())
	}
	if who, err := nflog.Holder(ns, 5); err != nil || who != "" {
		t.Errorf("after Close group 5 is read by %q, %v", who, err)
	}
}

// TestLinesOfDevices: lines of netdev tables, and of inet chains at a device, are read.
func TestLinesOfDevices(t *testing.T) {
	nettest.Kernel(t, "nft")
	ns := nettest.New(t, "devlogs")
	nettest.Feed(t, ns, "table netdev nd { chain in { type filter hook ingress device \"lo\" priority 0; udp dport 4000 log prefix \"nd\" group 3; }; }\n"+
		"table inet fw { chain in { type filter hook ingress device \"lo\" priority 1; udp dport 4000 log prefix \"inet\" group 3; }; }\n", "nft", "-f", "-")
	r, err := Open(ns, Options{Groups: []uint16{3}})
	if err != nil {
		t.Fatal(err)
	}
	lines := make(chan logline.Line, 9)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx, func(l logline.Line) { lines <- l }) }()
	send(t, ns, "4000", 1)
	native, _ := ruleset.ParseNFT("nft", []byte(nettest.Run(t, ns, "nft", "list", "ruleset")))
	rs := &model.Ruleset{Tables: native}
	rs.Number()
	for _, want := range []string{"nd probably rule 1 of netdev nd/in", "inet probably rule 1 of inet fw/in"} {
		select {
		case l := <-lines:
			if w := l.Prefix + " " + logline.Words(l.Candidates(logline.Rules(rs))); l.Hook != model.HookIngress || w != want {
				t.Errorf("%+v, %s", l, w)
			}
		case <-time.After(nettest.InVain):
			t.Fatal("no line")
		}
	}
	if m := r.Missing(); r.Lost() != 0 || len(m) != 0 {
		t.Errorf("lost %d: %q", r.Lost(), m)
	}
	stop()
	<-ended
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// TestATakenGroupIsNamed: a group that has a reader stays its reader's, the others are read.
func TestATakenGroupIsNamed(t *testing.T) {
	nettest.Kernel(t)
	ns := nettest.New(t, "taken")
	first, err := Open(ns, Options{Groups: []uint16{5}})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if _, err := Open(ns, Options{Groups: []uint16{5}}); !errors.Is(err, nflog.ErrTaken) || !strings.Contains(err.Error(), "group 5") {
		t.Errorf("the taken group alone: %v", err)
	}
	both, err := Open(ns, Options{Groups: []uint16{5, 6}})
	if err != nil {
		t.Fatal(err)
	}
	defer both.Close()
	if g := both.Groups(); len(g) != 1 || g[0] != 6 || len(both.Missing()) != 1 || !strings.Contains(both.Missing()[0], "taken") {
		t.Errorf("groups %v, missing %q", g, both.Missing())
	}
}

// TestLossIsCounted: with a buffer that is too small, what was read and what was lost are
// together what was sent.
func TestLossIsCounted(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy")
	ns := nettest.New(t, "loss")
	nettest.Run(t, ns, "iptables-legacy", "-A", "OUTPUT", "-p", "udp", "--dport", "4000:4001", "-j", "NFLOG", "--nflog-group", "5")
	r, err := Open(ns, Options{Groups: []uint16{5}, Buffer: 4096})
	if err != nil {
		t.Fatal(err)
	}
	const sent = 2000
	send(t, ns, "4000", sent) // nobody reads yet
	lines := make(chan logline.Line, sent+64)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx, func(l logline.Line) { lines <- l }) }()
	read, sentinels := uint64(0), uint64(0)
	for last := false; !last; {
		select {
		case l := <-lines:
			if last = l.Packet.DPort == 4001; !last {
				read++
			}
		case <-time.After(200 * time.Millisecond):
			send(t, ns, "4001", 1) // what came before it is read or lost
			sentinels++
		}
	}
	lost := r.Lost()
	stop()
	<-ended
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if lost == 0 || read+lost < sent || read+lost > sent+sentinels-1 { // sentinels may be lost too, but for the one that is read
		t.Errorf("read %d, lost %d of %d", read, lost, sent)
	}
}

// holed is a kernel's log that has a line of LOG, and of which more were overwritten.
type holed struct{ closed chan struct{} }

func (h holed) Run(emit func(kmsg.Record)) error {
	emit(kmsg.Record{Level: 4, Seq: 10, Text: "x IN=eth0 OUT= SRC=10.0.0.1 DST=10.0.0.2 LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=1 PROTO=UDP SPT=1 DPT=2 LEN=40 "})
	<-h.closed
	return os.ErrClosed
}

func (h holed) Lost() uint64 { return 7 }

func (h holed) Close() error {
	close(h.closed)
	return nil
}

// TestLossOfTheKernelsLog: what the kernel's log overwrote counts as lost too.
func TestLossOfTheKernelsLog(t *testing.T) {
	r := &Reader{kernel: holed{make(chan struct{})}}
	ctx, stop := context.WithCancel(t.Context())
	var got []string
	if err := r.Run(ctx, func(l logline.Line) { got = append(got, l.Prefix); stop() }); err != nil {
		t.Error(err)
	}
	if len(got) != 1 || got[0] != "x " || r.Lost() != 7 {
		t.Errorf("lines of %q, lost %d", got, r.Lost())
	}
}

// TestTheKernelsLogIsTheFirstNamespaces: of another namespace LOG writes nothing, and that
// is what is said.
func TestTheKernelsLogIsTheFirstNamespaces(t *testing.T) {
	nettest.Kernel(t)
	if b, err := os.ReadFile(allNetns); err != nil || strings.TrimSpace(string(b)) != "0" {
		nettest.Skip(t, "nf_log_all_netns is on here, or this is no first namespace")
	}
	ns := nettest.New(t, "kmsg")
	if _, err := Open(ns, Options{Kernel: true}); err == nil || !strings.Contains(err.Error(), "first network namespace") {
		t.Errorf("in a namespace of our own: %v", err)
	}
	host, err := netns.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	r, err := Open(host, Options{Kernel: true})
	if errors.Is(err, kmsg.ErrRefused) {
		nettest.Skip(t, err.Error())
	}
	if err != nil || !r.Kernel() {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx, func(logline.Line) {}) }()
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Run ended with %v", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// TestOtherMessagesAreNoLines: what programs write to the log, and what other parts of the
// kernel do, is left alone.
func TestOtherMessagesAreNoLines(t *testing.T) {
	const text = "x IN=eth0 OUT= SRC=10.0.0.1 DST=10.0.0.2 LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=1 PROTO=UDP SPT=1 DPT=2 LEN=40 "
	if l, ok := fromKernel(&kmsg.Record{Level: 4, Text: text}); !ok || l.Level != 4 || l.Packet == nil || l.Prefix != "x " {
		t.Errorf("a line of LOG: %v %+v", ok, l)
	}
	if _, ok := fromKernel(&kmsg.Record{Level: 4, Facility: 1, Text: text}); ok {
		t.Error("what a program wrote is taken for a line of LOG")
	}
	if _, ok := fromKernel(&kmsg.Record{Text: "eth0: link up"}); ok {
		t.Error("another message is taken for a line of LOG")
	}
}
