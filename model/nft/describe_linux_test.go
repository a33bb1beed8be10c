package nft_test

import (
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/nft"
	"nfscope/trace/nettest"
)

// described are fields whose type and names are held against `nft describe`.
const described = `ether saddr, ether type, vlan id, vlan type, arp operation, arp ptype, arp saddr ip, arp daddr ether, ip dscp, ip ecn, ip ttl,
ip protocol, ip saddr, ip6 dscp, ip6 nexthdr, ip6 daddr, ip6 hoplimit, icmp type, icmp code, icmp id, icmpv6 type, icmpv6 code, icmpv6 mtu,
igmp type, tcp sport, tcp flags, tcp window, udp dport, udplite dport, sctp vtag, sctp sport, dccp type, dccp sport, th dport, ah nexthdr,
ah spi, esp spi, comp nexthdr, hbh nexthdr, rt type, rt0 addr[1], srh tag, srh sid[1], frag id, frag nexthdr, dst hdrlength, mh type, meta length,
meta protocol, meta nfproto, meta l4proto, meta priority, meta mark, meta iif, meta iifname, meta iiftype, meta skuid, meta skgid,
meta rtclassid, meta pkttype, meta cpu, meta iifgroup, meta cgroup, meta random, meta iifkind, meta time, meta day, meta hour,
meta sdifname, ct state, ct direction, ct status, ct mark, ct expiration, ct helper, ct label, ct l3proto, ct protocol, ct bytes,
ct zone, ct event, ct original ip saddr, fib saddr type, socket transparent, socket mark,
tcp option maxseg size, rt classid, rt ip nexthop, rt mtu, ipsec in reqid, ipsec in ip saddr`

var constant = regexp.MustCompile(`(?m)^\t(\S+) +\t *(\S+)$`)

// TestTypes holds the types of fields, and what their names stand for, against nft.
func TestTypes(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft")
	names := 0
	for _, field := range strings.Split(strings.ReplaceAll(described, "\n", " "), ",") {
		field = strings.TrimSpace(field)
		out, err := exec.Command("nft", "describe", field).CombinedOutput()
		if err != nil {
			t.Errorf("nft describe %s: %v: %s", field, err, out)
			continue
		}
		_, typ, _ := strings.Cut(string(out), "datatype ")
		typ, _, _ = strings.Cut(typ, " ")
		r := nft.Parse(field+" vmap @x", model.FamilyInet)
		v, ok := r.Statements[0].(*nft.VerdictMap)
		if !ok {
			t.Errorf("%s: %s", field, unknowns(r.Unknown))
			continue
		}
		have := v.Key.(nft.Field).Type()
		if have.String() != typ {
			t.Errorf("%s is of type %s, nft says %s", field, have, typ)
		}
		for _, m := range constant.FindAllStringSubmatch(string(out), -1) {
			want, err := strconv.ParseUint(m[2], 0, 64)
			if err != nil {
				continue
			}
			names++
			if n, ok := have.Lookup(m[1]); !ok || n != want {
				t.Errorf("%s: %s is %d (%v), nft says %d", field, m[1], n, ok, want)
			}
		}
	}
	if names < 150 {
		t.Errorf("%d names were seen, wanted more", names)
	}
}
