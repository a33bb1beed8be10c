package lab

import (
	"strings"
	"testing"

	"nfscope/docs/labs"
)

// groups is a cloud of two VMs and two groups, one of which speaks of the other.
func groups() Service {
	return Service{Name: "agent", Do: "agent", VMs: []VM{{"web", "tap1", "10.0.0.1"}, {"db", "tap2", "10.0.0.2"}},
		Groups: []Group{{"A", []string{"web"}, []Allow{{80, ""}}}, {"B", nil, []Allow{{3306, "A"}, {22, "192.0.2.0/24"}}}}}
}

const groupRules = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:vm-web - [0:0]
:vm-db - [0:0]
:group-A - [0:0]
:group-B - [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -m physdev --physdev-out tap1 --physdev-is-bridged -j vm-web
-A FORWARD -m physdev --physdev-out tap2 --physdev-is-bridged -j vm-db
-A vm-web -m comment --comment "member of group A" -j group-A
-A vm-web -m comment --comment "no group of web allows it" -j DROP
-A vm-db -m comment --comment "no group of db allows it" -j DROP
-A group-A -p tcp -m tcp --dport 80 -j ACCEPT
-A group-B -p tcp -m tcp --dport 3306 -m set --match-set group-A src -j ACCEPT
-A group-B -s 192.0.2.0/24 -p tcp -m tcp --dport 22 -j ACCEPT
COMMIT
`

// What an agent makes of groups, and of the orders of a cloud.
func TestGroups(t *testing.T) {
	t.Parallel()
	c := newCloud(groups())
	if got := c.rules(); got != groupRules {
		t.Errorf("rules:\n%s", got)
	}
	if got := c.sets(); got != "create group-A hash:ip family inet\nadd group-A 10.0.0.1\ncreate group-B hash:ip family inet\n" {
		t.Errorf("sets:\n%s", got)
	}
	for _, o := range []struct{ order, set, says string }{
		{"join B web\n", "add group-B 10.0.0.1 -exist\n", "web joined B: 10.0.0.1 is in the set group-B, vm-web asks group-B"},
		{"join B web", "", "web is in group B already"},
		{"leave A web", "del group-A 10.0.0.1 -exist\n", "web left A: 10.0.0.1 is out of the set group-A, vm-web asks it no more"},
		{"leave A web", "", "web is out of group A already"},
		{"join C web", "", `there is no group "C"`},
		{"join A mail", "", `there is no VM "mail"`},
		{"dance A web", "", "is no order; expected join GROUP VM or leave GROUP VM"},
		{"join A", "", "is no order"},
		{"", "", "is no order"},
	} {
		ch, err := c.order(o.order)
		says := ch.answers
		if err != nil {
			says = err.Error()
		}
		if ch.set != o.set || !strings.Contains(says, o.says) {
			t.Errorf("%q: %q, %q", o.order, ch.set, says)
		}
	}
	if got := c.chain(c.vms[0]); got != "*filter\n:vm-web - [0:0]\n-A vm-web -m comment --comment \"member of group B\" -j group-B\n-A vm-web -m comment --comment \"no group of web allows it\" -j DROP\nCOMMIT\n" {
		t.Errorf("chain:\n%s", got)
	}
	for _, o := range c.back(groups()) {
		if _, err := c.order(o); err != nil {
			t.Error(err)
		}
	}
	if got := c.rules(); got != groupRules {
		t.Errorf("led back:\n%s", got)
	}
	if s := groups(); len(s.Groups[1].Members) != 0 || len(s.Groups[0].Members) != 1 {
		t.Errorf("the lab's own groups have changed: %+v", s.Groups)
	}
}

// TestGroupErrors: what is wrong with an agent's groups is said with its line.
func TestGroupErrors(t *testing.T) {
	t.Parallel()
	b, err := labs.FS.ReadFile("security-groups/lab.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := string(b)
	for _, c := range []struct{ old, new, want string }{
		{"members: [tomcat]", "members: [cat]", `group A: there is no VM "cat"`},
		{"name: B\n", "name: A\n", `group "A": expected letters and digits, at most 15, and each but once`},
		{"{name: mysql, tap: tap20", "{name: tomcat, tap: tap20", `VM "tomcat": expected small letters and digits, at most 15, and each but once`},
		{"tap: tap20", "tap: lo/2", `VM mysql: tap "lo/2" is no name of an interface`},
		{"tap: tap20", "tap: tap21", `VM mysql: host hypervisor has no interface "tap21"`},
		{"address: 10.0.0.20}", "address: fd00::1}", `VM mysql: "fd00::1" is no IPv4 address`},
		{"from: A}", "from: C}", `group B: from "C": expected the name of a group, or a prefix`},
		{"{port: 8080}", "{port: 0}", "group A: port 0; expected 1 to 65535"},
		{"        backend: iptables-legacy", "        backend: nftables", `service "agent": backend "nftables": expected iptables-legacy or iptables-nft`},
		{"        fallback: iptables-nft", "        fallback: nft", `service "agent": fallback "nft"`},
		{"        do: agent", "        do: tcp", `service "agent": an agent, and only an agent, has VMs and groups`},
		{"send: join A other", `send: "join\nA"`, `step "join": tcp and udp send one line`},
		{"    do: http\n", "    do: http\n    send: x\n", `step "web": tcp and udp send one line`},
	} {
		if strings.Count(file, c.old) < 1 {
			t.Fatalf("%q is not in the file", c.old)
		}
		_, err := Load(folder(strings.Replace(file, c.old, c.new, 1)), ".")
		if err == nil || !strings.HasPrefix(err.Error(), "lab.yaml:") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q for %q:\n%v\nexpected in it:\n%s", c.new, c.old, err, c.want)
		}
	}
}
