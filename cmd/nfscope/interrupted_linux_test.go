package main

import (
	"os"
	"testing"

	"nfscope/trace/nettest"
)

// TestInterruptedBefore: what is interrupted before it has anything to tell, here while it
// reads the rules, ends its stream of JSON with the counts all the same, and no text.
func TestInterruptedBefore(t *testing.T) {
	nettest.Kernel(t, "nft", "sleep")
	t.Parallel()
	ns := nettest.New(t, "interrupted")
	nettest.Feed(t, ns, "table inet fw {\n chain c { type filter hook input priority 0; udp dport 4711 drop\n }\n}\n", "nft", "-f", "-")
	dir := before(t, "nft", "kill -INT $PPID\nexec sleep 1000")
	for _, c := range []struct {
		args []string
		json bool
	}{
		{[]string{"trace", "--json", "ip"}, true}, {[]string{"tables", "--json"}, true}, {[]string{"trace", "--json=false", "ip"}, false}, {[]string{"rules"}, false},
	} {
		args := append([]string{"PATH=" + dir + ":" + os.Getenv("PATH"), "nfscope", "--netns", ns.Name()}, c.args...)
		out, errs := launch(t, "env", args...).ends(exitInterrupted)
		if (out != "") != c.json {
			t.Errorf("%v: %q\n%s", c.args, out, errs)
		}
		if out != "" {
			if list := objects(t, out); len(list) != 1 {
				t.Errorf("%v: %s", c.args, out)
			}
			endsWithStats(t, objects(t, out))
		}
	}
}
