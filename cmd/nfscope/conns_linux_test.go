package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"nfscope/model/filter"
	"nfscope/model/flow"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// masqueraded is a routed network whose router masquerades, and a connection through it
// that stays open: client 10.1.0.2, router, server 10.2.0.2:80.
func masqueraded(t *testing.T) (*nettest.Routed, func() net.Conn) {
	t.Helper()
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, "*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -d 10.1.0.1 --dport 8080 -j DNAT --to-destination 10.2.0.2:80\n-A POSTROUTING -o r1 -j MASQUERADE\n-A POSTROUTING -o r0 -j MASQUERADE\nCOMMIT\n", "iptables-legacy-restore")
	listen(t, n.Server, "10.2.0.2:80")
	return n, func() net.Conn {
		var c net.Conn
		nettest.Do(t, n.Client, func() (err error) {
			c, err = net.Dial("tcp", "10.1.0.1:8080")
			return err
		})
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
}

func listen(t *testing.T, ns *netns.Handle, addr string) {
	t.Helper()
	nettest.Do(t, ns, func() error {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				defer c.Close()
			}
		}()
		return nil
	})
}

// TestConnsJSON holds `conns --json` against the contract, field by field.
func TestConnsJSON(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "sysctl", "conntrack")
	t.Parallel()
	n, dial := masqueraded(t)
	nettest.Run(t, n.Router, "sysctl", "-w", "net.netfilter.nf_conntrack_acct=1", "net.netfilter.nf_conntrack_timestamp=1")
	nettest.Feed(t, n.Router, "*raw\n-A PREROUTING -p tcp --dport 8080 -j CT --helper ftp\nCOMMIT\n", "iptables-legacy-restore")
	c := dial()
	_, port, _ := net.SplitHostPort(c.LocalAddr().String())
	nettest.Run(t, n.Router, "conntrack", "-I", "expect", "--orig-src", "10.1.0.2", "--orig-dst", "10.1.0.1", "-p", "tcp", "--sport", port, "--dport", "8080", "-t", "300",
		"--tuple-src", "10.2.0.2", "--tuple-dst", "10.2.0.1", "--tuple-port-src", "0", "--tuple-port-dst", "4000",
		"--mask-src", "255.255.255.255", "--mask-dst", "255.255.255.255", "--mask-port-src", "0", "--mask-port-dst", "65535")
	out, errs := launch(t, "nfscope", "--netns", n.Router.Name(), "conns", "--json", "tcp and dnat and src port "+port).ends(exitDone)
	list := objects(t, out)
	if len(list) != 2 || errs != "" {
		t.Fatalf("want one flow and the stats:\n%s%s", out, errs)
	}
	if last := endsWithStats(t, list); last["events"] == 0.0 {
		t.Errorf("nothing was read: %v", last)
	}
	f := list[0]
	for _, w := range []struct {
		path string
		want any
	}{
		{"schema", "nfscope/flow/1"}, {"event", "dump"}, {"family", "ip"}, {"proto", "tcp"}, {"state", "ESTABLISHED"},
		{"orig.src", "10.1.0.2"}, {"orig.dst", "10.1.0.1"}, {"orig.dport", 8080.0}, {"reply.src", "10.2.0.2"}, {"reply.sport", 80.0}, {"reply.dst", "10.2.0.1"},
		{"nat.client", "10.1.0.2:" + port}, {"nat.service", "10.1.0.1:8080"}, {"nat.backend", "10.2.0.2:80"},
		{"mark", 0.0}, {"zone", 0.0}, {"labels", ""}, {"helper", "ftp"}, {"offload", false},
	} {
		if got := at(f, strings.Split(w.path, ".")...); got != w.want {
			t.Errorf("%s is %v, want %v in %v", w.path, got, w.want, f)
		}
	}
	for _, path := range []string{"id", "timeout_ns", "timeout_max_ns", "orig.sport", "orig.packets", "orig.bytes", "reply.dport", "reply.packets", "reply.bytes"} {
		if v, ok := at(f, strings.Split(path, ".")...).(float64); !ok || v <= 0 {
			t.Errorf("%s is %v", path, at(f, strings.Split(path, ".")...))
		}
	}
	if v := at(f, "timeout_ns").(float64); v < 1e9 || v > 1e16 {
		t.Errorf("timeout_ns is %v: no nanoseconds", v)
	}
	if s, ok := f["start"].(string); !ok || !strings.Contains(s, "T") {
		t.Errorf("start is %v", f["start"])
	}
	if l, _ := f["expects"].([]any); len(l) != 1 || l[0].(map[string]any)["helper"] != "ftp" {
		t.Errorf("expects %v", f["expects"])
	}
	has := func(path string, want ...string) {
		t.Helper()
		l, _ := at(f, strings.Split(path, ".")...).([]any)
		for _, w := range want {
			found := false
			for _, v := range l {
				found = found || v == w
			}
			if !found {
				t.Errorf("%s has no %s: %v", path, w, l)
			}
		}
	}
	has("status", "ASSURED", "SEEN_REPLY", "CONFIRMED", "SRC_NAT", "DST_NAT")
	has("nat.class", "dnat", "masquerade")

	// The filter chooses.
	out, _ = launch(t, "nfscope", "--netns", n.Router.Name(), "conns", "--json", "udp").ends(exitDone)
	if list := objects(t, out); len(list) != 1 {
		t.Errorf("udp: %s", out)
	}
	out, _ = launch(t, "nfscope", "--netns", n.Router.Name(), "conns").ends(exitDone)
	if !strings.Contains(out, "10.1.0.2:"+port+" -> 10.1.0.1:8080 -> 10.2.0.2:80") {
		t.Errorf("as text: %s", out)
	}
}

