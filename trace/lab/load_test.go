package lab

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"nfscope/docs/labs"
)

// TestEmbedded: the labs that come with nfscope are sound and have both lessons.
func TestEmbedded(t *testing.T) {
	names := labs.Names()
	if len(names) < 2 {
		t.Fatalf("labs %v", names)
	}
	for _, name := range names {
		l, err := Load(labs.FS, name)
		if err != nil {
			t.Error(err)
			continue
		}
		if !strings.HasPrefix(l.Lesson.In("en"), "# ") || l.Lesson.In("zh") == l.Lesson.In("en") || l.Lesson.In("fr") != l.Lesson.En {
			t.Errorf("%s: lessons %.20q, %.20q", name, l.Lesson.En, l.Lesson.Zh)
		}
		for _, s := range l.Steps {
			if s.Says.Zh == "" || s.Title.Zh == "" || s.Says.En == "" || s.Asks.En == "" || s.Asks.Zh == "" || s.Expect == nil && s.Shares == nil && s.Count == 0 {
				t.Errorf("%s: step %s lacks a text or states nothing", name, s.Name)
			}
		}
		v := l.View("zh", 1, []Result{{Step: 0, Word: Connected, Attempts: []Attempt{{Word: Connected}}}})
		if v.Title != l.Title.Zh || v.Current != 1 || v.Steps[0].Result != "connected" || v.Steps[0].Says == "" || v.Steps[1].Says != "" {
			t.Errorf("%s: view %+v", name, v)
		}
	}
}

// TestModules: each condition of lab modules' rules is shown failing, with the reason. The
// two of rule 3 fail one at a time; statistic's counters are stated instead, as its reason
// is not known.
func TestModules(t *testing.T) {
	l, err := Load(labs.FS, "modules")
	if err != nil {
		t.Fatal(err)
	}
	var shown []Miss
	for _, s := range l.Steps {
		if s.Expect != nil {
			shown = append(shown, s.Expect.Misses...)
		}
	}
	for _, want := range []Miss{
		{"filter/INPUT 1", "NEW"},
		{"filter/INPUT 2", "25 is not 22"},
		{"filter/INPUT 3", "31 is not 20:30"},
		{"filter/INPUT 3", "192.168.0.20 is not 192.168.0.11-192.168.0.15"},
	} {
		if !slices.Contains(shown, want) {
			t.Errorf("no step states that %s does not match because of %q", want.At, want.Because)
		}
	}
}

// small is a lab that is right; the cases below spoil it.
const small = `name: small
title: {en: Small}
observed: b
filter: icmp
hosts:
  - name: a
    routes:
      - {to: default, via: 10.1.0.1}
  - name: b
    sysctls:
      net.ipv4.ip_forward: 1
    rules:
      - {file: b.save, backend: iptables-legacy}
    services:
      - {name: echo, do: udp, port: 7}
links:
  - ends:
      - {host: a, dev: eth0, addresses: [10.1.0.2/24]}
      - {host: b, dev: eth0, addresses: [10.1.0.1/24]}
steps:
  - name: ping
    title: {en: ping}
    from: a
    do: ping
    to: 10.1.0.1
    timeout: 200ms
    result: answered
`

func folder(yaml string) fs.FS {
	return fstest.MapFS{"lab.yaml": {Data: []byte(yaml)}, "lesson.en.md": {Data: []byte("# en")},
		"lesson.zh.md": {Data: []byte("# zh")}, "b.save": {Data: []byte("*filter\nCOMMIT\n")}}
}

