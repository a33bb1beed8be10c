package rules

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"nfscope/model"
	picture "nfscope/model/snapshot"
	"nfscope/trace/nettest"
)

// halting makes the programs print some lines and then wait until go on is called.
func halting(t *testing.T, r *Reader, lines string) (goOn func()) {
	t.Helper()
	gate := filepath.Join(t.TempDir(), "gate")
	if err := unix.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	r.programs.run = func(ctx context.Context, path string, args ...string) (*printout, error) {
		script := `"$@" > "$0.out" || exit; head -n ` + lines + ` "$0.out"; read x < "$0"; tail -n +` + lines + ` "$0.out" | tail -n +2`
		return followed(ctx, r.ns, longest, r.progress.printed, "sh", append([]string{"-c", script, gate, path}, args...)...)
	}
	return func() {
		if err := os.WriteFile(gate, []byte("on\n"), 0); err != nil {
			t.Error(err)
		}
	}
}

// TestProgress: the tables are there at once, then all chains with the number of their
// rules, then the rules are counted while they are printed; and all of it is true.
func TestProgress(t *testing.T) {
	t.Parallel()
	for _, variant := range []string{"legacy", "nft"} {
		t.Run(variant, func(t *testing.T) {
			t.Parallel()
			ns := cluster(t, variant)
			r := open(t, ns)
			goOn := halting(t, r, "3000")
			var got []picture.Reading
			open := false
			r.progress.tell = func(rd picture.Reading) {
				got = append(got, rd)
				if rd.Done > 0 && rd.Total > 0 && !open {
					open = true
					go goOn()
				}
			}
			rs := clean(t, r)
			chains, rules := rs.Size()
			if !open || len(got) < 3 {
				t.Fatalf("told %d times", len(got))
			}
			first := got[0]
			if first.Outline == nil || first.Outline.Table(backend(variant), model.FamilyIPv4, "nat") == nil && variant == "legacy" || first.Total != 0 {
				t.Errorf("at first: %+v", first)
			}
			middle := 0
			for i, rd := range got {
				if rd.Total != 0 && rd.Total != rules || rd.Done > rules || i > 0 && rd.Done < got[i-1].Done {
					t.Errorf("%d of %d, before %d, really %d", rd.Done, rd.Total, got[max(i-1, 0)].Done, rules)
				}
				if rd.Done > 0 && rd.Done < rules && strings.Contains(rd.What, "iptables-"+variant+"-save prints the IPv4 rules") {
					middle++
				}
			}
			if middle == 0 {
				t.Errorf("never in the middle: %+v", got)
			}
			last := got[len(got)-1]
			n, _ := last.Outline.Size()
			if n != chains || len(last.Waiting) != chains {
				t.Fatalf("the outline has %d chains, %d of them known to wait; really %d", n, len(last.Waiting), chains)
			}
			for i, tab := range last.Outline.Tables {
				real := rs.Tables[i]
				if tab.Name != real.Name || tab.Backend != real.Backend {
					t.Fatalf("table %s %s in the outline, really %s %s", tab.Backend, tab.Name, real.Backend, real.Name)
				}
				for _, c := range tab.Chains {
					rc := real.Chain(c.Name)
					if rc == nil || rc.Hook != c.Hook || rc.Priority != c.Priority || !strings.EqualFold(rc.Policy, c.Policy) {
						t.Fatalf("%+v in the outline, really %+v", c, rc)
					}
					if w := last.Waits(c); w+len(c.Rules) != len(rc.Rules) {
						t.Fatalf("%s waits for %d rules, really %d", c.Name, w, len(rc.Rules))
					}
				}
			}
			if r.progress.tell = func(rd picture.Reading) { t.Errorf("nothing is read, but told: %+v", rd) }; !r.progress.whole {
				t.Error("an outline would be made again")
			}
		})
	}
}

// TestOutlineFills: the rules of a part are in the outline while the next is read.
func TestOutlineFills(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore", "nft")
	ns := nettest.New(t, "fills")
	nettest.Feed(t, ns, filterRules, "iptables-legacy-restore")
	nettest.Run(t, ns, "nft", "add table inet t; add chain inet t c; add rule inet t c counter; add rule inet t c drop")
	r := open(t, ns)
	var mu sync.Mutex // the rules are counted beside the program
	var last picture.Reading
	r.progress.tell = func(rd picture.Reading) {
		mu.Lock()
		defer mu.Unlock()
		last = rd
	}
	run, before := r.programs.run, (*model.Ruleset)(nil)
	r.programs.run = func(ctx context.Context, path string, args ...string) (*printout, error) {
		if filepath.Base(path) == "nft" {
			mu.Lock()
			before = last.Outline
			mu.Unlock()
		}
		return run(ctx, path, args...)
	}
	rs := clean(t, r)
	if before == nil {
		t.Fatal("no outline while nft runs")
	}
	legacy, native := before.Table(model.BackendLegacy, model.FamilyIPv4, "filter"), before.Table(model.BackendNFTables, model.FamilyInet, "t")
	if legacy.Chain("INPUT").Rules[0].Jump != "WEB" || native == nil || len(native.Chain("c").Rules) != 0 {
		t.Errorf("while nft runs: legacy %+v, nftables %+v", legacy.Chain("INPUT").Rules, native)
	}
	if legacy.Chain("INPUT") == rs.Table(model.BackendLegacy, model.FamilyIPv4, "filter").Chain("INPUT") {
		t.Error("the outline shares its chains with what is still written to")
	}
}
