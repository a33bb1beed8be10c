package rules

import (
	"strings"
	"testing"
)

const (
	savedLines = "# Generated\n*filter\n:INPUT ACCEPT [0:0]\n:A -A [0:0]\n[0:0] -A INPUT -j A\n[12:340] -A A -m comment --comment \"] -A x\" -j DROP\n-A INPUT -j ACCEPT\nCOMMIT\n"
	nftLines   = "table ip a { # handle 1\n\tset s { # handle 2\n\t\ttype ipv4_addr\n\t\telements = { 1.2.3.4 }\n\t}\n\tchain c { # handle 3\n\t\ttype filter hook input priority 0; policy accept;\n\t\tcounter accept # handle 4\n\t\tdrop # handle 5\n\t}\n}\ntable inet b { # handle 2\n\tchain c {\n\t\taccept # handle 9\n\t}\n}\n"
)

// TestRuleLines: a text counts the same in whatever pieces it comes.
func TestRuleLines(t *testing.T) {
	for _, c := range []struct {
		text string
		want map[string]bool
		n    int
	}{
		{savedLines, nil, 3}, {nftLines, nil, 3},
		{nftLines, map[string]bool{"table ip a": true}, 2}, {nftLines, map[string]bool{"table inet b": true}, 1}, {nftLines, map[string]bool{}, 0},
		{strings.TrimSuffix(savedLines, "\n"), nil, 3}, {"-A INPUT -j DROP", nil, 0}, {"", nil, 0},
	} {
		for size := 1; size <= len(c.text)+1; size++ {
			l := ruleLines{want: c.want}
			for text := c.text; text != ""; text = text[min(size, len(text)):] {
				l.add([]byte(text[:min(size, len(text))]))
			}
			if l.n != c.n {
				t.Fatalf("%q in pieces of %d: %d rules, want %d", c.text, size, l.n, c.n)
			}
		}
	}
}

func FuzzRuleLines(f *testing.F) {
	f.Add([]byte(savedLines), 7)
	f.Add([]byte(nftLines), 30)
	f.Fuzz(func(t *testing.T, text []byte, at int) {
		var whole, parts ruleLines
		whole.add(text)
		at = min(max(at, 0), len(text))
		parts.add(text[:at])
		parts.add(text[at:])
		if whole.n != parts.n || whole.n > len(text) {
			t.Fatalf("%d rules at once, %d in two pieces", whole.n, parts.n)
		}
	})
}