func TestLoadErrors(t *testing.T) {
	if _, err := Load(folder(small), "."); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, new, want string }{
		{small, "", "lab.yaml:1: the file is empty"},
		{"name: small", "name: [small", "lab.yaml:"},
		{"name: small", "name: Small", `lab.yaml:1: name "Small"`},
		{"name: small", "name: test-x", `lab.yaml:1: name "test-x"`},
		{"filter: icmp", "filter: icmp\ncolour: red", "lab.yaml:5:1: unknown field \"colour\""},
		{"filter: icmp", "filter: icmp\nfilter: tcp", "lab.yaml:5:1: "},
		{"filter: icmp", "filter: icmp\n\ttab: x", "lab.yaml:5:1: a tab where YAML wants spaces; indent with spaces"},
		{"observed: b", "observed: c", `lab.yaml:3: observed: there is no host "c"`},
		{"name: a", "name: a-b", `lab.yaml:6: host "a-b"`},
		{"name: b\n", "name: a\n", `lab.yaml:9: host "a" is there twice`},
		{"via: 10.1.0.1}", "via: 10.9.0.1}", "lab.yaml:8: route via 10.9.0.1: host a has no link into its network"},
		{"via: 10.1.0.1}", "via: there}", `lab.yaml:8: route via "there" of host a: expected an address`},
		{"to: default", "to: 10.0.0.0", `lab.yaml:8: route to "10.0.0.0"`},
		{"net.ipv4.ip_forward", "kernel.panic", `lab.yaml:11: sysctl "kernel.panic" of host b: only net.* belongs to a namespace`},
		{"net.ipv4.ip_forward", "net/../../x", `lab.yaml:11: sysctl "net/../../x"`},
		{"file: b.save", "file: c.save", `lab.yaml:13: rules file "c.save" is not in the lab's folder`},
		{"file: b.save", "file: ../b.save", `lab.yaml:13: rules file "../b.save"`},
		{"backend: iptables-legacy", "backend: ipchains", `lab.yaml:13: backend "ipchains": expected iptables-legacy, iptables-nft, nftables`},
		{"do: udp", "do: ftp", `lab.yaml:15: service "echo" does "ftp"`},
		{"port: 7", "port: 70000", "lab.yaml:15:"},
		{"port: 7", "port: 0", `lab.yaml:15: service "echo": port 0`},
		{"dev: eth0, addresses: [10.1.0.2/24]", "dev: a-name-too-long-for-it, addresses: [10.1.0.2/24]", `lab.yaml:18: interface "a-name-too-long-for-it"`},
		{"10.1.0.2/24", "10.1.0.2", `lab.yaml:18: address "10.1.0.2" of host a: expected an address with its prefix length`},
		{"10.1.0.2/24", "10.1.0.300/24", `lab.yaml:18: address "10.1.0.300/24"`},
		{"10.1.0.2/24", "10.1.0.1/24", "lab.yaml:19: address 10.1.0.1 is in use twice: by host a and by host b"},
		{"10.1.0.2/24", "10.1.0.0/24", "lab.yaml:18: address 10.1.0.0/24 of host a is the network's own address"},
		{"10.1.0.2/24", "10.2.0.2/24", "the ends of the link between a and b are in different networks"},
		{"host: a, dev", "host: c, dev", `lab.yaml:18: a link ends at host "c", which is not there`},
		{"from: a", "from: c", `lab.yaml:23: step "ping" comes from host "c", which is not there`},
		{"do: ping", "do: dance", `lab.yaml:24: step "ping" does "dance": expected tcp, udp, ping, http or dns`},
		{"to: 10.1.0.1\n", "to: 10.1.0.1:80\n", `lab.yaml:25: step "ping" pings "10.1.0.1:80": expected an address`},
		{"do: ping", "do: tcp", `lab.yaml:25: step "ping" goes to "10.1.0.1": expected address:port`},
		{"timeout: 200ms", "timeout: 1h", `lab.yaml:26: step "ping": timeout 1h0m0s; expected at most 1m0s`},
		{"timeout: 200ms", "timeout: soon", "lab.yaml:26:"},
		{"timeout: 200ms", "count: 1000000", `lab.yaml:26: step "ping": count 1000000; expected at most 1000`},
		{"timeout: 200ms", "source: 10.1.0.9", `lab.yaml:26: step "ping": host a has no address 10.1.0.9`},
		{"result: answered", "result: great", `lab.yaml:27: step "ping": result "great"; expected one of: connected, `},
		{"result: answered", "result: answered\n    expect: {hits: [INPUT 2]}", `lab.yaml:28: step "ping": hit "INPUT 2"; expected "table/chain 2"`},
		{"filter: icmp", "filter: tcp and and", "lab.yaml:4: filter: "},
		{"routes:\n      - {to: default, via: 10.1.0.1}", "bridges: [br0]", "lab.yaml:7:"},
		{"to: default, via: 10.1.0.1", "to: default, type: blackmail", "lab.yaml:8: route to default of host a: expected via and an address, or type"},
		{"to: default, via: 10.1.0.1", "to: default, via: 10.1.0.1, type: blackhole", "lab.yaml:8: route to default of host a"},
		{"name: a\n", "name: a\n    vlans: [{dev: v, on: eth1, id: 7}]\n", `lab.yaml:7: VLAN 7 of host a: there is no interface "eth1"`},
		{"name: a\n", "name: a\n    vlans: [{dev: v, on: eth0, id: 5000}]\n", "lab.yaml:7: VLAN 5000 of host a: expected 1 to 4094"},
		{"name: a\n", "name: a\n    vlans: [{dev: v, on: eth0, id: 5, bridge: br0}]\n", `lab.yaml:7: host a has no bridge "br0"`},
		{"name: a\n", "name: a\n    neighbours: [{address: x, mac: \"02:00:00:00:00:01\", dev: eth0}]\n", `lab.yaml:7: neighbour "x" of host a`},
		{"name: a\n", "name: a\n    neighbours: [{address: 10.1.0.1, mac: zz, dev: eth0}]\n", `"zz" is no MAC address`},
		{"name: a\n", "name: a\n    neighbours: [{address: 10.1.0.1, mac: \"02:00:00:00:00:01\", dev: eth7}]\n", `there is no interface "eth7"`},
		{"name: echo, do: udp, port: 7", "name: echo, do: dns, port: 7", `lab.yaml:15: service "echo": dns, and only dns, has records`},
		{"name: echo, do: udp, port: 7", "name: echo, do: dns, port: 7, records: {a..b: 10.1.0.1}", `lab.yaml:15: service "echo": "a..b" is no name`},
		{"name: echo, do: udp, port: 7", "name: echo, do: dns, port: 7, records: {a.b: fd00::1}", `"fd00::1" of a.b is no IPv4 address`},
		{"name: echo, do: udp, port: 7", "name: echo, do: nfqueue, queues: 9-3", `lab.yaml:15: service "echo": queues "9-3"`},
		{"name: echo, do: udp, port: 7", "name: echo, do: nfqueue, queues: 0-65535", `at most 64 of them`},
		{"name: echo, do: udp, port: 7", "name: echo, do: nfqueue, queues: 3, port: 7", "nfqueue has queues and no port"},
		{"to: 10.1.0.1\n", "to: 10.1.0.1\n    ask: a.b\n", `lab.yaml:26: step "ping": dns, and only dns, asks for a name`},
		{"to: 10.1.0.1\n", "to: 10.1.0.1\n    sport: 7\n", `lab.yaml:26: step "ping": a ping has no port`},
		{"result: answered", "result: answered\n    shares: [{answer: x, of: 2}]", `lab.yaml:28: step "ping": a share wants`},
		{"result: answered", "result: answered\n    shares: [{answer: x, of: .nan}]", `lab.yaml:28: step "ping": a share wants`},
		{"result: answered", "result: answered\n    expect: {never: [/x]}", `lab.yaml:28: step "ping": never "/x"`},
		{"result: answered", "result: answered\n    expect: {misses: [{at: filter/INPUT policy}]}", `lab.yaml:28: step "ping": miss at "filter/INPUT policy"`},
		{"result: answered", "result: answered\n    expect: {state: OLD}", `lab.yaml:28: step "ping": state "OLD"; expected NEW, `},
		{"result: answered", "result: answered\n    expect: {path: sideways}", `lab.yaml:28: step "ping": path "sideways"`},
		{"result: answered", "result: answered\n    expect: {flow: {port: lost}}", `lab.yaml:28: step "ping": port "lost"`},
		{"result: answered", "result: answered\n    expect: {flow: {none: true, port: kept}}", `lab.yaml:28: step "ping": a flow that is not there`},
		{"result: answered", "result: answered\nkernel:\n  - {counter: drop}", `lab.yaml:29: counter "drop": expected one such as`},
		{"result: answered", "result: answered\nkernel:\n  - {host: c, counter: Ip.X}", `lab.yaml:29: counter Ip.X of host "c", which is not there`},
		{"result: answered", "result: answered\npools:\n  - {address: x, ports: 1-2}", `lab.yaml:29: pool of "x"`},
		{"result: answered", "result: answered\npools:\n  - {address: 10.1.0.1, ports: 2-1}", `lab.yaml:29: pool of ports "2-1"`},
		{"title: {en: Small}\n", "", `the lab has no title; expected a text in en or zh`},
		{small[strings.Index(small, "hosts:"):strings.Index(small, "links:")], "", "0 hosts: expected 1 to 64"},
		{"filter: icmp\n", "", "no trace filter; expected one such as: host 198.51.100.7"},
		{"backend: iptables-legacy", "backend: nftables, fallback: iptables-nft", "lab.yaml:13: fallback \"iptables-nft\" of nftables: only iptables-legacy and iptables-nft"},
		{"backend: iptables-legacy", "backend: iptables-legacy, fallback: nftables", "lab.yaml:13: fallback \"nftables\" of iptables-legacy: only"},
		{"backend: iptables-legacy", "backend: iptables-legacy, family: arp", `lab.yaml:13: family "arp": expected ip or ip6`},
		{"name: a\n", "name: a\n    bridges: [{name: eth0}]\n", `interface "eth0" of host a is there twice`},
		{"      - {host: b, dev: eth0, addresses: [10.1.0.1/24]}\n", "", "lab.yaml:17: a link has 1 ends; expected 2"},
		{"name: echo, ", "", "lab.yaml:15: a service of host b has no name of one line"},
		{"port: 7}", "port: 7}\n      - {name: again, do: dns, port: 7, records: {a.b: 10.1.0.1}}", "lab.yaml:16: two services of host b listen on the same port 7"},
		{"- name: ping", "- name: Ping", `lab.yaml:21: step "Ping": expected small letters`},
		{"  - name: ping", "  - {name: ping, title: {en: x}, from: a, do: ping, to: 10.1.0.1, result: answered}\n  - name: ping", `lab.yaml:22: step "ping" is there twice`},
		{"    title: {en: ping}\n", "", `lab.yaml:21: step "ping" has no title`},
		{"timeout: 200ms", "source: here", `lab.yaml:26: step "ping": source "here" is no address`},
		{"timeout: 200ms", "sources: [10.1.0.2, 10.1.0.9]", `lab.yaml:26: step "ping": host a has no address 10.1.0.9`},
		{"to: 10.1.0.1\n", "to: fd00::1\n    source: 10.1.0.2\n", `lab.yaml:26: step "ping": source and destination are of different families`},
		{"result: answered", "result: answered\n    expect: {outcome: lost}", `lab.yaml:28: step "ping": outcome "lost"; expected accepted, `},
		{"result: answered", "result: answered\n    expect: {by: {kind: nobody}}", `lab.yaml:28: step "ping": by kind "nobody"; expected rule, policy or kernel`},
		{"result: answered", "result: answered\n    expect: {unseen: true, hits: [filter/INPUT 1]}", `lab.yaml:28: step "ping": of a packet that was not seen nothing else`},
		{"result: answered", "result: answered\n    expect: {drop: {at: routing}}", `lab.yaml:28: step "ping": a drop without a reason`},
		{"result: answered", "result: answered\n    expect: {flow: {reply: {dst: there}}}", `lab.yaml:28: step "ping": "there" is no address and no address:port`},
		{"result: answered", "result: answered\ncounters:\n  - {at: filter/INPUT first}", `lab.yaml:29: counter at "filter/INPUT first"`},
		{"result: answered", "result: answered\ncounters:\n  - {at: filter/INPUT 1, family: ip}", `lab.yaml:29: counter at filter/INPUT 1 of family "ip": expected ip6, or none`},
	} {
		if !strings.Contains(small, c.old) {
			t.Fatalf("%q is not in the file", c.old)
		}
		_, err := Load(folder(strings.Replace(small, c.old, c.new, 1)), ".")
		switch {
		case err == nil:
			t.Errorf("%q for %q: no error", c.new, c.old)
		case !strings.HasPrefix(err.Error(), "lab.yaml:") || !strings.Contains(err.Error(), c.want):
			t.Errorf("%q for %q:\n%v\nexpected in it:\n%s", c.new, c.old, err, c.want)
		}
	}
}

