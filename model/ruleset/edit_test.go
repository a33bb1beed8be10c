package ruleset

import (
	"slices"
	"strings"
	"testing"
)

func sorted(l []string) []string {
	slices.Sort(l)
	return l
}

// What would change a ruleset that is not in the text is reported, kept and not done.
func TestEditUncertain(t *testing.T) {
	for line, want := range map[string]string{
		"-D a 3":          `f:5:4: "-D a 3" is not done: rule 3 of chain a, which has 1 in the text`,
		"-D a -j ACCEPT":  `f:5:4: "-D a -j ACCEPT" is not done: chain a has no such rule in the text`,
		"-D z 1":          `f:5:4: "-D z 1" is not done: chain z is not in the text`,
		"-R a -j DROP":    `f:5:4: "-R a -j DROP" is not done: -R lacks the number of the rule`,
		"-R a 2 -j DROP":  `f:5:4: "-R a 2 -j DROP" is not done: rule 2 of chain a, which has 1 in the text`,
		"-X a":            `f:5:4: "-X a" is not done: chain a has rules`,
		"-X b":            `f:5:4: "-X b" is not done: a rule of chain a calls chain b`,
		"-X INPUT":        `f:5:4: "-X INPUT" is not done: chain INPUT is not in the text`,
		"-E a b":          `f:5:4: "-E a b" is not done: there is a chain b already`,
		"-E a":            `f:5:4: "-E a" is not done: -E lacks the new name`,
		"-Z a 9":          `f:5:4: "-Z a 9" is not done: expected the number of a rule, 1 to 1`,
		"-F z":            `f:5:4: "-F z" is not done: chain z is not in the text`,
		"-t nat -A INPUT": `f:5:1: "-t nat -A INPUT" is not understood, iptables-restore takes no -t`,
		"-D":              `f:5:3: "-D" is not understood, -D lacks the chain`,
	} {
		text := "*filter\n:a - [0:0]\n:b - [0:0]\n-A a -j b\n" + line + "\nCOMMIT\n"
		d, found := ParseSave("f", []byte(text), Options{})
		if len(found) != 1 || !strings.HasPrefix(found[0].Error(), want) {
			t.Errorf("%s: %v, want %s", line, found, want)
		}
		tb := d.Tables()[0]
		if c := tb.Chain("a"); c == nil || len(c.Rules) != 1 || !slices.Contains(tb.Extra, line) {
			t.Errorf("%s: %+v", line, tb)
		}
		if back(t, d) != text {
			t.Errorf("%s: the text did not come back", line)
		}
	}
	// An order of things that leaves a chain's rules in two places.
	d, found := ParseSave("f", []byte("*filter\n:a - [0:0]\n-A a -j ACCEPT\n-A a -j DROP\n-D a 1\n-A a -j RETURN\n-F a\n-A a -j LOG\n-A a\n-D a 2"), Options{})
	if c := d.Tables()[0].Chain("a"); len(c.Rules) != 1 || c.Rules[0].Target != "LOG" {
		t.Errorf("%+v %v", c.Rules, found)
	}
}

func TestShellUncertain(t *testing.T) {
	for text, want := range map[string]string{
		"iptables -A INPUT -s $(hostname) -j DROP":                "f:1:1: \"iptables -A INPUT -s $(hostname) -j DROP\" is not followed: it holds what only the shell can work out",
		"iptables -A INPUT -s `x` -j DROP":                        "it holds what only the shell can work out",
		"iptables -A INPUT -s \"$HOST\" -j DROP":                  "it holds what only the shell can work out",
		"for i in 1 2; do\n  iptables -A INPUT -j DROP\ndone":     "f:2:3: \"iptables -A INPUT -j DROP\" is not followed: it stands inside of for",
		"if [ -n x ]; then iptables -A INPUT -j DROP; fi":         "it stands inside of if, so whether it runs is not known",
		"iptables -C INPUT -j DROP || iptables -A INPUT -j DROP":  "f:1:30: \"iptables -A INPUT -j DROP\" is not followed: it stands behind ||",
		"iptables -A INPUT -j LOG\niptables-restore < rules":      "f:2:1: \"iptables-restore\" is not followed",
		"iptables -A INPUT -j LOG\n. ./lib.sh":                    `f:2:1: ". ./lib.sh" is not followed: it is no iptables command`,
		"iptables -t nope -A INPUT -j LOG":                        "there is no table nope",
		"iptables -j LOG":                                         "it has no command, expected one such as -A INPUT",
		"iptables -A INPUT -j LOG\nf() {\niptables -A INPUT\n}":   `f:2:1: "f() {" is not followed: a function`,
		"iptables -A INPUT -j LOG\nif true; then :":               "the text ends inside of \"if\"",
		"iptables -A INPUT -j LOG\niptables -D INPUT 5":           `f:2:13: "-D INPUT 5" is not done: rule 5 of chain INPUT, which has 1 in the text`,
		"iptables -A INPUT -j LOG\niptables -I INPUT \\\n 9 -j X": `f:3:2: position 9 in a chain of 1 rules`,
	} {
		rs, doc, found := ParseFile("f", []byte(text))
		var all []string
		for _, p := range found {
			all = append(all, p.Error())
		}
		if !strings.Contains(strings.Join(all, "\n"), want) || doc != nil {
			t.Errorf("%s:\n%s, want\n%s", text, strings.Join(all, "\n"), want)
		}
		for _, tb := range rs.Tables {
			for _, c := range tb.Chains {
				if len(c.Rules) > 2 {
					t.Errorf("%s: %+v", text, c.Rules)
				}
			}
		}
	}
}

func FuzzParseShell(f *testing.F) {
	for _, s := range strings.SplitAfter("iptables -A INPUT -p tcp \\\n --dport 22 -j ACCEPT\nX=1 ; $X ${X} \"a$X\" 'b' `c` <<E\nE\nif x; then iptables -X || y; fi\niptables -D INPUT 1\niptables -R INPUT 1 -j DROP\niptables -E a b\niptables -F\n", "\n") {
		f.Add(s)
	}
	f.Add(hereScript)
	f.Add("iptables-restore <<-E -T x <<F\n\t*filter\n\tE\n-A a\nF\nnft -f - <<\"\" ;nft add table x; nft -f - <<E\ntable x {\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, found := ParseShell("f", []byte(text))
		for _, p := range found {
			if p.Line < 0 || p.Line > strings.Count(text, "\n")+1 {
				t.Fatalf("%+v", p)
			}
		}
	})
}
