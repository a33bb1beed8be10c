package rules

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/feed"
	picture "nfscope/model/snapshot"
	"nfscope/trace/nettest"
)

// TestRefusedDirectly: where the kernel's copy of the legacy tables cannot be read or not
// be understood, rules and counters come from iptables-legacy-save -c, are those of the
// direct way, and it is said; and the direct way is taken again once it goes.
func TestRefusedDirectly(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-legacy-save")
	direct := func(l *legacySocket, opt int, b []byte) error {
		l.ask = nil
		return l.getsockopt(opt, b)
	}
	for name, sick := range map[string]func(l *legacySocket, opt int, b []byte) error{
		"no memory": func(*legacySocket, int, []byte) error { return unix.ENOMEM },
		"info refused": func(l *legacySocket, opt int, b []byte) error {
			if opt == getInfo {
				return unix.EINVAL
			}
			return direct(l, opt, b)
		},
		"another size": func(l *legacySocket, opt int, b []byte) error { // an entry that is longer than we know
			err := direct(l, opt, b)
			if opt == getInfo {
				n := binary.NativeEndian.Uint32(b[nameSize+48:])
				binary.NativeEndian.PutUint32(b[nameSize+48:], n+16)
			}
			return err
		},
		"another layout": func(l *legacySocket, opt int, b []byte) error { // a target that stands where we do not look
			err := direct(l, opt, b)
			if opt == getEntries {
				binary.NativeEndian.PutUint16(b[entriesOff+layoutOf(l.family).target:], 4)
			}
			return err
		},
		"another count": func(l *legacySocket, opt int, b []byte) error {
			err := direct(l, opt, b)
			if opt == getInfo {
				b[nameSize+44]++
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := nettest.New(t, "refused")
			nettest.Feed(t, ns, filterRules, "iptables-legacy-restore")
			r := open(t, ns)
			want := clean(t, r)
			l := r.legacy[0]
			ill := func(opt int, b []byte) error {
				err := sick(l, opt, b)
				l.ask = nil
				return err
			}
			var ask func(opt int, b []byte) error
			ask = func(opt int, b []byte) error {
				err := ill(opt, b)
				l.ask = ask
				return err
			}
			l.ask = ask
			if _, err := r.Counts(t.Context(), want); !errors.Is(err, ErrStale) {
				t.Fatalf("counts of a ruleset that was read the direct way: %v", err)
			}
			rs := snapshot(t, r)
			if !slices.Equal(rs.CountedBy, []string{"iptables-legacy-save -c"}) || !strings.Contains(strings.Join(rs.Warnings, "\n"), "the counters of the legacy IPv4 tables come from iptables-legacy-save -c") {
				t.Errorf("counted by %v, warnings %q", rs.CountedBy, rs.Warnings)
			}
			agree(t, rs, model.BackendLegacy, model.FamilyIPv4, nettest.Run(t, ns, "iptables-legacy-save", "-c"))
			packets(t, ns, 3)
			counts, err := r.Counts(t.Context(), rs)
			if err != nil {
				t.Fatal(err)
			}
			apply(rs, counts)
			agree(t, rs, model.BackendLegacy, model.FamilyIPv4, nettest.Run(t, ns, "iptables-legacy-save", "-c"))
			if rs.Table(model.BackendLegacy, model.FamilyIPv4, "filter").Chain("INPUT").Rules[0].Counters.Packets == 0 {
				t.Error("nothing was counted")
			}
			if c, err := r.CountsOf(t.Context(), rs, []int{0}, []int{0}); err != nil || len(c.Rules)+len(c.Chains) != 0 {
				t.Errorf("what is on the screen: %v, %v", c, err)
			}
			nettest.Run(t, ns, "iptables-legacy", "-A", "INPUT", "-j", "ACCEPT")
			if _, err := r.Counts(t.Context(), rs); !errors.Is(err, ErrStale) {
				t.Errorf("after a change: %v", err)
			}
			l.ask = nil
			if rs = clean(t, r); rs.CountedBy != nil {
				t.Errorf("healed, and counted by %v", rs.CountedBy)
			}
			refreshed(t, r, rs)
		})
	}
}

