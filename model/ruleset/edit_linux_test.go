package ruleset

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nfscope/model"
	"nfscope/model/match"
	"nfscope/trace/nettest"
)

// fragment has every command that iptables-restore takes.
const fragment = `*filter
:INPUT DROP [5:300]
:A - [0:0]
-N B
-N C
-N D
-A INPUT -p tcp --dport 22 -j ACCEPT
-A INPUT -s 10.0.0.1 -j B
-A INPUT -p udp -j DROP
-I INPUT 2 -i lo -j ACCEPT
-I INPUT -p icmp -j ACCEPT
-D INPUT -p udp -j DROP
-D INPUT 3
-A B -j LOG --log-prefix "a \"b\" c"
-A B -m comment --comment "it's two" -j RETURN
-R B 2 -j C
-A D -j DROP
-F D
-X D
-P FORWARD DROP
-A C -g A
-E C renamed
[7:8] -A A -s 10.9.0.0/255.255.0.0 -j ACCEPT
-Z A
COMMIT
*nat
-A POSTROUTING -o eth0 -j MASQUERADE
-I POSTROUTING 1 -s 10.0.0.0/8 -j ACCEPT
-R POSTROUTING 2 -o eth1 -j MASQUERADE
-F OUTPUT
COMMIT
`

// commandsOf is the same kind of thing as a shell script.
const commandsOf = `#!/bin/sh
set -e
# variables, quotes, continued lines
NET=10.0.0.0/8
PORT="22"
IPT=iptables
$IPT -P FORWARD DROP
iptables -N WEB
iptables -A INPUT -p tcp --dport $PORT \
    -m comment --comment 'ssh; "really" $NET' -j ACCEPT
iptables -w -t nat -A POSTROUTING -s ${NET} -j MASQUERADE ; iptables -A INPUT -j WEB && iptables -A WEB -p tcp -m tcp --dport 80 -j ACCEPT
iptables -t mangle -A PREROUTING -j MARK --set-mark 7 2>/dev/null
iptables -I INPUT 1 -i lo -j ACCEPT >/dev/null
iptables -I INPUT -i eth9 -j DROP
iptables -D INPUT -i eth9 -j DROP
iptables -p udp -A WEB --dport 53 -j LOG --log-prefix "dns \"x\" "
iptables -R WEB 1 -p tcp -m tcp --dport 8080 -j ACCEPT
iptables -A FORWARD -j DROP
iptables -F FORWARD
iptables -N GONE
iptables -X GONE
iptables -E WEB HTTP
iptables -L INPUT -n >/dev/null
iptables --table nat --insert PREROUTING -p tcp --dport 80 --jump REDIRECT --to-ports 8080
cat <<EOF >/dev/null
iptables -A INPUT -j DROP
EOF
if false; then
  true
fi
`

// rulesOf prints tables as iptables-save would: rules in their canonical form, chains
// sorted by name, with the policies that were set and without counters.
func rulesOf(tables []*model.Table) string {
	var l []string
	for _, t := range tables {
		for _, c := range t.Chains {
			if c.Policy == "ACCEPT" && len(c.Rules) == 0 || c.Base() && c.Policy == "" && len(c.Rules) == 0 {
				continue
			}
			policy := c.Policy
			if policy == "" && c.Base() {
				policy = "ACCEPT" // what the kernel begins with
			}
			s := fmt.Sprintf("%s %s %s", t.Name, c.Name, policy)
			for _, r := range c.Rules {
				s += fmt.Sprintf("\n  %d %s > %s %v", r.Index, match.Parse(r.Text, t.Family), r.Jump, r.Goto)
			}
			l = append(l, s)
		}
	}
	return strings.Join(sorted(l), "\n")
}

// TestKernelFragment holds what a fragment makes against what both programs save.
func TestKernelFragment(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"iptables-legacy", "iptables-nft"} {
		nettest.Kernel(t, program+"-restore", program+"-save")
		ns := nettest.New(t, "frag")
		text := fragment
		if program == "iptables-nft" { // iptables-nft-restore 1.8.9 dies of -E and -R
			text = regexp.MustCompile("(?m)^-[ER].*\n").ReplaceAllString(text, "")
		}
		nettest.Feed(t, ns, text, program+"-restore")
		compareSaved(t, program, nettest.Run(t, ns, program+"-save"), text)
	}
}

// TestKernelShell runs the script.
func TestKernelShell(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"iptables-legacy", "iptables-nft"} {
		nettest.Kernel(t, program, program+"-save", "sh")
		ns := nettest.New(t, "shell")
		script := strings.NewReplacer("\niptables ", "\n"+program+" ", "&& iptables ", "&& "+program+" ", "; iptables ", "; "+program+" ",
			"IPT=iptables", "IPT="+program).Replace(commandsOf)
		nettest.Feed(t, ns, script, "sh")
		rs, _, found := ParseFile("script", []byte(script))
		if len(found) != 1 || !strings.Contains(found[0].Error(), "script:25:1: \"cat\" is not followed") {
			t.Errorf("problems: %v", found)
		}
		saved, _ := ParseSave("save", []byte(nettest.Run(t, ns, program+"-save")), Options{})
		if d := cmp.Diff(rulesOf(saved.Tables()), rulesOf(rs.Tables)); d != "" {
			t.Errorf("%s: %s", program, d)
		}
	}
}

func compareSaved(t *testing.T, program, saved, text string) {
	t.Helper()
	ours, found := ParseSave("ours", []byte(text), Options{})
	for _, p := range found {
		t.Error(p)
	}
	theirs, _ := ParseSave("theirs", []byte(saved), Options{})
	if d := cmp.Diff(rulesOf(theirs.Tables()), rulesOf(ours.Tables())); d != "" {
		t.Errorf("%s: %s", program, d)
	}
}
