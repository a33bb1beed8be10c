package lab

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"nfscope/trace/nettest"
)

// TestRulesFiles: each kind of rules file is loaded by its own program into its own
// family, a set before the rules that ask it, and a refused one is named with its line.
func TestRulesFiles(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "ip6tables-legacy-restore", "ip6tables-nft-restore", "ipset")
	const rules = `      - {file: b.save, backend: iptables-legacy}
`
	yaml := strings.Replace(small, rules, `      - {file: b.ipset, backend: ipset}
      - {file: b.save, backend: iptables-legacy}
      - {file: six.save, backend: iptables-legacy, family: ip6}
      - {file: sixnft.save, backend: iptables-nft, family: ip6}
`, 1)
	yaml = strings.NewReplacer("10.1.0.2/24]", "10.1.0.2/24, 'fd00::2/64']", "10.1.0.1/24]", "10.1.0.1/24, 'fd00::1/64']", "200ms", "10s").Replace(yaml)
	_, step, _ := strings.Cut(small, "steps:\n")
	files := folder(yaml + strings.NewReplacer("ping\n    title", "six\n    title", "10.1.0.1", "'fd00::1'").Replace(step)).(fstest.MapFS)
	put := func(name, text string) { files[name] = &fstest.MapFile{Data: []byte(text)} }
	put("b.ipset", "create friends hash:ip\nadd friends 10.1.0.2\n")
	put("b.save", "*filter\n:INPUT DROP [0:0]\n-A INPUT -m set --match-set friends src -j ACCEPT\nCOMMIT\n")
	put("six.save", "*filter\n-A INPUT -s fd00::2/128 -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j DROP\nCOMMIT\n")
	put("sixnft.save", "*filter\n-A INPUT -s 2001:db8::2/128 -j DROP\nCOMMIT\n")
	l, err := Load(files, ".")
	if err != nil {
		t.Fatal(err)
	}
	n := up(t, l)
	host := n.hosts["b"]
	for save, want := range map[string]string{
		"ip6tables-legacy-save": "-A INPUT -s fd00::2/128 -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j DROP\nCOMMIT",
		"ip6tables-nft-save":    "-A INPUT -s 2001:db8::2/128 -j DROP\nCOMMIT",
		"iptables-legacy-save":  "-A INPUT -m set --match-set friends src -j ACCEPT\nCOMMIT",
	} {
		if got := nettest.Run(t, host, save); strings.Count(got, "\n-A ") != 1 || !strings.Contains(got, want) {
			t.Errorf("%s gives\n%s", save, got)
		}
	}
	if r := n.Run(t.Context(), l.Steps[0]); r.Word != Answered {
		t.Errorf("who is in the set was not let in: %+v", r)
	}
	if r := n.Run(t.Context(), l.Steps[1]); r.Word != TimedOut {
		t.Errorf("the rule of ip6 did not drop the ping: %+v", r)
	}
	for file, text := range map[string]string{
		"b.ipset":     "create friends hash:ip\nadd strangers 10.1.0.2\n",
		"six.save":    "*filter\n-A INPUT --no-such -j DROP\nCOMMIT\n",
		"sixnft.save": "*filter\n-A INPUT --no-such -j DROP\nCOMMIT\n",
	} {
		good := files[file]
		put(file, text)
		_, err := Up(t.Context(), l, nil)
		var refused *RulesError
		if !errors.As(err, &refused) || !strings.HasPrefix(err.Error(), "lab small: host b: "+file+":2: ") {
			t.Errorf("%s: %v", file, err)
		}
		files[file] = good
	}
}