// TestConnsFollow follows a real connection from its first packet to its end, and one that was
// there before.
func TestConnsFollow(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "conntrack", "sysctl")
	t.Parallel()
	n, dial := masqueraded(t)
	nettest.Run(t, n.Router, "sysctl", "-w", "net.netfilter.nf_conntrack_timestamp=1")
	// One that is there already shows that the table was read, and so that events come.
	first := dial()
	_, old, _ := net.SplitHostPort(first.LocalAddr().String())
	r := launch(t, "nfscope", "--netns", n.Router.Name(), "conns", "--follow", "--json", "tcp")
	r.line("the first one", func(l string) bool { return strings.Contains(l, `"sport":`+old) })
	_ = first.Close()
	closing := r.line("its close", func(l string) bool { return strings.Contains(l, `"sport":`+old) })
	if !strings.Contains(closing, `"event":"update"`) || !strings.Contains(closing, `"start":"`) { // which the kernel's update leaves out
		t.Errorf("no update with its start: %s", closing)
	}
	datagram(t, n.Client, "10.2.0.2:9") // which the filter does not want
	c := dial()
	_, port, _ := net.SplitHostPort(c.LocalAddr().String())
	event := func(what string) func(string) bool {
		return func(l string) bool {
			return strings.Contains(l, `"event":"`+what+`"`) && strings.Contains(l, `"sport":`+port)
		}
	}
	r.line("the new connection", event("new"))
	r.line("its update", event("update"))
	nettest.Run(t, n.Router, "conntrack", "-D", "-p", "tcp", "--sport", port)
	r.line("its end", event("destroy"))
	r.signal(os.Interrupt)
	out, _ := r.ends(exitInterrupted)
	endsWithStats(t, objects(t, out))
	if strings.Contains(out, `"proto":"udp"`) {
		t.Errorf("the filter lets another through:\n%s", out)
	}
}

// TestConnsInterrupted: what was interrupted while it read says so by its status, and does not
// print the half of a table as if it were all.
func TestConnsInterrupted(t *testing.T) {
	nettest.Kernel(t)
	t.Parallel()
	ns := nettest.New(t, "interrupted")
	nettest.NewTracked(t, ns).Make(t, 0, 1)
	ctx, interrupt := context.WithCancel(context.Background())
	interrupt()
	every, err := filter.Parse("")
	if err != nil {
		t.Fatal(err)
	}
	for name, run := range map[string]func(*app) error{
		"":        func(a *app) error { return a.conns(every, false, false) },
		"--top":   func(a *app) error { return a.connTop(every, flow.OfSource, false, false) },
		"--pools": func(a *app) error { return a.connPools(every, false, false) },
	} {
		var out, errs bytes.Buffer
		a := &app{ctx: ctx, out: &out, err: &errs, netns: ns.Name()}
		err := run(a)
		if a.close(); err != nil || !a.live || out.Len() > 0 || errs.Len() > 0 {
			t.Errorf("conns %s: %v, live is %v, %s%s", name, err, a.live, out.String(), errs.String())
		}
	}
}

// TestConnsUnheard: where nothing can be written, each form ends and says why.
func TestConnsUnheard(t *testing.T) {
	nettest.Kernel(t, "sh")
	t.Parallel()
	ns := nettest.New(t, "unheard")
	nettest.NewTracked(t, ns).Make(t, 0, 1)
	for _, form := range []string{"", "--json", "--follow", "--follow --json", "--top --follow", "--pools --follow", "--stats --follow"} {
		t.Run("conns "+form, func(t *testing.T) {
			t.Parallel()
			r := launch(t, "sh", "-c", `exec nfscope --netns "$0" conns `+form+" >/dev/full", ns.Name())
			if _, errs := r.ends(exitError); !strings.Contains(errs, "nfscope: write /dev/stdout: no space left on device\n") {
				t.Error(errs)
			}
		})
	}
}

