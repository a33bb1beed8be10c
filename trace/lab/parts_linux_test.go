package lab

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/sys/unix"

	"nfscope/model/snapshot"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// parts is a lab with one of everything that the labs of the book use little: a bridge
// with an address, a route that leads nowhere, a neighbour, and all services.
const parts = `name: parts
title: {en: Parts}
observed: b
filter: ip
hosts:
  - name: a
    routes:
      - {to: 10.9.0.0/24, type: unreachable}
    neighbours:
      - {address: 10.1.0.9, mac: "02:00:00:00:00:99", dev: eth0}
  - name: b
    bridges:
      - {name: br0, addresses: [10.1.0.1/24]}
    sysctls:
      net.ipv4.conf.br0.rp_filter: 1
    rules:
      - {file: b.save, backend: iptables-legacy, fallback: iptables-nft}
    services:
      - {name: echo, do: udp, port: 7}
      - {name: proxy, do: proxy, port: 5555}
      - {name: names, do: dns, port: 53, records: {shop.example: 192.0.2.7}}
      - {name: judge, do: nfqueue, queues: 50-51, drop: "nobody"}
links:
  - ends:
      - {host: a, dev: eth0, addresses: [10.1.0.2/24]}
      - {host: b, dev: p0, bridge: br0}
steps:
  - {name: bridge, title: {en: by the bridge}, from: a, do: udp, sport: 4000, to: "10.1.0.1:7", result: answered, answer: "echo on b: you are 10.1.0.2:4000"}
  - {name: noroute, title: {en: nowhere}, from: a, do: udp, to: "10.9.0.1:7", result: unreachable}
  - {name: neighbour, title: {en: to nobody}, from: a, do: ping, to: 10.1.0.9, result: timed out}
  - {name: proxy, title: {en: redirected}, from: a, do: tcp, to: "10.1.0.1:5599", result: connected, answer: "proxy on b: you wanted 10.1.0.1:5599"}
  - {name: dns, title: {en: a name}, from: a, do: dns, ask: shop.example, to: "10.1.0.1:53", result: answered, answer: shop.example is 192.0.2.7}
  - {name: queued, title: {en: a name that is dropped}, from: a, do: dns, ask: nobody, to: "10.1.0.1:53", result: timed out}
`

const partsRules = `*nat
-A PREROUTING -p tcp -m tcp --dport 5599 -j REDIRECT --to-ports 5555
COMMIT
*filter
-A INPUT -p udp -m udp --dport 53 -j NFQUEUE --queue-num 50
COMMIT
`

// TestParts: links and services of every kind do what they say, also when the lab is
// played again with the same ports.
func TestParts(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore")
	l, err := Load(fstest.MapFS{"lab.yaml": {Data: []byte(parts)}, "lesson.en.md": {Data: []byte("# Parts")}, "b.save": {Data: []byte(partsRules)}}, ".")
	if err != nil {
		t.Fatal(err)
	}
	n := up(t, l)
	before, err := n.Counted()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		results, err := Play(t.Context(), n, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range Check(l, Evidence{Results: results}) {
			t.Error(f)
		}
	}
	after, err := n.Counted()
	if err != nil {
		t.Fatal(err)
	}
	d := after.Since(before)
	if d["b"]["queue.50"] != 4 || d["b"]["queue.51"] != 0 || d["b"]["Udp.InDatagrams"] == 0 || after["b"]["TcpExt.TCPPureAcks"] == 0 {
		t.Errorf("the kernel counted %v", d["b"])
	}
	if got := nettest.Run(t, n.Observed(), "sysctl", "-n", "net.ipv4.conf.br0.rp_filter"); strings.TrimSpace(got) != "1" {
		t.Errorf("the sysctl of the bridge is %q", got)
	}
}

