// Package rulesettest makes rulesets for tests and benchmarks. It is pure and
// deterministic: the same size gives the same text.
package rulesettest

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"slices"
	"strings"
)

// KubeServices is the size of the ruleset that the project's speed is measured with:
// 100,000 rules in 36,000 chains.
const KubeServices = 12_000

// Kube writes what kube-proxy writes for so many services of two backends each: three
// chains a service and 25 rules for every three services (a third of them have a node
// port), with comments, statistic, DNAT and MARK. iptables-restore -c takes it in the
// legacy and in the nft variant.
//
// The names are kube-proxy's (pkg/proxy/iptables/proxier.go): a prefix and the first 16
// letters of a hash. So is the order, by service. It matters: iptables-nft-save sorts
// by insertion, which takes 15 s where 36,000 chains were made in the order of their names.
func Kube(services int) string { return newKube(services).text() }

// KubeSaved is Kube as iptables-save -c prints it line by line, comments aside: the
// chains are sorted by name.
func KubeSaved(services int) string {
	k := newKube(services)
	slices.Sort(k.names)
	return k.text()
}

func newKube(services int) *kube {
	k := &kube{rules: make(map[string]string, 3*services),
		names: []string{"KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-POSTROUTING", "KUBE-MARK-MASQ"}}
	var portals, nodeports strings.Builder
	for s := range services {
		name := fmt.Sprintf("team-%d/shop-%d:http", s%50, s)
		ip := fmt.Sprintf("10.%d.%d.%d", 96+s>>16, s>>8&255, s&255)
		svc := "KUBE-SVC-" + hash(name)
		fmt.Fprintf(&portals, "[%d:%d] -A KUBE-SERVICES -d %s/32 -p tcp -m comment --comment \"%s cluster IP\" -m tcp --dport 80 -j %s\n", s, s*60, ip, name, svc)
		if s%3 == 0 {
			fmt.Fprintf(&nodeports, "[0:0] -A KUBE-NODEPORTS -p tcp -m comment --comment \"%s\" -m tcp --dport %d -j %s\n", name, 30000+s%2768, svc)
		}
		k.service(svc, name, ip, s)
	}
	k.rules["KUBE-SERVICES"] = portals.String() + `[0:0] -A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS` + "\n"
	k.rules["KUBE-NODEPORTS"] = nodeports.String()
	k.rules["KUBE-MARK-MASQ"] = "[3:180] -A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000\n"
	k.rules["KUBE-POSTROUTING"] = "[5:300] -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN\n" +
		"[2:120] -A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0\n" +
		"[2:120] -A KUBE-POSTROUTING -m comment --comment \"kubernetes service traffic requiring SNAT\" -j MASQUERADE --random-fully\n"
	return k
}

// KubeSize tells how many chains and rules Kube writes.
func KubeSize(services int) (chains, rules int) {
	return 8 + 3*services, 8 + 8*services + (services+2)/3
}

// kube holds the user chains in the order in which they are written, and the lines of each.
type kube struct {
	names []string
	rules map[string]string
}

// service writes the chain of a service and those of its two backends.
func (k *kube) service(svc, name, ip string, s int) {
	lines := fmt.Sprintf("[0:0] -A %s ! -s 10.244.0.0/16 -d %s/32 -p tcp -m comment --comment \"%s cluster IP\" -m tcp --dport 80 -j KUBE-MARK-MASQ\n", svc, ip, name)
	for e := range 2 {
		pod := fmt.Sprintf("10.%d.%d.%d", 244+s>>15, s>>7&255, s<<1&255|e)
		sep := "KUBE-SEP-" + hash(name+pod)
		share := ""
		if e == 0 {
			share = " -m statistic --mode random --probability 0.50000000000"
		}
		lines += fmt.Sprintf("[%d:%d] -A %s -m comment --comment \"%s -> %s:8080\"%s -j %s\n", s&7, s&7*60, svc, name, pod, share, sep)
		k.names = append(k.names, sep)
		k.rules[sep] = fmt.Sprintf("[0:0] -A %s -s %s/32 -m comment --comment \"%s\" -j KUBE-MARK-MASQ\n", sep, pod, name) +
			fmt.Sprintf("[%d:%d] -A %s -p tcp -m comment --comment \"%s\" -m tcp -j DNAT --to-destination %s:8080\n", s&7, s&7*60, sep, name, pod)
	}
	k.names = append(k.names, svc)
	k.rules[svc] = lines
}

// text writes the table.
func (k *kube) text() string {
	size := 0
	for _, lines := range k.rules {
		size += len(lines) + 40
	}
	var b strings.Builder
	b.Grow(size + 1024)
	b.WriteString("*nat\n:PREROUTING ACCEPT [1:60]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [2:120]\n:POSTROUTING ACCEPT [2:120]\n")
	for _, name := range k.names {
		b.WriteString(":" + name + " - [0:0]\n")
	}
	b.WriteString("[9:540] -A PREROUTING -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES\n" +
		"[4:240] -A OUTPUT -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES\n" +
		"[7:420] -A POSTROUTING -m comment --comment \"kubernetes postrouting rules\" -j KUBE-POSTROUTING\n")
	for _, name := range k.names {
		b.WriteString(k.rules[name])
	}
	b.WriteString("COMMIT\n")
	return b.String()
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base32.StdEncoding.EncodeToString(sum[:])[:16]
}
