package rules

import (
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/ui/theme"
)

func commit(g uint32, program string, pid int) model.Commit {
	return model.Commit{First: g, Generation: g, Program: program, PID: pid}
}

// The change is said to be by those who made it, and by nobody else.
func TestAuthors(t *testing.T) {
	legacy := func(rs *model.Ruleset) { chainNamed(rs, "INPUT").Rules[0].Text += " -m comment --comment new" }
	native := func(rs *model.Ruleset) {
		for _, tb := range rs.Tables {
			if tb.Backend == model.BackendNFTables {
				tb.Chains[0].Rules = tb.Chains[0].Rules[1:]
				return
			}
		}
		t.Fatal("no native table")
	}
	docker := commit(8, "iptables", 4711)
	docker.Parent, docker.ParentPID, docker.Command = "dockerd", 900, "/usr/sbin/iptables --wait -t nat -A DOCKER"
	far := commit(8, "nft", 7)
	far.Foreign = true
	own := commit(8, "nfscope", 5)
	own.Own = true
	long := model.Commit{First: 8, Generation: 10, Program: "firewalld", PID: 3}
	for _, c := range []struct {
		name   string
		edit   func(*model.Ruleset)
		to     uint32
		list   []model.Commit
		line   string
		said   []string
		absent []string
	}{
		{"one", native, 8, []model.Commit{commit(8, "nft", 4711)}, "ago by nft (pid 4711): -1 in", []string{"by nft (pid 4711)"}, []string{"unknown", "not told"}},
		{"parent", native, 8, []model.Commit{docker}, "by iptables (pid 4711, started by dockerd):", []string{"/usr/sbin/iptables --wait"}, nil},
		{"foreign", native, 8, []model.Commit{far}, "by nft (pid 7 of the host)", nil, nil},
		{"two", native, 9, []model.Commit{commit(8, "nft", 1), commit(9, "firewalld", 2)}, "by nft (pid 1), firewalld (pid 2):", []string{"what each of them changed is not told"}, nil},
		{"many", native, 11, []model.Commit{commit(8, "a", 1), commit(9, "b", 2), commit(10, "c", 2), commit(11, "d", 2)}, "by a (pid 1), b (pid 2), 2 more:", nil, nil},
		{"run", native, 10, []model.Commit{long}, "by firewalld (pid 3):", []string{"3 transactions"}, nil},
		{"lost", native, 10, []model.Commit{commit(8, "nft", 1)}, "by nft (pid 1), somebody unknown:", []string{"2 transactions of which nobody heard"}, nil},
		{"all lost", native, 10, nil, "by somebody unknown:", []string{"3 transactions of which nobody heard"}, nil},
		{"own", native, 9, []model.Commit{own, commit(9, "nft", 6)}, "by nft (pid 6):", nil, []string{"nfscope (pid", "unknown"}},
		{"legacy", legacy, 7, nil, "by somebody unknown (x_tables does not tell):", []string{"x_tables does not tell"}, nil},
		{"legacy beside", legacy, 8, []model.Commit{commit(8, "nft", 4711)}, "by somebody unknown (x_tables does not tell):", nil, []string{"4711"}},
		{"both", func(rs *model.Ruleset) { legacy(rs); native(rs) }, 8, []model.Commit{commit(8, "nft", 4711)}, "by nft (pid 4711), somebody unknown (x_tables does not tell):", nil, nil},
		{"old recording", native, 0, nil, "s ago: -1 in", nil, []string{" by "}},
	} {
		f := frame(theme.Options{}, 200, 40)
		if c.to != 0 {
			change(f, func(rs *model.Ruleset) { rs.Transaction = 7 })
		}
		p := New()
		text(p, f)
		change(f, func(rs *model.Ruleset) { c.edit(rs); rs.Transaction, rs.Commits = c.to, c.list; rs.Generation += "y" })
		got := text(p, f)
		lines := strings.Split(got, "\n")
		if last := lines[len(lines)-1]; !strings.Contains(last, c.line) {
			t.Errorf("%s: %q is not in %q", c.name, c.line, last)
		} else if c.absent != nil {
			for _, a := range c.absent {
				if strings.Contains(last, a) {
					t.Errorf("%s: %q is in %q", c.name, a, last)
				}
			}
		}
		do(t, p, f, "D")
		got = text(p, f)
		for _, w := range c.said {
			if !strings.Contains(got, w) {
				t.Errorf("%s: %q is not in the list:\n%s", c.name, w, got)
			}
		}
	}
}
