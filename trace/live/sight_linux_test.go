package live

import (
	"fmt"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/ruleset/rulesettest"
	"nfscope/model/snapshot"
	"nfscope/trace/nettest"
)

// TestSight: on a host with many rules, the counters on the screen move while those of
// all others wait.
func TestSight(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-nft-restore", "iptables-nft-save")
	ns := nettest.New(t, "sight")
	nettest.Feed(t, ns, rulesettest.Kube(2000), "iptables-nft-restore", "-c")
	nettest.Run(t, ns, "ip", "route", "add", "10.0.0.0/8", "dev", "lo")
	sc := begin(t, ns)
	sc.session.every = 600 * time.Millisecond // so that several looks fall between two at everything
	sc.session.Watch(t.Context())
	first := sc.wait("two readings of everything", func(s *snapshot.Snapshot) bool { return s.Previous != nil })
	services := first.Rules.Table(model.BackendIptablesNFT, model.FamilyIPv4, "nat").Chain("KUBE-SERVICES").Rules
	visit := func(service int) {
		nettest.SYN(t, ns, fmt.Sprintf("10.96.%d.%d:80", service>>8, service&255))
	}
	// Everything may be read at any moment: of some tries, one falls between two readings.
	for try := range 20 {
		shown, hidden := 10+2*try, 11+2*try // services, and the places of their rules
		id, other := services[shown].ID, services[hidden].ID
		sc.session.Focus(first.Rules, nil, []int{id})
		seen := sc.wait("the rule in sight is read", func(s *snapshot.Snapshot) bool {
			return s.Apart != nil && s.Rule(id).At.After(s.Counts.Taken)
		})
		before, unseen := seen.Rule(id), seen.Rule(other)
		visit(shown)
		visit(hidden)
		sent := time.Now()
		late := map[time.Time]bool{} // readings that ended behind the packet and do not have it
		hit := sc.wait("the packet counts", func(s *snapshot.Snapshot) bool {
			r := s.Rule(id)
			if r.Now.Packets > before.Now.Packets {
				return true
			}
			if r.At.After(sent) {
				late[r.At] = true
			}
			return false
		})
		after := hit.Rule(id)
		if hit.Counts != seen.Counts {
			continue // all were read meanwhile
		}
		if len(late) > 1 { // one may have been under way
			t.Errorf("%d readings of what is in sight do not have the packet", len(late))
		}
		if rate, want := after.Rate(), float64(after.Now.Packets-after.Before.Packets)/after.At.Sub(after.Since).Seconds(); rate <= 0 || rate != want || after.Since.Before(before.At) {
			t.Errorf("%v/s of %+v, before %+v", rate, after, before)
		}
		if now := hit.Rule(other); now != unseen {
			t.Errorf("the rule out of sight was read apart: %+v, before %+v", now, unseen)
		}
		all := sc.wait("all are read again", func(s *snapshot.Snapshot) bool { return s.Counts != hit.Counts })
		if now := all.Rule(other); now.Now.Packets <= unseen.Now.Packets || now.Rate() <= 0 {
			t.Errorf("the rule out of sight: %+v, before %+v", now, unseen)
		}
		return
	}
	t.Error("everything was read in each of the tries")
}
