package nft_test

import (
	"slices"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/nft"
)

func TestParts(t *testing.T) {
	for text, want := range map[string]string{
		"ip saddr 10.0.0.0/8 tcp dport 22 counter accept":       "the IPv4 source is 10.0.0.0/8|the TCP destination port is 22|count it|accept: no further rule of this base chain is asked; later chains may still drop it",
		"ip saddr != 10.0.0.1 drop":                             "the IPv4 source is not 10.0.0.1|drop: the packet is gone and nobody is told",
		"tcp dport { 22, 80-90 } counter":                       "the TCP destination port is one of 22, 80 to 90|count it|then the next rule",
		"tcp dport != { 22, 80 } drop":                          "the TCP destination port is not one of 22, 80|drop: the packet is gone and nobody is told",
		"tcp dport 80-90 drop":                                  "the TCP destination port is in 80 to 90|drop: the packet is gone and nobody is told",
		"ip saddr @bad drop":                                    "the IPv4 source is in the set bad|drop: the packet is gone and nobody is told",
		"ip saddr != @bad drop":                                 "the IPv4 source is not in the set bad|drop: the packet is gone and nobody is told",
		"ct state established,related accept":                   "its connection's state is established or related|accept: no further rule of this base chain is asked; later chains may still drop it",
		"ct state new jump other":                               "its connection's state is new|go on in chain other, and come back where that decides nothing",
		"tcp flags syn / fin,syn,rst,ack drop":                  "the set of TCP flags under the mask fin,syn,rst,ack is syn|drop: the packet is gone and nobody is told",
		"ip saddr . tcp dport @pairs accept":                    "the IPv4 source with the TCP destination port is in the set pairs|accept: no further rule of this base chain is asked; later chains may still drop it",
		"ip saddr vmap @verdicts":                               "the IPv4 source is in the map verdicts|what the map verdicts says of it",
		"ip saddr vmap { 10.0.0.1 : drop, * : goto y }":         "the IPv4 source, whatever it is|by it: 10.0.0.1 > drop, anything else > goto y",
		"tcp dport vmap { 22 : jump a, 80-90 : drop }":          "the TCP destination port is one of 22, 80 to 90|by it: 22 > jump a, 80 to 90 > drop",
		"meta mark & 0x000000ff == 0x00000001 return":           "the packet's mark under the mask 0x000000ff is 0x00000001|go back to behind the rule that led into this chain; in a base chain the policy decides",
		"meta mark set ip saddr map @markmap":                   "set the packet's mark to what the map markmap has for the IPv4 source|then the next rule",
		"limit rate over 10/second burst 5 packets drop":        "what is over 10 a second, at first 5 packets at once|drop: the packet is gone and nobody is told",
		"fib saddr . iif oif missing drop":                      "the interface of the route (by the source, iif) is not there|drop: the packet is gone and nobody is told",
		"fib saddr . iif oif exists accept":                     "the interface of the route (by the source, iif) is there|accept: no further rule of this base chain is asked; later chains may still drop it",
		"iifname \"eth*\" accept":                               "the interface it came in by is a name that begins with eth|accept: no further rule of this base chain is asked; later chains may still drop it",
		"dnat ip to 10.0.0.1:80 random":                         "rewrite the destination of the connection, address 10.0.0.1, port 80, ports by chance",
		"numgen inc mod 2 offset 100 0":                         "a number that goes round from 100 to 101 is 0|then the next rule",
		"add @seen { ip saddr timeout 1m }":                     "add to the set seen: the IPv4 source (timeout 1m)|then the next rule",
		"tcp flags syn,ack drop":                                "the set of TCP flags includes syn or ack|drop: the packet is gone and nobody is told",
		"tcp flags ! syn drop":                                  "the set of TCP flags does not include syn|drop: the packet is gone and nobody is told",
		"queue flags bypass to 1-3":                             "give it to a program, which decides: queue 1 to 3, accepted where no program listens",
		"flow add @ft":                                          "hand the connection to the flowtable ft: its next packets pass no rules|then the next rule",
		"last used 1m":                                          "note when a packet was last here|then the next rule",
		"tcp flags & (syn | ack) == syn | ack drop":             "the set of TCP flags under the mask syn and ack is syn and ack|drop: the packet is gone and nobody is told",
		"meter m { ip saddr ct count over 5 } drop":             "for each value of the IPv4 source (more than 5 connections at once), kept in the meter m|drop: the packet is gone and nobody is told",
		"reject with icmp host-unreachable":                     "drop it and tell the sender with icmp host-unreachable",
		"tcp dport 22 jump { ip saddr 10.0.0.1 accept; drop; }": "the TCP destination port is 22|go on with 2 rules in braces",
		"": "then the next rule",
	} {
		var l []string
		for _, p := range nft.Parse(text, model.FamilyInet).Parts() {
			l = append(l, p.Words)
		}
		if got := strings.Join(l, "|"); got != want {
			t.Errorf("%s\n  want %s\n  have %s", text, want, got)
		}
	}
	p := nft.Parse("tcp dport 22 frobnicate the packet accept", model.FamilyInet).Parts()
	if i := slices.IndexFunc(p, func(p model.Part) bool { return p.Unknown != "" }); i < 0 || p[i].Words != "" {
		t.Errorf("what nobody knows: %+v", p)
	}
}