// TestConnsFollowDeleted: that the namespace which is followed was deleted is said within a
// moment, once, and what goes on in it is followed until the user ends it.
func TestConnsFollowDeleted(t *testing.T) {
	nettest.Kernel(t, "ip")
	t.Parallel()
	ns := nettest.New(t, "gone")
	made := nettest.NewTracked(t, ns)
	made.Make(t, 0, 1)
	health := launch(t, "nfscope", "--netns", ns.Name(), "conns", "--stats", "--follow")
	health.line("a second of watching", func(l string) bool { return strings.Contains(l, " entries ") })
	r := launch(t, "nfscope", "--netns", ns.Name(), "conns", "--follow")
	r.line("the first one", func(l string) bool { return strings.Contains(l, "10.0.0.0:1024") })
	nettest.Run(t, ns, "ip", "netns", "del", ns.Name())
	t.Cleanup(func() { nettest.Run(t, ns, "ip", "netns", "add", ns.Name()) }) // for who cleans up
	r.hears("was deleted: nfscope keeps it alive")
	health.hears("was deleted: nfscope keeps it alive")
	health.signal(os.Interrupt)
	health.ends(exitInterrupted)
	made.Make(t, 1, 2)
	r.line("one that came later", func(l string) bool { return strings.HasPrefix(l, "new") && strings.Contains(l, ":1025") })
	r.signal(os.Interrupt)
	if _, errs := r.ends(exitInterrupted); strings.Count(errs, "was deleted") != 1 || strings.Count(errs, uncounted) != 1 {
		t.Errorf("both are to be said once:\n%s", errs)
	}
}

// TestConnsWithoutEvents: where the kernel sends none, that is said.
func TestConnsWithoutEvents(t *testing.T) {
	nettest.Kernel(t, "sysctl")
	t.Parallel()
	ns := nettest.New(t, "host")
	nettest.Run(t, ns, "sysctl", "-w", "net.netfilter.nf_conntrack_events=0")
	r := launch(t, "nfscope", "--netns", ns.Name(), "conns", "--follow")
	r.hears("net.netfilter.nf_conntrack_events is 0; `sysctl -w net.netfilter.nf_conntrack_events=2`")
	r.signal(os.Interrupt)
	r.ends(exitInterrupted)
}

// TestConnsFollowHost gives a router an address and a rule while its connections are
// followed: what begins then has the class and the rule of then.
func TestConnsFollowHost(t *testing.T) {
	nettest.Kernel(t, "nft", "ip")
	t.Parallel()
	n := nettest.NewRouted(t)
	nettest.Run(t, n.Router, "ip", "addr", "del", "10.2.0.1/24", "dev", "r1")
	nettest.Feed(t, n.Router, "table ip n { chain pre { type nat hook prerouting priority -100; ct state new; }; }", "nft", "-f", "-")
	datagram(t, n.Client, "10.1.0.1:77") // one that is printed when the rules, addresses and routes of before were read
	r := launch(t, "nfscope", "--netns", n.Router.Name(), "conns", "--follow", "--json", "chain post and rule 1 and masquerade or dst port 77")
	r.line("one of before", func(l string) bool { return strings.Contains(l, `"dport":77}`) })
	nettest.Run(t, n.Router, "ip", "addr", "add", "10.2.0.7/24", "dev", "r1")
	nettest.Feed(t, n.Router, `table ip n { chain post { type nat hook postrouting priority 100; oifname "r1" masquerade; }; }`, "nft", "-f", "-")
	seen, sent := make(chan struct{}), make(chan struct{})
	go func() { // when the program has heard of both nobody tells
		defer close(sent)
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			select {
			case <-seen:
				return
			case <-tick.C:
				_ = n.Client.Do(func() error {
					c, err := net.Dial("udp", "10.2.0.2:9")
					if err == nil {
						_, _ = c.Write([]byte("x"))
						_ = c.Close()
					}
					return err
				})
			}
		}
	}()
	r.line("a connection of the new rule", func(l string) bool {
		return strings.Contains(l, `"class":["masquerade"]`) && strings.Contains(l, `"dst":"10.2.0.7"`)
	})
	close(seen)
	<-sent
	r.signal(os.Interrupt)
	r.ends(exitInterrupted)
}
