package rules

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/trace/nettest"
)

// environ makes the reader's programs run with these variables.
func environ(r *Reader, vars ...string) {
	run := r.programs.run
	r.programs.run = func(ctx context.Context, path string, args ...string) (*printout, error) {
		return run(ctx, "/usr/bin/env", append(append(append([]string{}, vars...), path), args...)...)
	}
}

// TestNewerKernel: a rule whose match the program does not know, as from a newer kernel,
// costs its own table the text and no other, and is tried again.
func TestNewerKernel(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore")
	ns := nettest.New(t, "newer")
	nettest.Feed(t, ns, filterRules, "iptables-legacy-restore")
	nettest.Run(t, ns, "iptables-legacy", "-t", "mangle", "-A", "INPUT", "-m", "statistic", "--mode", "nth", "--every", "2", "--packet", "0")
	packets(t, ns, 3)
	libs, err := filepath.Glob("/usr/lib/*/xtables/libxt_*.so")
	if err != nil || len(libs) == 0 {
		nettest.Skip(t, "needs iptables' extensions in /usr/lib")
	}
	dir := t.TempDir() // the extensions of an older iptables
	for _, lib := range libs {
		if name := filepath.Base(lib); name != "libxt_statistic.so" {
			if err := os.Symlink(lib, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	r := open(t, ns)
	good := r.programs
	environ(r, "XTABLES_LIBDIR="+dir)
	rs := snapshot(t, r)
	filter, mangle := rs.Table(model.BackendLegacy, model.FamilyIPv4, "filter"), rs.Table(model.BackendLegacy, model.FamilyIPv4, "mangle")
	if ru := filter.Chain("INPUT").Rules[0]; ru.Jump != "WEB" || ru.Marked != "" {
		t.Errorf("filter suffers too: %+v", ru)
	}
	ru := mangle.Chain("INPUT").Rules[0]
	if ru.Text != unknownText || !strings.Contains(ru.Marked, "statistic") || ru.Counters.Packets == 0 {
		t.Errorf("mangle: %+v", ru)
	}
	if all := strings.Join(rs.Warnings, "\n"); !strings.Contains(all, "mangle") || strings.Contains(all, "filter") {
		t.Errorf("warnings:\n%s", all)
	}
	if !r.unread {
		t.Error("it is not to be tried again")
	}
	refreshed(t, r, rs)
	r.programs = good // iptables was brought up to date
	if ru := clean(t, r).Table(model.BackendLegacy, model.FamilyIPv4, "mangle").Chain("INPUT").Rules[0]; !strings.Contains(ru.Text, "--every 2") || r.unread {
		t.Errorf("tried again: %+v", ru)
	}
}

// TestLockHeld: what others do behind the lock of iptables is nothing that reading waits for.
func TestLockHeld(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore")
	ns := nettest.New(t, "lock")
	for _, p := range []string{"iptables-legacy-restore", "iptables-nft-restore"} {
		nettest.Feed(t, ns, filterRules, p)
	}
	name := filepath.Join(t.TempDir(), "lock") // not the host's: others work here
	lock, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := ns.Output(ctx, nil, "env", "XTABLES_LOCKFILE="+name, "iptables-legacy", "-w", "-S"); err == nil {
		t.Fatal("the lock is not held: iptables -S went through")
	}
	r := open(t, ns)
	environ(r, "XTABLES_LOCKFILE="+name)
	refreshed(t, r, clean(t, r)) // which ends though the lock is held
}

// TestVanishes: a table that goes away while it is read is not there the second time.
func TestVanishes(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-nft-restore", "nft")
	ns := nettest.New(t, "vanish")
	nettest.Feed(t, ns, filterRules, "iptables-nft-restore")
	nettest.Run(t, ns, "nft", "add table inet t; add chain inet t c; add rule inet t c counter")
	r := open(t, ns)
	run, runs := r.programs.run, 0
	r.programs.run = func(ctx context.Context, path string, args ...string) (*printout, error) {
		if runs++; runs == 1 {
			nettest.Run(t, ns, "nft", "delete", "table", "inet", "t")
			nettest.Run(t, ns, "nft", "delete", "table", "ip", "filter")
			nettest.Run(t, ns, "nft", "delete", "table", "ip", "mangle")
		}
		return run(ctx, path, args...)
	}
	if rs := clean(t, r); len(rs.Tables) != 0 {
		t.Errorf("%d tables after they vanished", len(rs.Tables))
	}
}

// TestVanishesUnderADump: what is not there any more when it is asked for is read again
// without a complaint, and makes counters stale; it is no reason to take another way.
func TestVanishesUnderADump(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-nft-restore", "nft")
	ns := nettest.New(t, "vanishdump")
	nettest.Feed(t, ns, filterRules, "iptables-nft-restore")
	r := open(t, ns)
	var gone atomic.Int32
	for _, s := range r.nft {
		s.refuse = func(msg uint16) error {
			if msg == unix.NFT_MSG_GETRULE && gone.Add(-1) >= 0 {
				return answered{unix.ENOENT}
			}
			return nil
		}
	}
	gone.Store(1)
	rs := clean(t, r)
	if gone.Load() >= 0 || r.refused != nil || rs.CountedBy != nil {
		t.Errorf("%d were asked for, taken for a refusal: %v, %v", 1-gone.Load(), r.refused, rs.CountedBy)
	}
	gone.Store(1)
	if _, err := r.Counts(t.Context(), rs); !errors.Is(err, ErrStale) {
		t.Errorf("Counts: %v, want ErrStale", err)
	}
	if _, err := r.Counts(t.Context(), rs); err != nil {
		t.Errorf("Counts afterwards: %v", err)
	}
}

// TestTextIsNotTheKernels: where a chain has another number of rules in the text than in
// the kernel's entries, the text is read again; where that does not help, the chain is
// shown without counters rather than with others', the reason is told, and it is tried later.
func TestTextIsNotTheKernels(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore", "sed")
	ns := nettest.New(t, "notsame")
	nettest.Feed(t, ns, "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -j ACCEPT\n-A INPUT -p udp -j ACCEPT\n-A OUTPUT -p udp -j ACCEPT\nCOMMIT\n", "iptables-legacy-restore")
	for _, times := range []int{1, 1000} {
		r := open(t, ns)
		run, runs := r.programs.run, 0
		r.programs.run = func(ctx context.Context, path string, args ...string) (*printout, error) {
			if runs++; runs > times {
				return run(ctx, path, args...)
			}
			return run(ctx, "/bin/sh", "-c", "iptables-legacy-save -c | sed '/INPUT -p tcp/d'")
		}
		rs := snapshot(t, r)
		all := strings.Join(rs.Warnings, "\n")
		tb := rs.Table(model.BackendLegacy, model.FamilyIPv4, "filter")
		in, out := tb.Chain("INPUT"), tb.Chain("OUTPUT")
		if times == 1 {
			if all != "" || len(in.Rules) != 2 || !in.Rules[1].Counters.Valid || r.unread {
				t.Errorf("after it was read again: %d rules, %q", len(in.Rules), all)
			}
			continue
		}
		if !strings.Contains(all, "chain INPUT of the legacy IPv4 table filter is not the same in text and in the kernel") || in.Rules[0].Counters.Valid || !out.Rules[0].Counters.Valid || !r.unread {
			t.Errorf("tried later: %t; %+v, %q", r.unread, in.Rules, all)
		}
		if runs != tries {
			t.Errorf("the text was read %d times", runs)
		}
	}
}

// TestNeverStill: a ruleset that moves at every look is shown all the same, with the
// reason, and is stale at once.
func TestNeverStill(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-nft-restore", "nft")
	ns := nettest.New(t, "restless")
	nettest.Feed(t, ns, filterRules, "iptables-nft-restore")
	r := open(t, ns)
	run := r.programs.run
	r.programs.run = func(ctx context.Context, path string, args ...string) (*printout, error) {
		nettest.Run(t, ns, "nft", "add table inet x; add chain inet x c; flush chain inet x c; add rule inet x c counter")
		return run(ctx, path, args...)
	}
	rs := snapshot(t, r)
	if len(rs.Tables) != 3 || !strings.Contains(strings.Join(rs.Warnings, "\n"), "kept changing") {
		t.Errorf("%d tables, warnings %q", len(rs.Tables), rs.Warnings)
	}
	if _, err := r.Counts(t.Context(), rs); !errors.Is(err, ErrStale) {
		t.Errorf("Counts: %v, want ErrStale", err)
	}
	r.programs.run = run
	clean(t, r)
}

// TestOthersMove: tables that come and go beside the rules, as those of another nfscope do,
// move nf_tables' generation at every look; what was read is right all the same, and a text
// that lacks rules is not.
func TestOthersMove(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-nft-restore", "nft")
	ns := nettest.New(t, "beside")
	nettest.Feed(t, ns, filterRules, "iptables-nft-restore")
	nettest.Feed(t, ns, "table inet w {\n chain c {\n  udp dport 1 drop\n  udp dport 2 drop\n }\n}\n", "nft", "-f", "-")
	r := open(t, ns)
	run := r.programs.run
	beside := func(ctx context.Context, path string, args ...string) (*printout, error) {
		nettest.Run(t, ns, "nft", "add table inet x; delete table inet x")
		return run(ctx, path, args...)
	}
	r.programs.run = beside
	rs := snapshot(t, r)
	if tb := rs.Table(model.BackendNFTables, model.FamilyInet, "w"); len(rs.Warnings) > 0 || tb == nil || len(tb.Chains) != 1 || len(tb.Chains[0].Rules) != 2 || tb.Chains[0].Rules[1].Handle == 0 {
		t.Errorf("%+v, warnings %q", tb, rs.Warnings)
	}
	r = open(t, ns)
	r.programs.run = func(ctx context.Context, path string, args ...string) (*printout, error) {
		if filepath.Base(path) == "nft" {
			return beside(ctx, "/bin/sh", "-c", "nft -a -y list ruleset | sed '/dport 2/d'")
		}
		return beside(ctx, path, args...)
	}
	if rs := snapshot(t, r); !strings.Contains(strings.Join(rs.Warnings, "\n"), "kept changing") {
		t.Errorf("a text that lacks a rule: warnings %q", rs.Warnings)
	}
}

// TestHangs: a program that never ends is given up, and the rules are shown without text.
func TestHangs(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore", "sleep")
	ns := nettest.New(t, "hang")
	nettest.Feed(t, ns, filterRules, "iptables-legacy-restore")
	r := open(t, ns)
	r.programs.run = func(ctx context.Context, path string, _ ...string) (*printout, error) {
		return output(ctx, ns, 20*time.Millisecond, "sleep", "60")
	}
	rs := snapshot(t, r)
	if all := strings.Join(rs.Warnings, "\n"); !strings.Contains(all, "stopped after 20ms") || !r.unread {
		t.Errorf("warnings:\n%s", all)
	}
	if ru := rs.Table(model.BackendLegacy, model.FamilyIPv4, "filter").Chain("INPUT").Rules[0]; ru.Text != unknownText || ru.Marked == "" {
		t.Errorf("%+v", ru)
	}
}

// TestWatchTriesAgain: text that could not be read comes later without a change of the
// rules, and the same failure is not told again.
func TestWatchTriesAgain(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore")
	ns := nettest.New(t, "again")
	nettest.Feed(t, ns, filterRules, "iptables-legacy-restore")
	r := open(t, ns)
	run, fails := r.programs.run, 0
	r.programs.run = func(ctx context.Context, path string, args ...string) (*printout, error) {
		if fails < 6 { // for both tables, then for each: two snapshots
			fails++
			return nil, errors.New("not today")
		}
		return run(ctx, path, args...)
	}
	var got []feed.Item
	w := watcher{r: r, emit: func(i feed.Item) { got = append(got, i) }, said: map[string]bool{}}
	for range 8 { // patience is zero: each step tries again
		w.step(t.Context())
		w.notBefore = time.Time{}
	}
	var texts []string
	problems := 0
	for _, i := range got {
		if i.Problem != "" {
			problems++
		}
		if i.Rules != nil {
			texts = append(texts, i.Rules.Table(model.BackendLegacy, model.FamilyIPv4, "filter").Chain("INPUT").Rules[0].Text)
		}
	}
	var solved []string
	for _, i := range got {
		if i.Solved != "" {
			solved = append(solved, i.Solved)
		}
	}
	if len(solved) != 1 || !strings.Contains(solved[0], "not today") {
		t.Errorf("solved: %q", solved)
	}
	if len(texts) != 2 || texts[0] != unknownText || texts[1] == unknownText || problems != 1 || fails != 6 {
		t.Errorf("rules %q, %d problems, %d failures", texts, problems, fails)
	}
}