// TestVLAN: tagged frames go their own way, beside the untagged ones of the same link;
// where the kernel has no such devices, that is said and nothing is left.
func TestVLAN(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore", "unshare", "ip")        // the last two for hasVLAN
	text := strings.Replace(small, "name: small\n", "name: tagged\n", 1) // others build the lab small meanwhile
	text = strings.Replace(text, "name: a\n", "name: a\n    vlans: [{dev: tenant, on: eth0, id: 7, addresses: [10.7.0.2/24]}]\n", 1)
	text = strings.Replace(text, "name: b\n", "name: b\n    vlans: [{dev: tenant, on: eth0, id: 7, addresses: [10.7.0.1/24]}]\n", 1)
	l, err := Load(folder(strings.Replace(text, "to: 10.1.0.1\n", "to: 10.7.0.1\n", 1)), ".")
	if err != nil {
		t.Fatal(err)
	}
	n, err := Up(t.Context(), l, nil)
	if !hasVLAN(t) {
		if err == nil || !strings.Contains(err.Error(), "host a: make VLAN 7 on eth0: ") || !strings.Contains(err.Error(), "modprobe 8021q") {
			t.Errorf("without 8021q: %v", err)
		}
		nothingLeftOf(t, "tagged")
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer n.Down()
	if r := n.Run(t.Context(), l.Steps[0]); r.Word != Answered {
		t.Error(r)
	}
}

// nothingLeftOf holds that this process has no network of a lab.
func nothingLeftOf(t *testing.T, name string) {
	t.Helper()
	if left, err := netns.List(prefix + name + "-" + strconv.Itoa(os.Getpid())); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// hasVLAN asks the kernel itself, in a namespace that is gone again.
func hasVLAN(t *testing.T) bool {
	t.Helper()
	err := exec.Command("unshare", "--net", "ip", "link", "add", "link", "lo", "name", "v7", "type", "vlan", "id", "7").Run()
	return err == nil
}

// TestQueueRefused: a queue that cannot be had is told with its number and the reason: one
// that another reader has by the kernel itself; that this kernel has no NFQUEUE cannot be
// shown on one that has.
func TestQueueRefused(t *testing.T) {
	t.Parallel()
	for err, says := range map[error]string{
		unix.EINVAL:     "queue 7: the kernel has no NFQUEUE for user space; `modprobe nfnetlink_queue` as root loads it: ",
		unix.EOPNOTSUPP: "queue 7: the kernel has no NFQUEUE for user space",
		unix.EBUSY:      "queue 7: another program has it",
		unix.ENOMEM:     "queue 7: ",
	} {
		if got := refusedQueue(7, err); !strings.HasPrefix(got.Error(), says) || !errors.Is(got, err) {
			t.Errorf("%v: %v", err, got)
		}
	}
	nettest.Kernel(t, "iptables-legacy-restore")
	l, err := Load(folder(strings.Replace(small, "- {name: echo, do: udp, port: 7}", "- {name: one, do: nfqueue, queues: 50}\n      - {name: two, do: nfqueue, queues: 49-51}", 1)), ".")
	if err != nil {
		t.Fatal(err)
	}
	l.Name = "queues"
	if n, err := Up(t.Context(), l, nil); err == nil || !strings.Contains(err.Error(), "host b: start service two (queue 49-51): queue 50: another program has it") {
		t.Errorf("two readers of one queue: %v, %v", n, err)
	}
	nothingLeftOf(t, "queues")
}

// A queue's line gives how many packets wait, were dropped and were given out.
func TestQueueCounters(t *testing.T) {
	t.Parallel()
	now, before := Counted{"h": {}}, Counted{"h": {}}
	readQueues("   50   1234     2 2  2048     3     4        9  1\n  100   1234     0 2  2048     0     0        1  1\nshort 1\n", now["h"])
	readQueues("   50   1234     1 2  2048     1     4        5  1\n", before["h"])
	want := []snapshot.LabQueue{{Host: "h", Number: 50, Given: 4, Waiting: 2, Full: 2}, {Host: "h", Number: 100, Given: 1}}
	if got := queuesOf("h", now, now.Since(before)); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	for _, c := range []struct {
		name string
		sum  uint64
		ok   bool
	}{{"queue.50-100", 10, true}, {"queue.51", 0, true}, {"queue.50.waiting", 2, true}, {"queue.51.waiting", 0, false}, {"Ip.Nonsense", 0, false}} {
		if sum, ok := now.of("h", c.name); sum != c.sum || ok != c.ok {
			t.Errorf("%s is %d, %v", c.name, sum, ok)
		}
	}
}
