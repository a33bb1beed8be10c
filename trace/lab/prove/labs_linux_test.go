package prove

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"nfscope/docs/labs"
	"nfscope/model"
	"nfscope/trace/guard"
	"nfscope/trace/lab"
	"nfscope/trace/nettest"
)

// userEnv makes the test binary run its tests in a user namespace.
const userEnv = "NFSCOPE_PROVE_USER"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == guard.Arg {
		guard.Main()
		return
	}
	if os.Getenv(userEnv) != "" {
		ran, status, err := lab.EnterUserns(os.Args[1:])
		if err != nil {
			fmt.Println(err)
			status = 1
		}
		if ran || err != nil {
			os.Exit(status)
		}
	}
	os.Exit(m.Run())
}

// TestLabs plays every lab in both iptables backends: all that it states must be so, as
// nfscope sees it, and the counters also as the backends' own programs print them.
func TestLabs(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore", "iptables-nft-restore", "nft")
	for _, name := range labs.Names() {
		l, err := lab.Load(labs.FS, name)
		if err != nil {
			t.Error(err)
			continue
		}
		if err := lab.Lacks(l); err != nil {
			t.Run(name, func(t *testing.T) { nettest.Skip(t, err.Error()) })
			continue
		}
		for _, backend := range l.InBackends() {
			t.Run(name+"/"+backend, func(t *testing.T) {
				t.Parallel()
				l := l.With("iptables-legacy", backend)
				n, g, seen := played(t, l)
				if os.Getenv(userEnv) == "" {
					defer again(t, n, g)
				}
				for _, p := range seen.Problems {
					t.Log("problem:", p)
				}
				for _, f := range seen.Failures {
					t.Error(f)
				}
				for _, f := range lab.Check(l, lab.Evidence{Results: seen.Results, Journeys: seen.Journeys, Rules: counters(t, n, backend)}) {
					t.Error("by the backends' own programs:", f)
				}
				if len(seen.Failures) == 0 {
					falsify(t, l, seen.Evidence)
				}
			})
		}
	}
}

// TestUserns: all that the labs state is so too where an ordinary user plays them.
func TestUserns(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	left := 10 * time.Minute
	if end, ok := t.Deadline(); ok {
		left = time.Until(end) * 9 / 10 // it ends first, and says where it was
	}
	cmd := nettest.AsNobody(t, nettest.ForAll(t, exe), "-test.timeout", left.String(), "-test.run", "^TestLabs$", "-test.parallel", "4", "-test.v") // beside as many of root's
	cmd.Env = append(cmd.Env, userEnv+"=1", "NFSCOPE_REQUIRE_KERNEL=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range labs.Names() {
		if !strings.Contains(string(out), "--- PASS: TestLabs/"+name+"/") {
			t.Errorf("%s was not played:\n%s", name, out)
		}
	}
}

// again plays a lab that was played before: its packets meet the same fate, though the
// counters go on.
func again(t *testing.T, n *lab.Network, g *guard.Guard) {
	t.Helper()
	steps := *n.Lab()
	steps.Counters = nil
	seen, err := run(t.Context(), n, &steps, g, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range seen.Failures {
		t.Error("the second time:", f)
	}
}

// played builds a lab, plays it and removes it at the end.
func played(t *testing.T, l *lab.Lab) (*lab.Network, *guard.Guard, *Seen) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	g, err := guard.Start(exe)
	if err != nil {
		t.Fatal(err)
	}
	n, err := lab.Up(t.Context(), l, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Down(); err != nil {
			t.Error(err)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	seen, err := Run(t.Context(), n, g, nil)
	if err != nil {
		t.Fatal(err)
	}
	return n, g, seen
}

// TestStatements: a lab that states what is not so is told so.
func TestStatements(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "iptables-legacy-restore")
	l, err := lab.Load(labs.FS, "close-the-door")
	if err != nil {
		t.Fatal(err)
	}
	wrong := *l
	wrong.Steps = append([]lab.Step(nil), l.Steps...)
	e := *wrong.Steps[1].Expect
	by := *e.By
	by.Rule, e.By, e.Sentence = 3, &by, ""
	wrong.Steps[1].Expect = &e
	if _, _, seen := played(t, &wrong); len(seen.Failures) != 1 || !strings.Contains(seen.Failures[0].String(), "the lab states rule 3, there was rule 2") {
		t.Errorf("failures: %v", seen.Failures)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n, err := lab.Up(t.Context(), l, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Down()
	if _, err := Run(ctx, n, nil, nil); err == nil {
		t.Error("a cancelled run has no error")
	}
}

// counters reads the observed host's rules with the backends' own programs.
func counters(t *testing.T, n *lab.Network, backend string) *model.Ruleset {
	t.Helper()
	rs := &model.Ruleset{}
	num := func(s string) uint64 { v, _ := strconv.ParseUint(s, 10, 64); return v }
	var table *model.Table
	policy := regexp.MustCompile(`^:(\S+) \S+ \[(\d+):(\d+)\]`)
	rule := regexp.MustCompile(`^\[(\d+):(\d+)\] -A (\S+)`)
	for line := range strings.Lines(nettest.Run(t, n.Observed(), backend+"-save", "-c")) {
		if line[0] == '*' {
			table = &model.Table{Name: strings.TrimSpace(line[1:]), Family: model.FamilyIPv4}
			rs.Tables = append(rs.Tables, table)
		}
		if m := policy.FindStringSubmatch(line); m != nil {
			table.Chains = append(table.Chains, &model.Chain{Name: m[1], Counters: model.Counters{Packets: num(m[2]), Valid: true}})
		}
		if m := rule.FindStringSubmatch(line); m != nil {
			c := table.Chain(m[3])
			c.Rules = append(c.Rules, model.Rule{Counters: model.Counters{Packets: num(m[1]), Valid: true}})
		}
	}
	if !strings.Contains(nettest.Run(t, n.Observed(), "nft", "list", "tables"), "inet guard") {
		return rs
	}
	chain := &model.Chain{Name: "forward"}
	for _, m := range regexp.MustCompile(`counter packets (\d+)`).FindAllStringSubmatch(nettest.Run(t, n.Observed(), "nft", "list", "chain", "inet", "guard", "forward"), -1) {
		chain.Rules = append(chain.Rules, model.Rule{Counters: model.Counters{Packets: num(m[1]), Valid: true}})
	}
	rs.Tables = append(rs.Tables, &model.Table{Name: "guard", Family: model.FamilyInet, Chains: []*model.Chain{chain}})
	return rs
}
