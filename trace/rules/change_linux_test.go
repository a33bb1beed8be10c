package rules

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

func number(t testing.TB, s string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestGeneration: every change moves it, packets never do, not even through matches
// that keep a state of their own in the rule.
func TestGeneration(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy", "iptables-nft", "nft")
	ns := nettest.New(t, "gen")
	nettest.Feed(t, ns, filterRules, "iptables-legacy-restore")
	for _, match := range []string{"limit --limit 1000/sec", "statistic --mode nth --every 3 --packet 0", "quota --quota 100000",
		"hashlimit --hashlimit-upto 100/sec --hashlimit-name x", "connlimit --connlimit-above 100", "recent --set --name y"} {
		args := append([]string{"-A", "INPUT", "-m"}, strings.Fields(match)...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if _, err := ns.Output(ctx, nil, "iptables-legacy", args...); err != nil {
			t.Logf("left out: %v", err)
		}
		cancel()
	}
	r := open(t, ns)
	g := generation(t, r)
	packets(t, ns, 20)
	if n := generation(t, r); n != g {
		t.Errorf("packets moved the generation from %s to %s", g, n)
	}
	rs := clean(t, r)
	if rs.Generation != g {
		t.Errorf("the snapshot has generation %s, not %s", rs.Generation, g)
	}
	for _, change := range []string{
		"iptables-legacy -A OUTPUT -j ACCEPT",
		"iptables-legacy -R OUTPUT 2 -j DROP",
		"iptables-legacy -P FORWARD ACCEPT",
		"iptables-legacy -N NEW",
		"iptables-legacy -E NEW NEWER",
		"iptables-legacy -t raw -L",
		"ip6tables-legacy -A INPUT",
		"iptables-nft -A INPUT -j ACCEPT",
		"iptables-nft -D INPUT 1",
		"nft add table inet t",
		"nft add chain inet t c",
		"nft add rule inet t c accept",
	} {
		f := strings.Fields(change)
		nettest.Run(t, ns, f[0], f[1:]...)
		n := generation(t, r)
		if n == g {
			t.Errorf("%s did not move the generation", change)
		}
		if _, err := r.Counts(t.Context(), rs); !errors.Is(err, ErrStale) {
			t.Errorf("Counts after %s: %v, want ErrStale", change, err)
		}
		g = n
	}
	nettest.Run(t, ns, "iptables-legacy", "-Z")
	if n := generation(t, r); n != g {
		t.Errorf("zeroing counters moved the generation")
	}
}

// TestChangedUnderTheReader: while rules come and go, a snapshot without a warning is
// the ruleset of one moment, and counters never seem to fall.
func TestChangedUnderTheReader(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy", "iptables-nft")
	ns := nettest.New(t, "moving")
	for _, p := range []string{"iptables-legacy-restore", "iptables-nft-restore"} {
		nettest.Feed(t, ns, filterRules, p)
	}
	packets(t, ns, 10)
	r := open(t, ns)
	bursts := make(chan struct{})
	done := make(chan error, 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() {
		n := 0
		for range bursts {
			for range 3 {
				for _, p := range []string{"iptables-legacy", "iptables-nft"} {
					if _, err := ns.Output(ctx, nil, p, "-I", "FORWARD", "-s", fmt.Sprintf("10.0.%d.%d", n/256, n%256)); err != nil {
						done <- err
						return
					}
				}
				n++
			}
		}
		done <- nil
	}()
	whole := 0
	for whole < 6 {
		select {
		case bursts <- struct{}{}:
		default: // the last burst is still under way
		}
		rs := snapshot(t, r)
		if len(rs.Warnings) > 0 {
			continue
		}
		whole++
		consistent(t, rs)
		c, err := r.Counts(ctx, rs)
		if err != nil && !errors.Is(err, ErrStale) {
			t.Fatal(err)
		}
		if err == nil {
			apply(rs, c)
			consistent(t, rs)
		}
	}
	close(bursts)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	consistent(t, clean(t, r))
}

// consistent checks that the ruleset of TestChangedUnderTheReader is that of one moment.
func consistent(t *testing.T, rs *model.Ruleset) {
	t.Helper()
	for _, b := range []model.Backend{model.BackendLegacy, model.BackendIptablesNFT} {
		tab := rs.Table(b, model.FamilyIPv4, "filter")
		rules := tab.Chain("FORWARD").Rules
		for i, ru := range rules {
			if !strings.Contains(ru.Text, fmt.Sprintf("10.0.%d.%d/", (len(rules)-1-i)/256, (len(rules)-1-i)%256)) {
				t.Fatalf("%s: rule %d of %d is %s", b, i+1, len(rules), ru.Text)
			}
			if !ru.Counters.Valid || (b == model.BackendIptablesNFT) != (ru.Handle != 0) {
				t.Fatalf("%s: %+v", b, ru)
			}
		}
		if n := tab.Chain("INPUT").Rules[0].Counters.Packets; n != 10 {
			t.Errorf("%s: INPUT 1 counted %d packets, want 10", b, n)
		}
	}
}

// TestCountersFallForAMoment: who replaces a legacy table puts the counters back in a
// second step. The reader waits for it; counters that stay at zero were zeroed.
func TestCountersFallForAMoment(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore")
	ns := nettest.New(t, "fall")
	nettest.Feed(t, ns, filterRules, "iptables-legacy-restore")
	packets(t, ns, 10)
	r := open(t, ns)
	rs := clean(t, r)
	before := hits(rs, model.BackendLegacy)
	whole := nettest.Run(t, ns, "iptables-legacy-save", "-c")
	nettest.Feed(t, ns, filterRules, "iptables-legacy-restore")
	waited := 0
	r.legacy[0].pause = func(context.Context, time.Duration) error {
		if waited++; waited == 2 {
			nettest.Feed(t, ns, whole, "iptables-legacy-restore", "-c")
		}
		return nil
	}
	if n := hits(refreshed(t, r, rs), model.BackendLegacy); n != before || waited < 2 {
		t.Errorf("%d packets after %d waits, want %d", n, waited, before)
	}
	nettest.Run(t, ns, "iptables-legacy", "-Z")
	r.legacy[0].pause = func(context.Context, time.Duration) error { return nil }
	if n := refreshed(t, r, rs).Table(model.BackendLegacy, model.FamilyIPv4, "filter").Chain("INPUT").Rules[0].Counters.Packets; n != 0 {
		t.Errorf("%d packets after -Z, want 0", n)
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy", "nft")
	ns := nettest.New(t, "watch")
	nettest.Feed(t, ns, filterRules, "iptables-legacy-restore")
	nettest.Run(t, ns, "nft", "add", "table", "inet", "t")
	r := open(t, ns)
	r.programs.find = func(name string) (string, error) {
		if name == "nft" {
			return "", errors.New("none")
		}
		return findProgram(name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), nettest.InVain)
	defer cancel()
	items := make(chan feed.Item)
	go func() {
		defer close(items)
		r.Watch(ctx, 5*time.Millisecond, func(i feed.Item) {
			select {
			case items <- i:
			case <-ctx.Done():
			}
		})
	}()
	next := func(what string, ok func(feed.Item) bool) feed.Item {
		t.Helper()
		for i := range items {
			if ok(i) {
				return i
			}
			if what == "rules first" && i.Reading == nil { // how far it is may be told before
				break
			}
		}
		t.Fatalf("never came: %s", what)
		return feed.Item{}
	}
	problems := 0
	first := next("rules first", func(i feed.Item) bool { return i.Rules != nil }).Rules
	count := func(i feed.Item) bool {
		if i.Problem != "" {
			problems++
		}
		return i.Counts != nil && i.Counts.Generation == first.Generation
	}
	next("counts", count)
	packets(t, ns, 3)
	id := first.Table(model.BackendLegacy, model.FamilyIPv4, "filter").Chain("INPUT").Rules[0].ID
	next("the packets", func(i feed.Item) bool { return count(i) && i.Counts.Rules[id].Packets == 3 })
	nettest.Run(t, ns, "iptables-legacy", "-A", "OUTPUT", "-j", "ACCEPT")
	again := next("new rules", func(i feed.Item) bool { count(i); return i.Rules != nil }).Rules
	if n := len(again.Table(model.BackendLegacy, model.FamilyIPv4, "filter").Chain("OUTPUT").Rules); n != 2 {
		t.Errorf("%d rules in OUTPUT, want 2", n)
	}
	first = again
	next("counts again", count)
	if problems != 1 {
		t.Errorf("%d problems were told, want the missing nft once", problems)
	}
	cancel()
	for range items { // Watch returns, and closes the channel
	}
}

// TestWithoutPrivilege: the sentence says what is missing, and the error is one of permission.
func TestWithoutPrivilege(t *testing.T) {
	if where := os.Getenv("NFSCOPE_TEST_INSIDE"); where != "" {
		inside(t, where)
		return
	}
	t.Parallel()
	nettest.Kernel(t)
	ns := nettest.New(t, "weak")
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "NFSCOPE_TEST_INSIDE=weak")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}}
	err := ns.Start(cmd)
	if errors.Is(err, os.ErrPermission) {
		nettest.Skip(t, "needs user namespaces")
	}
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil || !strings.Contains(out.String(), "--- PASS: "+t.Name()) {
		t.Fatalf("%v\n%s", err, &out)
	}
}

// TestUserNamespace runs inside in a network namespace that is made
// together with its user namespace, where the kernel won't list legacy tables.
func TestUserNamespace(t *testing.T) {
	if where := os.Getenv("NFSCOPE_TEST_INSIDE"); where != "" {
		inside(t, where)
		return
	}
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy")
	lock := t.TempDir()
	for _, dir := range []string{lock, filepath.Dir(lock)} {
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	// The file of the names belongs to the first root, so the root inside must be
	// somebody else; /proc/self/exe needs no way through root's directories.
	const nobody = 65534
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "NFSCOPE_TEST_INSIDE=userns", "XTABLES_LOCKFILE="+lock+"/lock")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:                 syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		Credential:                 &syscall.Credential{},
		UidMappings:                []syscall.SysProcIDMap{{ContainerID: 0, HostID: nobody, Size: 1}},
		GidMappings:                []syscall.SysProcIDMap{{ContainerID: 0, HostID: nobody, Size: 1}},
		GidMappingsEnableSetgroups: true,
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, os.ErrPermission) {
		nettest.Skip(t, "needs user namespaces")
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("%v\n%s", err, out)
	}
}

// inside is what the tests above run in another user namespace, as processes of their
// own that run the same test again.
func inside(t *testing.T, where string) {
	ns, err := netns.Current()
	if err != nil {
		t.Fatal(err)
	}
	if where == "weak" {
		r, err := Open(ns)
		if err == nil {
			_, err = r.Snapshot(t.Context())
		}
		if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "CAP_NET_ADMIN") {
			t.Fatalf("got %v", err)
		}
		return
	}
	r := open(t, ns)
	rs := snapshot(t, r)
	if len(rs.Tables) != 0 || len(rs.Warnings) == 0 || !strings.Contains(rs.Warnings[0], "cannot be listed") {
		t.Fatalf("%d tables, warnings %q", len(rs.Tables), rs.Warnings)
	}
	nettest.Feed(t, ns, filterRules, "iptables-legacy-restore")
	r.Assume(model.FamilyIPv4, "filter", "mangle")
	rs = snapshot(t, r)
	if len(rs.Tables) != 2 || rs.Tables[0].Chain("INPUT").Rules[0].Jump != "WEB" {
		t.Fatalf("%d tables, warnings %q", len(rs.Tables), rs.Warnings)
	}
	refreshed(t, r, rs)
}
