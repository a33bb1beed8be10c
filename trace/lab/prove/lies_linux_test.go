package prove

import (
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"nfscope/model/drop"
	"nfscope/model/journey"
	"nfscope/trace/lab"
)

// lie is a statement that is not so; what names it in the failure.
type lie struct {
	what  string
	state func(s *lab.Step)
}

// expected lies about the first packet of any step.
func expected(what string, e func(e *lab.Expect)) lie {
	return lie{what, func(s *lab.Step) { e(s.Expect) }}
}

// lies are false of each step whose packet was seen.
func lies(s *lab.Step, observed string) []lie {
	path := journey.PathInput
	if s.Expect.Path == path {
		path = journey.PathOutput
	}
	if s.From != observed && path == journey.PathOutput {
		path = journey.PathForward
	}
	family := "ip6"
	if by := s.Expect.By; by != nil && by.Family == family {
		family = "ip"
	}
	list := []lie{
		expected("outcome", func(e *lab.Expect) { e.Outcome = journey.Rejected }),
		expected("sentence", func(e *lab.Expect) { e.Sentence = "dropped by rule 99 of filter/NOWHERE" }),
		expected("backend", func(e *lab.Expect) { e.By = &lab.Culprit{Backend: "ipchains"} }),
		expected("family", func(e *lab.Expect) { e.By = &lab.Culprit{Family: family} }),
		expected("decided in", func(e *lab.Expect) { e.By = &lab.Culprit{Table: "filter", Chain: "NOWHERE"} }),
		expected("decided by", func(e *lab.Expect) { e.By = &lab.Culprit{Kind: "nobody"} }),
		expected("decided by", func(e *lab.Expect) { e.By = &lab.Culprit{Rule: 99} }),
		expected("the kernel's reason", func(e *lab.Expect) { e.By = &lab.Culprit{Reason: "NO_SUCH"} }),
		expected("rules hit", func(e *lab.Expect) { e.Hits = []string{"filter/NOWHERE 1"} }),
		expected("rule filter/NOWHERE 1", func(e *lab.Expect) { e.Misses = []lab.Miss{{At: "filter/NOWHERE 1"}} }),
		expected("met", func(e *lab.Expect) { e.Never = []string{"filter/NOWHERE"} }),
		expected("journey", func(e *lab.Expect) { e.Unseen = true }),
		expected("drop", func(e *lab.Expect) { e.Drop = &lab.ExpectDrop{Reason: "NO_SUCH"} }),
	}
	if s.Expect.Path != "" {
		list = append(list, expected("path", func(e *lab.Expect) { e.Path = path }))
	}
	if s.Expect.State != "" {
		list = append(list, expected("state", func(e *lab.Expect) { e.State = "INVALID" }))
	}
	return append(list, nearLies(s.Expect)...)
}

// nearLies are what a step states, each a little wrong.
func nearLies(e *lab.Expect) (list []lie) {
	for i, h := range e.Hits {
		list = append(list, expected("met", func(e *lab.Expect) { e.Never = []string{h} }))
		table, _, _ := strings.Cut(h, "/")
		list = append(list, expected("met", func(e *lab.Expect) { e.Never = []string{table} }))
		if i > 0 && h != e.Hits[i-1] { // the other way round
			before := e.Hits[i-1]
			list = append(list, expected("rules hit", func(e *lab.Expect) { e.Hits = []string{h, before} }))
		}
	}
	for _, m := range e.Misses {
		list = append(list, expected("rule "+m.At, func(e *lab.Expect) { e.Misses = []lab.Miss{{At: m.At, Because: m.Because + " but pigs fly"}} }))
	}
	if d := e.Drop; d != nil {
		list = append(list, expected("drop", func(e *lab.Expect) { e.Drop = &lab.ExpectDrop{Reason: d.Reason, Station: "nowhere"} }))
	}
	f := e.Flow
	switch {
	case f == nil:
		return list
	case f.None:
		return append(list, expected("flow", func(e *lab.Expect) { e.Flow = &lab.ExpectFlow{} }))
	}
	flow := func(what string, f lab.ExpectFlow) {
		list = append(list, expected(what, func(e *lab.Expect) { e.Flow = &f }))
	}
	flow("flow", lab.ExpectFlow{None: true})
	flow("NAT class", lab.ExpectFlow{Class: []string{"nonsense"}})
	flow("the replies' source", lab.ExpectFlow{Reply: lab.Ends{Src: "192.0.2.99"}})
	flow("the replies' destination", lab.ExpectFlow{Reply: lab.Ends{Dst: "192.0.2.99"}})
	if addr, _, ok := strings.Cut(f.Reply.Src, ":"); ok {
		flow("the replies' source", lab.ExpectFlow{Reply: lab.Ends{Src: addr + ":9"}})
	}
	if addr, _, ok := strings.Cut(f.Reply.Dst, ":"); ok {
		flow("the replies' destination", lab.ExpectFlow{Reply: lab.Ends{Dst: addr + ":9"}})
	}
	switch f.Port {
	case "kept":
		flow("the sender's port", lab.ExpectFlow{Port: "rewritten"})
	case "rewritten":
		flow("the sender's port", lab.ExpectFlow{Port: "kept"})
	}
	return list
}