func TestLoadFolder(t *testing.T) {
	for _, c := range []struct {
		fs         fstest.MapFS
		name, want string
	}{
		{fstest.MapFS{}, "nothing", `no lab "nothing": there is no nothing/lab.yaml`},
		{fstest.MapFS{"small/lab.yaml": {Data: []byte(small)}}, "small", "small/lab.yaml: the lab has no lesson."},
		{fstest.MapFS{"x/lab.yaml": {Data: []byte(small)}, "x/lesson.en.md": {}, "x/lesson.zh.md": {}}, "x", `x/lab.yaml:1: the lab calls itself "small", but its folder is "x"`},
		{fstest.MapFS{"x/lab.yaml": {Data: make([]byte, maxFile+1)}}, "x", "larger than 1 MiB"},
		{fstest.MapFS{"x/lab.yaml": {Data: []byte("\x00\x01\xff")}}, "x", "x/lab.yaml:"},
		{fstest.MapFS{}, "../etc", "../etc"},
	} {
		_, err := Load(c.fs, c.name)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: error %v, expected in it: %s", c.name, err, c.want)
		}
	}
}

// TestLoadOwn: a lab of the user's may be called otherwise than its folder, and speak one
// language; its errors name its files as the user does.
func TestLoadOwn(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := LoadFolder(dir); err == nil || !strings.Contains(err.Error(), "there is no "+dir+"/lab.yaml") {
		t.Errorf("an empty folder: %v", err)
	}
	write("lab.yaml", strings.ReplaceAll(small, "{en: ", "{zh: "))
	write("b.save", "*filter\nCOMMIT\n")
	if _, err := LoadFolder(dir); err == nil || !strings.Contains(err.Error(), "no lesson.en.md or lesson.zh.md") {
		t.Errorf("without a lesson: %v", err)
	}
	write("lesson.zh.md", "# 自己的实验")
	l, err := LoadFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if l.Lesson.In("en") != "# 自己的实验" || l.Title.In("en") != "Small" || l.Steps[0].Title.In("en") != "ping" {
		t.Errorf("in English: %q %q", l.Lesson.In("en"), l.Title.In("en"))
	}
	write("lab.yaml", strings.Replace(small, "observed: b", "observed: c", 1))
	if _, err := LoadFolder(dir); err == nil || !strings.HasPrefix(err.Error(), dir+"/lab.yaml:3: observed") {
		t.Errorf("%v", err)
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(small)
	f.Add("name: small\nhosts: [{name: a}, 1, null]\nsteps: [{}]")
	f.Add("a: &x [*x]\nlinks: [{ends: [{}, {}]}]\ncounters: [{at: a/b 1}]")
	f.Fuzz(func(t *testing.T, yaml string) {
		l, err := Load(folder(yaml), ".")
		if err == nil && (l == nil || Validate(l) != nil) {
			t.Errorf("%q loads and is not sound", yaml)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "lab.yaml") {
			t.Errorf("the error does not name the file: %v", err)
		}
	})
}
