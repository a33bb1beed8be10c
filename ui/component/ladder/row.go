// Package ladder shows a journey as a ladder: hook, place, rule, verdict and what
// changed in the packet, a rung a step. It is drawn on the screen and printed as
// plain text from the same rows.
package ladder

import (
	"strconv"
	"strings"

	"nfscope/model"
	"nfscope/model/journey"
)

// Row is one rung.
type Row struct {
	// Step is an index of Journey.Steps, -1 for what stands between steps: conntrack
	// and the routing decision.
	Step int
	Hook model.Hook
	// Head is true on the first row of a hook.
	Head bool
	// Where is the place in words, "" where it is that of the row above; Depth its indent.
	Where string
	Depth int
	// Badge is the backend's letter, with a 6 for an ip6 table; "" where it is that above.
	Badge   string
	Backend model.Backend
	// Rule is the rule's number, or policy, end, return.
	Rule string
	Text string
	// Verdict is the step's, its word in Word: empty for a miss.
	Verdict model.Verdict
	Word    string
	// Packet is what changed, in words: what the rule did, or what is seen here that no
	// rule did, with who did it.
	Packet string
	// Ahead names the chains that can still drop the packet which a rule accepted here.
	Ahead []string
	Miss  bool
	// Beside counts misses that are left out next to this one.
	Beside int

	say Say
}

// Rows makes the rungs of a journey.
func Rows(j *journey.Journey) []Row { return Say(nil).Rows(j) }

// Rows is Rows in that language.
func (say Say) Rows(j *journey.Journey) []Row {
	rows := make([]Row, 0, len(j.Steps)+2)
	ct := conntrackAt(j)
	var last *journey.Step
	for i := range j.Steps {
		s := &j.Steps[i]
		if last != nil && last.Hook == model.HookPrerouting && (s.Hook == model.HookForward || s.Hook == model.HookInput) {
			rows = append(rows, Row{Step: -1, Where: "routing", Text: say.Of(routed(j, s.Hook)), Head: true})
		}
		head := last == nil || last.Hook != s.Hook
		if i == ct {
			rows = append(rows, Row{Step: -1, Hook: s.Hook, Head: head, Where: "conntrack", Packet: j.CTState})
			head = false
		}
		r := Row{Step: i, Hook: s.Hook, Head: head, Depth: s.Depth, Backend: s.Backend, Verdict: s.Verdict,
			Rule: string(s.Kind), say: say}
		if s.Kind == journey.KindEnd { // policy and return are the kernel's words
			r.Rule = say.Of(r.Rule)
		}
		more, element := "", ""
		if s.Element != "" {
			element = "by the element " + s.Element
		}
		if s.Kind == journey.KindRule {
			r.Ahead = s.Ahead
		}
		if s.Kind == journey.KindRule || s.Kind == journey.KindMiss {
			r.Rule, r.Text = strconv.Itoa(s.Rule), strings.TrimPrefix(s.Text, "-A "+s.Chain+" ")
		}
		if r.Miss = s.Kind == journey.KindMiss; r.Miss {
			r.Text, r.Beside = say.missed(s), s.Beside
			if s.Beside > 0 {
				more = "and " + strconv.Itoa(s.Beside) + " more did not match"
			}
		} else {
			r.Word = s.Verdict.String()
		}
		if last == nil || head || i == ct || !sameChain(last, s) {
			if r.Where = s.Chain; s.Depth == 0 {
				r.Where, r.Badge = Place(s.Backend, s.Family, s.Table, s.Chain), Badge(s.Backend, s.Family)
			}
		}
		r.Packet = say.beside(say.changed(j, i), element, more, s.Note)
		rows = append(rows, r)
		last = s
	}
	if r, ok := kernel(j); ok {
		rows = append(rows, r)
	}
	return rows
}

// kernel is the rung of a drop by the kernel itself, at its station; ok is false where a
// rule had the last word.
func kernel(j *journey.Journey) (r Row, ok bool) {
	by := &j.Outcome.By
	if by.Station == "" {
		return r, false
	}
	return Row{Step: -1, Where: by.Station, Text: by.Reason, Verdict: model.VerdictDrop, Word: model.VerdictDrop.String(), Packet: by.Location}, true
}

// Place names a chain as its users do: filter/INPUT, or inet fw/input.
func Place(b model.Backend, f model.Family, table, chain string) string {
	if b == model.BackendNFTables {
		return f.String() + " " + table + "/" + chain
	}
	return table + "/" + chain
}