// heard lies about what the sender of any step saw.
func heard(s *lab.Step) []lie {
	list := []lie{
		{"result", func(s *lab.Step) { s.Result = lab.Failed }},
		{"answer", func(s *lab.Step) { s.Answer = "nobody on nowhere" }},
		{"share of nobody", func(s *lab.Step) { s.Shares = []lab.Share{{Answer: "nobody", Of: 0.5, Within: 0.49}} }},
	}
	for _, sh := range s.Shares {
		of := math.Mod(sh.Of+0.5, 1)
		list = append(list, lie{"share of " + sh.Answer, func(s *lab.Step) { s.Shares = []lab.Share{{Answer: sh.Answer, Of: of, Within: sh.Within}} }})
	}
	return list
}

// falsify holds that each kind of statement fails where it is not so: what the kernel showed
// of a lab is held against the lab with one lie in it. So a statement that is so was looked
// at.
func falsify(t *testing.T, l *lab.Lab, ev lab.Evidence) {
	t.Helper()
	sees := ev.Drops.Watch.Step == drop.StepBPF
	if !sees && os.Getenv(userEnv) == "" {
		t.Errorf("drops were watched by %q", ev.Drops.Watch.Step)
	}
	check := func(of string, wrong *lab.Lab, what string) {
		t.Helper()
		if got := lab.Check(wrong, ev); len(got) != 1 || !strings.HasPrefix(got[0].What, what) {
			t.Errorf("%s: the lie about %q is told as %v", of, what, got)
		}
	}
	for i := range l.Steps {
		told := heard(&l.Steps[i])
		if e := l.Steps[i].Expect; e != nil && !e.Unseen {
			told = append(told, lies(&l.Steps[i], l.Observed)...)
		}
		for _, lie := range told {
			if lie.what == "drop" && !sees {
				continue
			}
			wrong := *l
			wrong.Steps = slices.Clone(l.Steps)
			wrong.Steps[i].Expect = &lab.Expect{}
			if e := l.Steps[i].Expect; e == nil || e.Unseen {
				wrong.Steps[i].Expect = e
			}
			lie.state(&wrong.Steps[i])
			check("step "+l.Steps[i].Name, &wrong, lie.what)
		}
	}
	more := func(exact *uint64) (*uint64, uint64) {
		if exact == nil {
			return nil, math.MaxUint64
		}
		n := *exact + 1<<20 // less would do but for SYNs that were sent again, which are let pass
		return &n, 0
	}
	for i, c := range l.Counters {
		wrong := *l
		wrong.Counters = slices.Clone(l.Counters)
		wrong.Counters[i].Packets, wrong.Counters[i].Least = more(c.Packets)
		check("counters", &wrong, c.At)
		wrong.Counters[i].At = "filter/NOWHERE 1"
		check("counters", &wrong, "filter/NOWHERE 1")
	}
	for i, k := range l.Kernel {
		wrong := *l
		wrong.Kernel = slices.Clone(l.Kernel)
		wrong.Kernel[i].Packets, wrong.Kernel[i].Least = more(k.Packets)
		check("kernel", &wrong, k.Counter)
		wrong.Kernel[i].Counter = "Ip.Nonsense"
		check("kernel", &wrong, "Ip.Nonsense")
	}
	for i, p := range l.Pools {
		wrong := *l
		wrong.Pools = slices.Clone(l.Pools)
		wrong.Pools[i].Used++
		check("pools", &wrong, "pool of "+p.Address)
	}
}
