package main

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"nfscope/docs/labs"
	"nfscope/model"
	"nfscope/model/ruleset"
	"nfscope/trace/lab"
)

// stated is what a lab's file states of a step, a fact a line, as `lab test` proves it on the
// kernel.
func stated(s *lab.Step) []string {
	list := []string{"sender: " + string(s.Result), "answer: " + s.Answer, fmt.Sprintf("count: %d", s.Count)}
	for _, sh := range s.Shares {
		list = append(list, fmt.Sprintf("share: %s%.2f", sh.Answer, sh.Of))
	}
	e := s.Expect
	if e == nil {
		return list
	}
	list = append(list, "outcome: "+e.Outcome, "path: "+e.Path, "state: "+e.State, "hits: "+strings.Join(e.Hits, ", "), fmt.Sprintf("unseen: %v", e.Unseen))
	if b := e.By; b != nil {
		list = append(list, strings.TrimSpace(fmt.Sprintf("by: %s %s %s/%s %d", b.Kind, b.Backend, b.Table, b.Chain, b.Rule)))
	}
	for _, n := range e.Never {
		list = append(list, "never: "+n)
	}
	for _, m := range e.Misses {
		list = append(list, "misses: "+m.At+", "+m.Because)
	}
	if f := e.Flow; f != nil {
		list = append(list, fmt.Sprintf("no entry: %v", f.None), "class: "+strings.Join(f.Class, ", "), "reply: "+f.Reply.Src+" > "+f.Reply.Dst, "port: "+f.Port)
	}
	if d := e.Drop; d != nil {
		list = append(list, "drop: "+d.Reason)
	}
	return list
}

