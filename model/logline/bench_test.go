package logline

import (
	"fmt"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/ruleset"
)

// BenchmarkRules finds the 1,000 rules that log among 100,000 of iptables, and as many of
// nft.
func BenchmarkRules(b *testing.B) {
	var ip, nft strings.Builder
	ip.WriteString("*filter\n:INPUT ACCEPT [0:0]\n")
	nft.WriteString("table inet fw {\n\tchain in {\n\t\ttype filter hook input priority 0; policy accept;\n")
	for i := range 100_000 {
		if i%100 == 0 {
			fmt.Fprintf(&ip, "-A INPUT -s 10.%d.%d.%d/32 -j NFLOG --nflog-prefix \"r%d\" --nflog-group 5\n", i>>16, i>>8&255, i&255, i)
			fmt.Fprintf(&nft, "\t\tip saddr 10.%d.%d.%d log prefix \"r%d\" group 7\n", i>>16, i>>8&255, i&255, i)
			continue
		}
		fmt.Fprintf(&ip, "-A INPUT -s 10.%d.%d.%d/32 -j DROP\n", i>>16, i>>8&255, i&255)
		fmt.Fprintf(&nft, "\t\tip saddr 10.%d.%d.%d counter packets 0 bytes 0 drop comment \"logins\"\n", i>>16, i>>8&255, i&255)
	}
	rs := &model.Ruleset{}
	for _, text := range []string{ip.String() + "COMMIT\n", nft.String() + "\t}\n}\n"} {
		part, _, _ := ruleset.ParseFile("bench", []byte(text))
		rs.Tables = append(rs.Tables, part.Tables...)
	}
	rs.Number()
	for b.Loop() {
		if n := len(Rules(rs)); n != 2000 {
			b.Fatalf("%d rules", n)
		}
	}
}
