package connections

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/nat"
	"nfscope/ui/theme"
)

// TestPoolGrows: how fast a pool fills, and how long until it is full, stand on the smallest
// usual screen too; other rules are another count.
func TestPoolGrows(t *testing.T) {
	f, p := frame(theme.Options{}, 80, 24), New()
	p.pools.open = true
	began, rules := time.Unix(1000, 0), &model.Ruleset{}
	count := func(used, seconds int, of *model.Ruleset) string {
		x := nat.Pool{Addr: netip.MustParseAddr("203.0.113.1"), Proto: model.ProtoUDP, To: netip.MustParseAddr("198.51.100.7"), ToPort: 53,
			Ports: nat.Ports{First: 2000, Last: 2999}, Given: true, Used: used}
		p.Done(poolsCounted{list: []nat.Pool{x}, at: began.Add(time.Duration(seconds) * time.Second), of: of}, f)
		return text(p, f)
	}
	if got := count(100, 0, rules); strings.Contains(got, ".0/s") {
		t.Errorf("it grows though it was counted once:\n%s", got)
	}
	got := count(200, 10, rules)
	for _, want := range []string{"proto", "growth", "full in", "udp", "203.0.113.1", "198.51.100.7:53", "[■···]", " 200  1000", "+10.0/s", "80 s", "the range is the rule's"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not there:\n%s", want, got)
		}
	}
	if got := count(300, 20, &model.Ruleset{}); strings.Contains(got, ".0/s") {
		t.Errorf("other rules, and it grows:\n%s", got)
	}
}
