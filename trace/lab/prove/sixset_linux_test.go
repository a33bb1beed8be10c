package prove

import (
	"testing"
	"testing/fstest"

	"nfscope/trace/lab"
	"nfscope/trace/nettest"
)

// sixset is a lab of both families, with a set. The same place has another rule in each.
const sixset = `name: sixset
title: {en: Two families and a set}
observed: b
filter: icmp or icmp6
hosts:
  - name: a
    addresses: [10.8.0.2/32]
  - name: b
    routes: [{to: 10.8.0.0/24, via: 10.1.0.2}]
    rules:
      - {file: b.ipset, backend: ipset}
      - {file: b.save, backend: iptables-legacy}
      - {file: six.save, backend: iptables-legacy, family: ip6}
links:
  - ends:
      - {host: a, dev: eth0, addresses: [10.1.0.2/24, 'fd00::2/64', 'fd00::3/64']}
      - {host: b, dev: eth0, addresses: [10.1.0.1/24, 'fd00::1/64']}
steps:
  - name: member
    title: {en: a member of the set}
    from: a
    source: 10.8.0.2
    do: ping
    count: 2
    to: 10.1.0.1
    result: answered
    expect:
      outcome: accepted
      hits: [filter/INPUT 1]
      by: {backend: iptables-legacy, family: ip, table: filter, chain: INPUT, kind: rule, rule: 1}
  - name: stranger
    title: {en: nobody's member}
    from: a
    source: 10.1.0.2
    do: ping
    to: 10.1.0.1
    result: timed out
    expect:
      outcome: dropped
      misses: [{at: filter/INPUT 1, because: is not friends src}]
      by: {backend: iptables-legacy, family: ip, table: filter, chain: INPUT, kind: policy}
  - name: six
    title: {en: IPv6 shut out}
    from: a
    source: fd00::2
    do: ping
    to: fd00::1
    result: timed out
    expect:
      outcome: dropped
      path: input
      hits: [filter/INPUT 1]
      sentence: "dropped by rule 1 of filter/INPUT (iptables-legacy, IPv6): -A INPUT -s fd00::2/128 -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j DROP"
      by: {backend: iptables-legacy, family: ip6, table: filter, chain: INPUT, kind: rule, rule: 1}
  - name: six-in
    title: {en: IPv6 let in}
    from: a
    source: fd00::3
    do: ping
    to: fd00::1
    result: answered
    expect:
      outcome: accepted
      misses: [{at: filter/INPUT 1, because: fd00::3 is not fd00::2}]
      by: {backend: iptables-legacy, family: ip6, table: filter, chain: INPUT, kind: policy}
counters:
  - {at: filter/INPUT 1, packets: 2}
  - {at: filter/INPUT policy, packets: 1}
  - {at: filter/INPUT 1, family: ip6, packets: 1}
`

// TestSixAndSets: what a lab states of ip6tables and of a set that ipset loaded is looked at
// on the kernel, and each statement fails where it is not so.
func TestSixAndSets(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore", "ip6tables-legacy-restore", "ipset")
	l, err := lab.Load(fstest.MapFS{"lab.yaml": {Data: []byte(sixset)}, "lesson.en.md": {Data: []byte("# en")}, "lesson.zh.md": {Data: []byte("# zh")},
		"b.ipset":  {Data: []byte("create friends hash:ip\nadd friends 10.8.0.2\n")},
		"b.save":   {Data: []byte("*filter\n:INPUT DROP [0:0]\n-A INPUT -m set --match-set friends src -j ACCEPT\nCOMMIT\n")},
		"six.save": {Data: []byte("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s fd00::2/128 -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j DROP\nCOMMIT\n")}}, ".")
	if err != nil {
		t.Fatal(err)
	}
	_, _, seen := played(t, l)
	for _, f := range seen.Failures {
		t.Error(f)
	}
	if len(seen.Failures) == 0 {
		falsify(t, l, seen.Evidence)
	}
}
