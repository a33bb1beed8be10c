package nflog

// scenarios are what the kernel really says, and what docs/trace-events.md tells of.
var scenarios = []scenario{
	{name: "accept by a rule, local in", from: "client", to: "10.1.0.1:4000",
		v4: "*filter\n:INPUT DROP\n-A INPUT -p udp --dport 53 -j DROP\n-A INPUT -p udp --dport 4000 -j ACCEPT\nCOMMIT\n",
		want: `
ip raw:PREROUTING:policy:3 prerouting in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip filter:INPUT:rule:2 input in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000`},
	{name: "drop by a rule", from: "client", to: "10.1.0.1:4000",
		v4: "*filter\n-A INPUT -p udp --dport 4000 -j DROP\nCOMMIT\n",
		want: `
ip raw:PREROUTING:policy:3 prerouting in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip filter:INPUT:rule:1 input in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000`},
	{name: "unconditional drop in a built-in chain", from: "client", to: "10.1.0.1:4000",
		v4: "*filter\n-A INPUT -p udp --dport 53 -j ACCEPT\n-A INPUT -j DROP\n-A INPUT -p udp -j ACCEPT\nCOMMIT\n",
		want: `
ip raw:PREROUTING:policy:3 prerouting in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip filter:INPUT:policy:2 input in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000`},
	{name: "drop by policy", from: "client", to: "10.1.0.1:4000",
		v4: "*filter\n:INPUT DROP\n-A INPUT -p udp --dport 53 -j ACCEPT\nCOMMIT\n",
		want: `
ip raw:PREROUTING:policy:3 prerouting in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip filter:INPUT:policy:2 input in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000`},
	{name: "unconditional drop in a user chain", from: "client", to: "10.1.0.1:4000",
		v4: "*filter\n:a:b -\n-A INPUT -j a:b\n-A a:b -p udp --dport 53 -j ACCEPT\n-A a:b -j DROP\nCOMMIT\n",
		want: `
ip raw:PREROUTING:policy:3 prerouting in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip filter:INPUT:rule:1 input in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip filter:a:b:return:2 input in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000`},
	{name: "jump return goto", from: "client", to: "10.1.0.1:4000",
		v4: "*filter\n:INPUT DROP\n:BACK -\n:THROUGH -\n:EMPTY -\n:LAST -\n-A INPUT -p udp -j BACK\n-A INPUT -j THROUGH\n-A INPUT -j EMPTY\n-A INPUT -g LAST\n-A INPUT -j ACCEPT\n" +
			"-A BACK -p udp -j RETURN\n-A BACK -j DROP\n-A THROUGH -p udp --dport 1 -j DROP\n-A LAST -p udp -j LOG\nCOMMIT\n",
		want: `
ip raw:PREROUTING:policy:3 prerouting in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip filter:INPUT:rule:1 input in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip filter:BACK:rule:1 input in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip filter:INPUT:rule:2 input in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip filter:THROUGH:return:2 input in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip filter:INPUT:rule:3 input in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip filter:EMPTY:return:1 input in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip filter:INPUT:rule:4 input in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip filter:LAST:rule:1 input in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip filter:LAST:return:2 input in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip filter:INPUT:policy:6 input in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000`},
	{name: "unconditional return in a user chain", from: "client", to: "10.1.0.1:4000",
		v4: "*filter\n:U -\n-A INPUT -p udp -j U\n-A U -j RETURN\n-A U -j DROP\nCOMMIT\n",
		want: `
ip raw:PREROUTING:policy:3 prerouting in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip filter:INPUT:rule:1 input in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip filter:U:return:1 input in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip filter:INPUT:policy:2 input in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000`},
	{name: "return in a built-in chain", from: "client", to: "10.1.0.1:4000",
		v4: "*filter\n:INPUT DROP\n-A INPUT -p udp -j RETURN\n-A INPUT -j ACCEPT\nCOMMIT\n",
		want: `
ip raw:PREROUTING:policy:3 prerouting in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip filter:INPUT:rule:1 input in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip filter:INPUT:policy:3 input in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000`},
	{name: "mark, reject", from: "client", to: "10.1.0.1:4000",
		v4: "*mangle\n-A INPUT -p udp -j MARK --set-mark 9\nCOMMIT\n*filter\n-A INPUT -p udp -j REJECT\nCOMMIT\n",
		want: `
ip raw:PREROUTING:policy:3 prerouting in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip mangle:PREROUTING:policy:1 prerouting in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip mangle:INPUT:rule:1 input in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip mangle:INPUT:policy:2 input in r0 mark 9 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip filter:INPUT:rule:1 input in r0 mark 9 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000`},
	{name: "dnat and masquerade, forwarded", from: "client", to: "10.1.0.1:4000",
		v4: "*nat\n-A PREROUTING -p udp --dport 4000 -j DNAT --to-destination 10.2.0.2:4001\n-A POSTROUTING -o r1 -j MASQUERADE\nCOMMIT\n*filter\n:FORWARD DROP\n-A FORWARD -p udp -m conntrack --ctstate NEW -j ACCEPT\nCOMMIT\n",
		want: `
ip raw:PREROUTING:policy:3 prerouting in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip nat:PREROUTING:rule:1 prerouting in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip filter:FORWARD:rule:1 forward in r0 out r1 stamped | udp 10.1.0.2:5000 > 10.2.0.2:4001
ip nat:POSTROUTING:rule:1 postrouting in r0 out r1 | udp 10.1.0.2:5000 > 10.2.0.2:4001`},
	{name: "IPv6, forwarded", from: "client", to: "[fd02::2]:4000",
		v6: "*filter\n:FORWARD DROP\n-A FORWARD -d fd02::2 -j ACCEPT\nCOMMIT\n",
		want: `
ip6 raw:PREROUTING:policy:3 prerouting in r0 stamped | udp [fd01::2]:5000 > [fd02::2]:4000
ip6 filter:FORWARD:rule:1 forward in r0 out r1 stamped | udp [fd01::2]:5000 > [fd02::2]:4000`},
	{name: "IPv6, drop by policy", from: "client", to: "[fd01::1]:4000",
		v6: "*filter\n:INPUT DROP\n-A INPUT -p ipv6-icmp -j ACCEPT\nCOMMIT\n",
		want: `
ip6 raw:PREROUTING:policy:3 prerouting in r0 stamped | udp [fd01::2]:5000 > [fd01::1]:4000
ip6 filter:INPUT:policy:2 input in r0 stamped | udp [fd01::2]:5000 > [fd01::1]:4000`},
	{name: "local out", from: "router", to: "10.2.0.2:4000",
		v4: "*filter\n-A OUTPUT -p udp --sport 5000 -j ACCEPT\nCOMMIT\n*mangle\n:POSTROUTING ACCEPT\nCOMMIT\n",
		want: `
ip raw:OUTPUT:policy:3 output out r1 | udp 10.2.0.1:5000 > 10.2.0.2:4000
ip mangle:OUTPUT:policy:1 output out r1 | udp 10.2.0.1:5000 > 10.2.0.2:4000
ip filter:OUTPUT:rule:1 output out r1 | udp 10.2.0.1:5000 > 10.2.0.2:4000
ip mangle:POSTROUTING:policy:1 postrouting out r1 | udp 10.2.0.1:5000 > 10.2.0.2:4000`},
	{name: "legacy and nft together", from: "client", to: "10.1.0.1:4000",
		v4:  "*filter\n-A INPUT -p udp --dport 4000 -j ACCEPT\nCOMMIT\n",
		nft: "table ip t {\n chain in {\n type filter hook input priority 10\n udp dport 4000 drop\n}\n}\n",
		want: `
ip raw:PREROUTING:policy:3 prerouting in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip filter:INPUT:rule:1 input in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000`},
	{name: "queue without listener", from: "client", to: "10.1.0.1:4000",
		v4: "*mangle\n-A INPUT -p udp --dport 4000 -j NFQUEUE --queue-num 5 --queue-bypass\nCOMMIT\n*filter\n:INPUT ACCEPT\nCOMMIT\n",
		want: `
ip raw:PREROUTING:policy:3 prerouting in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip mangle:PREROUTING:policy:1 prerouting in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip mangle:INPUT:rule:1 input in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000
ip filter:INPUT:policy:1 input in r0 stamped | udp 10.1.0.2:5000 > 10.1.0.1:4000`},
}
