package main

import (
	"strings"
	"testing"

	"nfscope/trace/nettest"
)

// TestConnsPoolsAndStats asks a router with one translated connection for its pools, for
// conntrack's health, and for connections by the rule that made them.
func TestConnsPoolsAndStats(t *testing.T) {
	nettest.Kernel(t, "iptables-legacy-restore", "nft")
	t.Parallel()
	n, dial := masqueraded(t)
	nettest.Feed(t, n.Router, "table ip s { set none { type ipv4_addr; }; chain early { type nat hook prerouting priority -101; ip saddr @none tcp dport 8080 dnat to 10.2.0.2:80; }; }", "nft", "-f", "-")
	dial()
	ask := func(args ...string) []map[string]any {
		t.Helper()
		out, errs := launch(t, "nfscope", append([]string{"--netns", n.Router.Name(), "conns", "--json"}, args...)...).ends(exitDone)
		if errs != "" {
			t.Errorf("%v: %s", args, errs)
		}
		list := objects(t, out)
		if last := endsWithStats(t, list); len(list) > 1 && last["events"] == 0.0 {
			t.Errorf("%v: nothing was read: %v", args, last)
		}
		return list[:len(list)-1]
	}
	holds := func(o map[string]any, want map[string]any) {
		t.Helper()
		for path, w := range want {
			if got := at(o, strings.Split(path, ".")...); got != w {
				t.Errorf("%s is %v, want %v in %v", path, got, w, o)
			}
		}
	}
	pools := ask("--pools")
	if len(pools) != 1 {
		t.Fatalf("%v", pools)
	}
	holds(pools[0], map[string]any{"schema": "nfscope/pool/1", "address": "10.2.0.1", "proto": "tcp", "destination.address": "10.2.0.2", "destination.port": 80.0,
		"ports.first": 1024.0, "ports.last": 65535.0, "ports.from": "kernel", "used": 1.0, "available": 64512.0})
	if r, _ := pools[0]["rules"].([]any); len(r) != 1 || !strings.Contains(r[0].(map[string]any)["text"].(string), "MASQUERADE") {
		t.Errorf("%v", pools[0]["rules"])
	}
	if none := ask("--pools", "udp"); len(none) != 0 {
		t.Errorf("no connection is wanted: %v", none)
	}
	if s := ask("--stats"); len(s) != 1 || s[0]["schema"] != "nfscope/conntrack-stats/1" || s[0]["rates"] == nil {
		t.Errorf("%v", s)
	}
	for filter, want := range map[string]int{"chain PREROUTING and rule 1": 1, "chain PREROUTING and rule 2": 0, "table nat and masquerade": 1, "chain early": 0, "stale": 0} {
		if l := ask(filter); len(l) != want {
			t.Errorf("%s: %v", filter, l)
		}
	}
	nettest.Feed(t, n.Router, "*nat\n-A POSTROUTING -o r1 -j MASQUERADE\nCOMMIT\n", "iptables-legacy-restore")
	if l := ask("stale"); len(l) != 1 {
		t.Errorf("its DNAT is gone, and it is not stale: %v", l)
	}
	text, _ := launch(t, "nfscope", "--netns", n.Router.Name(), "conns", "--pools").ends(exitDone)
	if want := "tcp 10.2.0.1 to 10.2.0.2:80: 1 of 64512 ports (0.0 %), 1024-65535 kernel's range\n            rule 1 of nat POSTROUTING: -A POSTROUTING -o r1 -j MASQUERADE\n"; !strings.Contains(text, want) {
		t.Errorf("%s", text)
	}
}
