package nftrace

// scenarios are what the kernel really says, and what docs/trace-events.md tells of.
var scenarios = []scenario{
	{name: "accept by a rule, local in", from: "client", to: "10.1.0.1:4000",
		nft: `table inet t { chain in { type filter hook input priority 0; policy drop; udp dport 53 drop; udp dport 4000 counter accept; } }`,
		want: `
inet t in rule <udp dport 4000 counter accept> accept in r0 | udp 10.1.0.2:5000 > 10.1.0.1:4000`},
	{name: "drop by a rule", from: "client", to: "10.1.0.1:4000",
		nft: `table inet t { chain in { type filter hook input priority 0; udp dport 4000 drop; } }`,
		want: `
inet t in rule <udp dport 4000 drop> drop in r0 | udp 10.1.0.2:5000 > 10.1.0.1:4000`},
	{name: "drop by policy", from: "client", to: "10.1.0.1:4000",
		nft: `table inet t { chain in { type filter hook input priority 0; policy drop; udp dport 53 accept; } }`,
		want: `
inet t in rule continue in r0 | udp 10.1.0.2:5000 > 10.1.0.1:4000
inet t in policy drop`},
	{name: "policy of an empty chain", from: "client", to: "10.1.0.1:4000",
		nft: `table ip t { chain in { type filter hook input priority 0; policy drop; } }`,
		want: `
ip t in rule continue in r0 | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip t in policy drop`},
	{name: "unconditional drop in a user chain", from: "client", to: "10.1.0.1:4000",
		nft: `table ip t { chain u { drop; } chain in { type filter hook input priority 0; jump u; } }`,
		want: `
ip t in rule <jump u> jump to u in r0 | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip t u rule <drop> drop`},
	{name: "jump return goto", from: "client", to: "10.1.0.1:4000",
		nft: `table ip t {
			chain back { counter return; counter drop; }
			chain through { udp dport 1 drop; }
			chain last { meta mark set 7; }
			chain empty { }
			chain in { type filter hook input priority 0; policy accept; jump back; jump through; jump empty; goto last; drop; }
		}`,
		want: `
ip t in rule <jump back> jump to back in r0 | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip t back rule <counter return> return
ip t in rule <jump through> jump to through
ip t through rule continue
ip t in rule <jump empty> jump to empty
ip t empty rule continue
ip t in rule <goto last> goto to last
ip t last rule <meta mark set 0x00000007> continue mark 7
ip t last rule continue mark 7
ip t in policy accept mark 7`},
	{name: "return in a base chain", from: "client", to: "10.1.0.1:4000",
		nft: `table ip t { chain in { type filter hook input priority 0; policy drop; return; accept; } }`,
		want: `
ip t in rule <return> return in r0 | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip t in policy drop`},
	{name: "mark, reject", from: "client", to: "10.1.0.1:4000",
		nft: `table ip t { chain in { type filter hook input priority 0; meta mark set 9; log prefix "x"; meta mark set 0; reject; } }`,
		want: `
ip t in rule <meta mark set 0x00000009> continue mark 9 in r0 | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip t in rule <log prefix "x"> continue mark 9
ip t in rule <meta mark set 0x00000000> continue
ip t in rule <reject> drop`},
	{name: "dnat and masquerade, forwarded", from: "client", to: "10.1.0.1:4000",
		nft: `table ip n {
			chain pre { type nat hook prerouting priority -100; udp dport 4000 dnat to 10.2.0.2:4001; }
			chain post { type nat hook postrouting priority 100; oifname "r1" masquerade; }
		}
		table inet t { chain fw { type filter hook forward priority 0; ct state new accept; } }`,
		want: `
ip n pre rule <udp dport 4000 dnat to 10.2.0.2:4001> accept in r0 | udp 10.1.0.2:5000 > 10.1.0.1:4000 | ct dir 0 state 8 status 0x120 id
inet t fw rule <ct state new accept> accept in r0 out r1 | udp 10.1.0.2:5000 > 10.2.0.2:4001 | ct dir 0 state 8 status 0x120 id
ip n post rule <oifname "r1" masquerade> accept in r0 out r1 | udp 10.1.0.2:5000 > 10.2.0.2:4001 | ct dir 0 state 8 status 0x1b0 id`},
	{name: "IPv6, forwarded", from: "client", to: "[fd02::2]:4000",
		nft: `table inet t { chain fw { type filter hook forward priority 0; policy drop; ip6 daddr fd02::2 accept; } }
		table ip6 s { chain post { type filter hook postrouting priority 0; } }`,
		want: `
inet t fw rule <ip6 daddr fd02::2 accept> accept in r0 out r1 | udp [fd01::2]:5000 > [fd02::2]:4000
ip6 s post rule continue in r0 out r1 | udp [fd01::2]:5000 > [fd02::2]:4000
ip6 s post policy accept`},
	{name: "local out", from: "router", to: "10.2.0.2:4000",
		nft: `table inet t { chain out { type filter hook output priority 0; udp sport 5000 accept; } chain post { type filter hook postrouting priority 0; } }`,
		want: `
inet t out rule <udp sport 5000 accept> accept out r1 | udp 10.2.0.1:5000 > 10.2.0.2:4000
inet t post rule continue out r1 | udp 10.2.0.1:5000 > 10.2.0.2:4000
inet t post policy accept`},
	{name: "notrack", from: "client", to: "10.1.0.1:4000",
		nft: `table ip t { chain pre { type filter hook prerouting priority -300; notrack; } chain in { type filter hook input priority 0; ct state untracked accept; } }`,
		want: `
ip t pre rule <notrack> continue in r0 | udp 10.1.0.2:5000 > 10.1.0.1:4000 | ct dir 0 state 64 status 0x0
ip t pre rule continue
ip t pre policy accept
ip t in rule <ct state untracked accept> accept in r0 | udp 10.1.0.2:5000 > 10.1.0.1:4000 | ct dir 0 state 64 status 0x0`},
	{name: "iptables-nft", from: "client", to: "10.1.0.1:4000",
		iptables: "*filter\n:INPUT DROP\n:U -\n-A INPUT -p udp --dport 53 -j ACCEPT\n-A INPUT -p udp -j U\n-A INPUT -j LOG\n-A U -s 10.1.0.2 -j RETURN\n-A U -j DROP\nCOMMIT\n",
		want: `
ip filter INPUT rule <meta l4proto udp counter jump U> jump to U in r0 | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip filter U rule <ip saddr 10.1.0.2 counter return> return
ip filter INPUT rule <counter log> continue
ip filter INPUT rule continue
ip filter INPUT policy drop`},
	{name: "iptables-nft queue without listener", from: "client", to: "10.1.0.1:4000",
		iptables: "*filter\n-A INPUT -p udp --dport 4000 -j NFQUEUE --queue-num 5 --queue-bypass\nCOMMIT\n",
		want: `
ip filter INPUT rule <udp dport 4000 counter queue num 5 bypass> queue in r0 | udp 10.1.0.2:5000 > 10.1.0.1:4000`},
	{name: "ip6tables-nft", from: "client", to: "[fd01::1]:4000",
		ip6tables: "*filter\n-A INPUT -p udp --dport 4000 -j DROP\nCOMMIT\n",
		want: `
ip6 filter INPUT rule <udp dport 4000 counter drop> drop in r0 | udp [fd01::2]:5000 > [fd01::1]:4000`},
	{name: "netdev ingress", from: "client", to: "10.1.0.1:4000",
		nft: `table netdev d { chain ing { type filter hook ingress device r0 priority 0; udp dport 4000 meta nftrace set 1; } }`,
		want: `
netdev d ing rule <udp dport 4000 meta nftrace set 1> continue in r0 | udp 10.1.0.2:5000 > 10.1.0.1:4000
netdev d ing rule continue
netdev d ing policy accept`},
}
