package live

import (
	"fmt"
	"strings"
)

// hostRules are the tables of a host that routes for containers behind a firewall, with the
// chains that docker and ufw make and some sixty rules, in save form. A forwarded packet of
// a connection that is known meets about twenty of them.
func hostRules() string {
	var b strings.Builder
	add := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	add("*raw\n:PREROUTING ACCEPT [0:0]")
	for i := range 3 { // what is published is not reached past its port
		add("-A PREROUTING -d 172.17.0.%d/32 ! -i docker0 -j DROP", i+2)
	}
	add("COMMIT\n*nat\n:PREROUTING ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:DOCKER - [0:0]")
	add("-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER")
	add("-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE\n-A POSTROUTING -s 10.1.0.0/24 -o r1 -j MASQUERADE\n-A DOCKER -i docker0 -j RETURN")
	for i := range 3 {
		add("-A DOCKER ! -i docker0 -p tcp -m tcp --dport %d -j DNAT --to-destination 172.17.0.%d:80", 8080+i, i+2)
	}
	add("COMMIT\n*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]")
	for _, c := range []string{"DOCKER", "DOCKER-FORWARD", "DOCKER-BRIDGE", "DOCKER-CT", "DOCKER-ISOLATION-STAGE-1", "DOCKER-ISOLATION-STAGE-2", "DOCKER-USER",
		"ufw-before-logging-forward", "ufw-before-forward", "ufw-after-forward", "ufw-after-logging-forward", "ufw-reject-forward", "ufw-track-forward", "ufw-user-forward",
		"ufw-before-input", "ufw-user-input"} {
		add(":%s - [0:0]", c)
	}
	add("-A INPUT -j ufw-before-input\n-A FORWARD -j DOCKER-USER\n-A FORWARD -j DOCKER-FORWARD")
	for _, c := range []string{"before-logging", "before", "after", "after-logging", "reject", "track"} {
		add("-A FORWARD -j ufw-%s-forward", c)
	}
	for i := range 3 {
		add("-A DOCKER -d 172.17.0.%d/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT", i+2)
	}
	add("-A DOCKER ! -i docker0 -o docker0 -j DROP\n-A DOCKER-FORWARD -j DOCKER-CT\n-A DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1\n-A DOCKER-FORWARD -j DOCKER-BRIDGE\n-A DOCKER-FORWARD -i docker0 -j ACCEPT")
	add("-A DOCKER-BRIDGE -o docker0 -j DOCKER\n-A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
	add("-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2\n-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP\n-A DOCKER-USER -s 192.0.2.0/24 -j DROP")
	for _, c := range []string{"forward", "input"} {
		add("-A ufw-before-%s -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A ufw-before-%s -m conntrack --ctstate INVALID -j DROP", c, c)
		for _, icmp := range []int{3, 11, 12, 8} {
			add("-A ufw-before-%s -p icmp -m icmp --icmp-type %d -j ACCEPT", c, icmp)
		}
		add("-A ufw-before-%s -j ufw-user-%s", c, c)
	}
	for _, port := range []int{22, 80, 443} {
		add("-A ufw-user-input -p tcp -m tcp --dport %d -j ACCEPT", port)
	}
	add("-A ufw-user-forward -i r0 -o r1 -j ACCEPT\nCOMMIT")
	return b.String()
}
