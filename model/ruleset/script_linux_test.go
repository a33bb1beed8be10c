package ruleset

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"nfscope/trace/nettest"
)

// What commands make of nothing is what nft makes of them, as JSON and listed as text.
func TestKernelJSONCommands(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft")
	ns := nettest.New(t, "njson")
	nettest.Feed(t, ns, commands, "nft", "-j", "-f", "-")
	ours, found := ParseNFTJSON("commands", []byte(commands))
	listed, more := ParseNFT("nft", []byte(nettest.Run(t, ns, "nft", "list", "ruleset")))
	for _, p := range append(found, more...) {
		t.Error(p)
	}

	if d := cmp.Diff(sortedObjects(shown(listed)), sortedObjects(shown(ours))); d != "" {
		t.Error(d)
	}
	// Parts of a ruleset have the same form.
	for _, what := range [][]string{{"table", "inet", "t"}, {"chain", "inet", "t", "in"}, {"set", "inet", "t", "s"}} {
		part, found := ParseNFTJSON("part", []byte(nettest.Run(t, ns, "nft", append([]string{"-j", "list"}, what...)...)))
		text, _ := ParseNFT("nft", []byte(nettest.Run(t, ns, "nft", append([]string{"list"}, what...)...)))
		if d := cmp.Diff(sortedObjects(shown(text)), sortedObjects(shown(part))); d != "" || len(found) > 0 {
			t.Errorf("list %v: %v %s", what, found, d)
		}
	}
}