// TestNetlinkRefused: where the rules of nf_tables cannot be dumped or not be understood,
// from the start or later, their counters come from the text of the programs.
func TestNetlinkRefused(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-nft-restore", "iptables-nft-save", "nft")
	ns := nettest.New(t, "netlink")
	nettest.Feed(t, ns, filterRules, "iptables-nft-restore")
	nettest.Run(t, ns, "nft", "add table inet t; add chain inet t c { type filter hook input priority 5; }; add rule inet t c counter; add rule inet t c ip protocol icmp drop")
	refuse := func(r *Reader, err error) {
		for _, s := range r.nft {
			s.refuse = func(msg uint16) error {
				if msg == unix.NFT_MSG_GETRULE {
					return err
				}
				return nil
			}
		}
	}
	for name, late := range map[string]bool{"from the start": false, "later": true} {
		t.Run(name, func(t *testing.T) {
			r := open(t, ns)
			if late {
				rs := clean(t, r)
				refuse(r, errCut)
				if _, err := r.Counts(t.Context(), rs); !errors.Is(err, ErrStale) {
					t.Fatalf("counts: %v", err)
				}
			} else {
				refuse(r, errCut)
			}
			packets(t, ns, 3)
			rs := snapshot(t, r)
			if !slices.Equal(rs.CountedBy, []string{"iptables-nft-save -c", "nft list"}) || !strings.Contains(strings.Join(rs.Warnings, "\n"), "the counters of nf_tables come from the text of the programs, which is slower: ") {
				t.Errorf("counted by %v, warnings %q", rs.CountedBy, rs.Warnings)
			}
			same := func() {
				t.Helper()
				agree(t, rs, model.BackendIptablesNFT, model.FamilyIPv4, nettest.Run(t, ns, "iptables-nft-save", "-c"))
				want, err := open(t, ns).Counts(t.Context(), clean(t, open(t, ns)))
				if err != nil || !slices.Equal(rs.Counts().Rules, want.Rules) {
					t.Errorf("counters are %v, read directly %v, %v", rs.Counts().Rules, want, err)
				}
			}
			same()
			was := rs.Counts().Rules[0].Packets
			packets(t, ns, 3)
			counts, err := r.Counts(t.Context(), rs)
			if err != nil {
				t.Fatal(err)
			}
			apply(rs, counts)
			same()
			if rs.Counts().Rules[0].Packets <= was {
				t.Errorf("%d packets, before %d", rs.Counts().Rules[0].Packets, was)
			}
			if c, err := r.CountsOf(t.Context(), rs, []int{0}, []int{0}); err != nil || len(c.Rules)+len(c.Chains) != 0 {
				t.Errorf("what is on the screen: %v, %v", c, err)
			}
			refuse(r, nil)
			if rs = clean(t, r); rs.CountedBy != nil {
				t.Errorf("healed, and counted by %v", rs.CountedBy)
			}
			refreshed(t, r, rs)
			refuse(r, unix.EPERM)
			if _, err := open(t, ns).Snapshot(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Counts(t.Context(), rs); err == nil || !strings.Contains(err.Error(), "CAP_NET_ADMIN") {
				t.Errorf("without the capability: %v", err)
			}
		})
	}
}

// TestRefusedBothWays: tables that nobody can print are there by their names, with both
// reasons, beside all that can be read.
func TestRefusedBothWays(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore", "nft")
	ns := nettest.New(t, "both")
	nettest.Feed(t, ns, filterRules, "iptables-legacy-restore")
	nettest.Run(t, ns, "nft", "add table inet t; add chain inet t c; add rule inet t c counter")
	r := open(t, ns)
	l := r.legacy[0]
	l.ask = func(int, []byte) error { return unix.ENOMEM }
	run := r.programs.run
	r.programs.run = func(ctx context.Context, path string, args ...string) (*printout, error) {
		if strings.Contains(path, "legacy") {
			return nil, errors.New("no memory for a program")
		}
		return run(ctx, path, args...)
	}
	rs := snapshot(t, r)
	all := strings.Join(rs.Warnings, "\n")
	if rs.Table(model.BackendLegacy, model.FamilyIPv4, "filter") == nil || rs.Table(model.BackendNFTables, model.FamilyInet, "t") == nil ||
		!strings.Contains(all, "cannot allocate memory") || !strings.Contains(all, "no memory for a program") || !r.unread || rs.CountedBy != nil {
		t.Errorf("%d tables, counted by %v, warnings:\n%s", len(rs.Tables), rs.CountedBy, all)
	}
	if _, err := r.Counts(t.Context(), rs); err != nil {
		t.Error(err)
	}
	l.ask, r.programs.run = nil, run
	clean(t, r)
}

// TestOneCapability: the program asks the kernel as we do. Without CAP_NET_ADMIN both are
// refused, so that there is nothing to fall back on; and it is not tried.
func TestOneCapability(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-legacy-save", "setpriv")
	ns := nettest.New(t, "capability")
	nettest.Feed(t, ns, filterRules, "iptables-legacy-restore")
	for _, bound := range []string{"+net_admin", "-net_admin", "-net_raw"} {
		out, err := ns.Output(t.Context(), nil, "setpriv", "--bounding-set", bound, "--inh-caps", bound, "iptables-legacy-save", "-c")
		if printed := err == nil && strings.Contains(string(out), "-A INPUT"); printed != (bound[0] == '+') {
			t.Errorf("with %s iptables-legacy-save prints the rules: %v", bound, printed)
		}
	}
	r := open(t, ns)
	r.legacy[0].ask = func(int, []byte) error { return unix.EPERM }
	r.programs.run = func(context.Context, string, ...string) (*printout, error) {
		t.Error("a program was run")
		return nil, errors.New("no")
	}
	if _, err := r.Snapshot(t.Context()); err == nil || !strings.Contains(err.Error(), "CAP_NET_ADMIN") {
		t.Errorf("%v", err)
	}
}

// TestWatchSaysStale: what keeps rules from being the newest is told as long as it is so,
// with the time since when, and taken back.
func TestWatchSaysStale(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore")
	ns := nettest.New(t, "stale")
	nettest.Feed(t, ns, filterRules, "iptables-legacy-restore")
	r := open(t, ns)
	var got []feed.Item
	w := watcher{r: r, emit: func(i feed.Item) { got = append(got, i) }, said: map[string]bool{}}
	r.progress.tell = w.reading
	step := func() (last *picture.Reading, rules, problems int) {
		got = nil
		w.notBefore, w.whole = time.Time{}, time.Time{}
		w.step(t.Context())
		for _, i := range got {
			switch {
			case i.Reading != nil:
				last = i.Reading
			case i.Rules != nil:
				rules++
			case i.Problem != "":
				problems++
			}
		}
		return last, rules, problems
	}
	l := r.legacy[0]
	refuse := func(int, []byte) error { return unix.EPERM }
	l.ask = refuse
	first, _, problems := step()
	if first == nil || first.Failed == "" || first.Since.IsZero() || problems != 1 || first.Outline == nil {
		t.Fatalf("before the first ruleset: %+v, %d problems", first, problems)
	}
	if again, _, problems := step(); again == nil || again.Failed != first.Failed || !again.Since.Equal(first.Since) || problems != 0 {
		t.Errorf("the second time: %+v, %d problems", again, problems)
	}
	l.ask = nil
	if _, rules, _ := step(); rules != 1 {
		t.Fatal("not read although it can be")
	}
	if last, _, _ := step(); last != nil {
		t.Errorf("all is well, but %+v", last)
	}
	right := w.right
	l.ask = refuse
	if last, _, problems := step(); last == nil || last.Failed == "" || !last.Since.Equal(right) || problems != 1 {
		t.Errorf("counting fails: %+v, right at %s", last, right)
	}
	l.ask = nil
	if last, rules, _ := step(); last == nil || !last.Over() || rules != 0 {
		t.Errorf("healed: %+v, %d rulesets", last, rules)
	}
}