// Badge is the backend's letter, with a 6 where the table is IPv6's.
func Badge(b model.Backend, f model.Family) string {
	if f == model.FamilyIPv6 {
		return b.Mark() + "6"
	}
	return b.Mark()
}

func sameChain(a, b *journey.Step) bool {
	return a.Chain == b.Chain && a.Depth == b.Depth && a.Table == b.Table && a.Family == b.Family &&
		a.Backend == b.Backend && a.Base == b.Base
}

// conntrackAt tells before which step conntrack saw the packet, -1 where the steps
// do not say: a native chain may stand on either side of it.
func conntrackAt(j *journey.Journey) int {
	if j.CTState == "" {
		return -1
	}
	for i := range j.Steps {
		s := &j.Steps[i]
		if s.Hook != model.HookPrerouting && s.Hook != model.HookOutput {
			continue
		}
		if s.Backend == model.BackendNFTables || s.Table == "raw" {
			continue
		}
		if i == 0 || j.Steps[i-1].Hook != s.Hook || j.Steps[i-1].Table == "raw" && j.Steps[i-1].Backend != model.BackendNFTables {
			return i
		}
		return -1
	}
	return -1
}

func routed(j *journey.Journey, h model.Hook) string {
	switch {
	case h == model.HookInput:
		return "to this host"
	case j.Out != "":
		return j.Out
	}
	return "to another host"
}

// Changes puts a delta in words, an address and its port together.
func Changes(d journey.Delta) string {
	var out []string
	for i := 0; i < len(d); i++ {
		f, v := d[i].Field, d[i].Value
		if port := map[string]string{"src": "sport", "dst": "dport"}[f]; port != "" && i+1 < len(d) && d[i+1].Field == port {
			if strings.Contains(v, ":") {
				v = "[" + v + "]"
			}
			v += ":" + d[i+1].Value
			i++
		}
		out = append(out, f+" "+v)
	}
	return strings.Join(out, ", ")
}

// found says how a journey's flow is known.
var found = map[string]string{journey.FlowByID: " (told by the kernel)", journey.FlowByTuple: " (found by its tuple)"}

// Headline names a journey: its number, the packet, where it came in.
func Headline(j *journey.Journey) string { return Say(nil).Headline(j) }

// Headline is Headline in that language.
func (say Say) Headline(j *journey.Journey) string {
	s := "#" + strconv.Itoa(j.Number) + " " + j.Packet.String()
	if j.In != "" {
		s += "  in " + j.In
	}
	if j.Out != "" {
		s += "  out " + j.Out
	}
	if a := j.About(); a != "" {
		s += "  " + say.Of(a)
	}
	return s
}

// Remarks are the sentences below a journey: what translation did, and why it is
// not whole.
func Remarks(j *journey.Journey) []string {
	var out []string
	if n := j.NAT; n != nil {
		s := strings.Join(n.Class, "+")
		if s == "" {
			s = "nat"
		}
		for _, e := range []struct {
			name string
			v    []string
		}{{"source", n.Src}, {"destination", n.Dst}} {
			if len(e.v) == 2 {
				s += ": " + e.name + " " + e.v[0] + " became " + e.v[1]
			}
		}
		out = append(out, s)
	}
	if j.Flow != 0 || j.CTState != "" {
		s := "conntrack"
		if j.CTState != "" {
			s += ": state " + j.CTState
		}
		if j.Flow != 0 {
			s += ", flow " + strconv.FormatUint(uint64(j.Flow), 10) + found[j.FlowBy]
		}
		if j.Direction == journey.Reply {
			s += ", a reply"
		}
		if j.Answers > 0 {
			s += ", answers #" + strconv.Itoa(j.Answers)
		}
		out = append(out, strings.Replace(s, "conntrack,", "conntrack:", 1))
	}
	if !j.Complete && j.Closed {
		s := "incomplete"
		if j.Why != "" {
			s += ": " + j.Why
		}
		out = append(out, s)
	}
	if j.Gaps > 0 {
		out = append(out, "gaps while it was traced: "+strconv.FormatUint(j.Gaps, 10))
	}
	for _, a := range j.Assumptions {
		out = append(out, "assumed: "+a)
	}
	if len(j.Possible) > 0 {
		out = append(out, "possible: "+strings.Join(j.Possible, " or "))
	}
	return out
}