// TestQuestions: each answer of docs/questions.md names a lab and its steps, and what it says
// is what these steps state. With the answer its row here is to be looked at.
func TestQuestions(t *testing.T) {
	t.Parallel()
	legacy := func(at string) string { return "by: rule iptables-legacy " + at }
	policy := func(chain string) string { return "by: policy iptables-legacy " + chain + " 0" }
	const silent = "sender: timed out"
	rows := map[string]struct {
		says, lab string
		steps     map[int][]string
	}{
		"How many tables and chains are there really, and in what order?": {"one packet to a host, one through it and one from it", "hooks", map[int][]string{1: {"path: input"}, 2: {"path: forward"}, 3: {"path: output"}}},
		"I opened port 80 with `-A`. Why is it still closed?":             {"A rule behind a DROP", "close-the-door", map[int][]string{2: {silent, legacy("filter/INPUT 2")}}},
		"Which of several rules counts?":                                  {"The first one that matches and decides", "first-match", map[int][]string{2: {silent, legacy("filter/INPUT 1"), "never: filter/INPUT 3"}}},
		"Does a packet that was logged go on?":                            {"Yes", "log-continues", map[int][]string{1: {"sender: answered", "hits: filter/INPUT 1, filter/INPUT 2"}}},
		"What do RETURN, goto and the end of a chain do?": {"behind a goto they lead to the policy", "user-chains", map[int][]string{
			2: {"hits: filter/INPUT 1, filter/WEB 2", policy("filter/INPUT")}, 3: {"hits: filter/INPUT 1, filter/INPUT 3"}, 4: {"hits: filter/INPUT 2", "never: filter/INPUT 3", policy("filter/INPUT")}}},
		"Why did this rule not match?": {"which of its conditions failed", "modules", map[int][]string{3: {"misses: filter/INPUT 3, 31 is not 20:30"}}},
		"How does a reply find its way back to the private address?": {"no rule of nat is asked", "snat", map[int][]string{
			1: {"reply: 198.51.100.7:53 > 192.0.2.10:4000"}, 3: {"sender: answered", "never: nat"}}},
		"Two hosts behind one address use the same source port. How are their replies told apart?": {"another port", "snat", map[int][]string{2: {"sender: answered", "port: rewritten"}}},
		"What happens when all ports of the public address are taken?": {"`insert_failed` rises", "port-exhaustion", map[int][]string{
			2: {silent, "drop: NETFILTER_DROP"}, 3: {"sender: answered", "outcome: accepted"}}},
		"Why must a filter rule name the private address and not the public one?": {"FORWARD comes behind DNAT", "dnat", map[int][]string{
			2: {silent, "hits: nat/PREROUTING 2", policy("filter/FORWARD"), "misses: filter/FORWARD 3, 10.0.0.2 is not 203.0.113.1"}}},
		"Why SNAT and DNAT both?":                       {"(hairpin)", "gateway", map[int][]string{4: {"answer: app on server: you are 10.2.0.1:", "class: dnat, masquerade, hairpin"}}},
		"Can packets of the host itself be redirected?": {"In OUTPUT", "dnat", map[int][]string{3: {"sender: answered", "path: output", "class: dnat", "hits: nat/OUTPUT 1, filter/OUTPUT 1, mangle/POSTROUTING 1"}}},
		"How does a sidecar proxy know where the client wanted to go?": {"SO_ORIGINAL_DST", "redirect-proxy", map[int][]string{
			2: {"answer: proxy on pod: you wanted 10.244.0.9:5556", "reply: 10.244.0.9:5555 > 10.244.0.2"}, 3: {"answer: proxy on pod: you wanted 10.244.0.9:5557", "reply: 10.244.0.9:5555 > 10.244.0.2"}}},
		"Can tracking be switched off, and what stops working then?": {"No entry, no NAT, never ESTABLISHED", "notrack", map[int][]string{
			2: {"no entry: true", "never: nat"}, 3: {"no entry: true", "never: nat", "state: UNTRACKED", "count: 2"}}},
		"How can iptables rules act on a bridge, where nothing is routed?": {"br_netfilter", "security-groups", map[int][]string{3: {silent, legacy("filter/vm-mysql 2")}}},
		"Who turns security groups into rules?": {"told that a VM joins a group", "security-groups", map[int][]string{
			7: {"answer: agent on hypervisor: other joined A: 10.0.0.30 is in the set group-A, vm-other asks group-A"}, 8: {"sender: connected", "outcome: accepted"}}},
		"Why do the rules of a Kubernetes service say 1/3, 1/2 and nothing?": {"counts the shares", "load-balance", map[int][]string{
			3: {"count: 300", "share: app on one: 0.33", "share: app on two: 0.33", "share: app on three: 0.33"}}},
		"Can a program decide about packets, and what if it dies?": {"`--queue-bypass`", "nfqueue", map[int][]string{4: {silent, legacy("filter/INPUT 2")}, 5: {"sender: answered", "hits: filter/INPUT 3", "never: filter/INPUT 4"}}},
		"How does one find, among hundreds of rules, the one that dropped a connection?": {"step 8, the last: that packet passes every iptables rule and dies in an nftables chain", "gateway", map[int][]string{
			8: {silent, "by: rule nftables guard/forward 1", "hits: nat/PREROUTING 1, filter/FORWARD 3, filter/SERVICES 2"}}},
		"I went through every rule and still do not know why it is dropped.": {"rp_filter, no route, a closed port, a wrong MAC", "not-the-firewall", map[int][]string{
			2: {"drop: IP_RPFILTER"}, 3: {"drop: IP_INNOROUTES"}, 4: {silent}, 5: {"drop: NO_SOCKET"}, 6: {"drop: OTHERHOST", "unseen: true"}}},
	}
	link := regexp.MustCompile(`\[[\w-]+\]\(labs/([\w-]+)/lesson\.en\.md\), steps? (\d)(?: (to|and) (\d))?`)
	text := readPage(t, "../../docs/questions.md")
	for _, m := range regexp.MustCompile(`(?m)^\*\*(.+)\*\*\n(.+)$`).FindAllStringSubmatch(text, -1) {
		question, answer := m[1], m[2]
		row, ok := rows[question]
		at := link.FindAllStringSubmatch(answer, -1)
		if !ok || len(at) != 1 || at[0][1] != row.lab || !strings.Contains(answer, row.says) {
			t.Errorf("%s: the answer is not the one that is tested: %s", question, answer)
			continue
		}
		delete(rows, question)
		first, _ := strconv.Atoi(at[0][2])
		named := []int{first}
		if last, _ := strconv.Atoi(at[0][4]); at[0][3] == "and" {
			named = append(named, last)
		} else {
			for n := first + 1; n <= last; n++ {
				named = append(named, n)
			}
		}
		l, err := lab.Load(labs.FS, row.lab)
		if err != nil {
			t.Fatal(err)
		}
		if len(named) != len(row.steps) || strings.Contains(answer, ", the last:") && named[0] != len(l.Steps) {
			t.Errorf("%s: steps %v of %d are named", question, named, len(l.Steps))
		}
		for _, n := range named {
			if n > len(l.Steps) || row.steps[n] == nil {
				t.Errorf("%s: lab %s has no step %d that is tested", question, row.lab, n)
				continue
			}
			states := stated(&l.Steps[n-1])
			for _, want := range row.steps[n] {
				if !slices.Contains(states, want) {
					t.Errorf("%s: step %d of lab %s does not state %q but\n%s", question, n, row.lab, want, strings.Join(states, "\n"))
				}
			}
		}
	}
	for question := range rows {
		t.Errorf("docs/questions.md has no %q", question)
	}
	numbersTrue(t, text)
}

// numbersTrue holds the numbers of docs/questions.md that are not a step's against their source.
func numbersTrue(t *testing.T, text string) {
	t.Helper()
	m := ruleset.NewMatrix(&model.Ruleset{}, model.FamilyIPv4)
	tables, chains, _, _ := m.Sizes()
	if tables != 5 || chains != 17 || !strings.Contains(text, "Five tables (raw, mangle, nat, filter, security) and 17 chains at five hooks") {
		t.Errorf("iptables knows %d tables with %d chains", tables, chains)
	}
	save, err := fs.ReadFile(labs.FS, "load-balance/node.save")
	if err != nil {
		t.Fatal(err)
	}
	var odds []string
	for _, rule := range regexp.MustCompile(`(?m)^-A KUBE-SVC-APP .*$`).FindAllString(string(save), -1) {
		_, p, _ := strings.Cut(rule, "--probability ")
		odds = append(odds, fmt.Sprintf("%.4s", p))
	}
	if fmt.Sprint(odds) != "[0.33 0.50 ]" {
		t.Errorf("the service's rules say %q, not 1/3, 1/2 and nothing", odds)
	}
	l, err := lab.Load(labs.FS, "port-exhaustion")
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Kernel) != 1 || l.Kernel[0].Counter != "conntrack.insert_failed" || l.Kernel[0].Least < 1 {
		t.Errorf("lab port-exhaustion states %+v of the kernel, not that insert_failed rises", l.Kernel)
	}
}
