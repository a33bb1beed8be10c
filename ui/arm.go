package ui

import (
	"errors"
	"maps"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"nfscope/model"
	"nfscope/model/filter"
)

// The answers to requests. id tells whether anybody still waits for it.
type (
	armedMsg struct {
		id     uint64
		filter string // and whether both directions of it, in words
		err    error
	}
	disarmedMsg struct {
		id  uint64
		err error
	}
)

// armable tells what is wrong with a filter for arming. What the kernel cannot match is
// held against the packets that were traced.
func armable(s string) error { return parse(s, filter.Journeys) }

// split says which part of a filter, or of both directions of it, the kernel matches and
// which is asked afterwards.
func split(s string, both bool) string {
	f, err := filter.Parse(s)
	if err != nil {
		return ""
	}
	in, after := f.Parts(both)
	switch {
	case after == "":
		return "the kernel matches all of it"
	case in == "":
		return "the kernel traces every packet; asked afterwards: " + after
	}
	return "the kernel matches " + ways(in, both) + "; asked afterwards: " + after
}

// note says how a filter is read where tcpdump reads something else, "" where not.
func note(s string) string {
	f, err := filter.Parse(s)
	if err != nil {
		return ""
	}
	return f.Note()
}

// words lists what may stand at a place in a filter: its own words, and the names of
// tables and chains that are here.
func (m *Model) words(text string, at int) []string {
	r := []rune(text)
	before := strings.FieldsFunc(string(r[:min(at, len(r))]), func(c rune) bool { return strings.ContainsRune(" \t()!&|", c) })
	typed := ""
	if at > 0 && at <= len(r) && len(before) > 0 && !strings.ContainsRune(" \t()!&|", r[at-1]) {
		typed, before = before[len(before)-1], before[:len(before)-1]
	}
	if n := len(before); n > 0 && m.snap.Rules != nil && (before[n-1] == "chain" || before[n-1] == "table") {
		return named(m.snap.Rules, before[n-1] == "chain", typed)
	}
	return filter.Completions(text, at)
}

// mostNames bounds what is offered: a host may have 36,000 chains.
const mostNames = 50

// named lists the chains or tables whose names begin with a text, sorted.
func named(rs *model.Ruleset, chains bool, begin string) []string {
	seen := map[string]bool{}
	take := func(name string) {
		if len(seen) < mostNames && strings.HasPrefix(name, begin) && !strings.ContainsAny(name, " \t()!&|\"") {
			seen[name] = true
		}
	}
	for _, t := range rs.Tables {
		if !chains {
			take(t.Name)
			continue
		}
		for _, c := range t.Chains {
			take(c.Name)
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// ask runs a request outside of Update, one after the other and in their order.
func (m *Model) ask(what string, run func() tea.Msg) tea.Cmd {
	m.request++
	m.busy = what
	queue := m.queue
	return func() tea.Msg {
		queue <- struct{}{}
		defer func() { <-queue }()
		return run()
	}
}

// ways is a filter, and whether both directions of it are meant.
func ways(filter string, both bool) string {
	if both {
		return filter + ", both directions"
	}
	return filter
}

// arm asks for a trace.
func (m *Model) arm(text string, both bool) tea.Cmd {
	if !m.traces() {
		return m.complain("nothing can be traced here: this is " + m.what() + "; run `nfscope` on the host")
	}
	if text == "" {
		return m.complain("a trace needs a filter")
	}
	if err := armable(text); err != nil {
		return m.complain("this can't be traced: " + err.Error())
	}
	actions, id := m.opt.Actions, m.request+1
	what := ways(text, both)
	return m.ask("arming "+what, func() tea.Msg { return armedMsg{id, what, actions.Arm(text, both)} })
}

// disarm asks for the end of the trace.
func (m *Model) disarm() tea.Cmd {
	if m.opt.Actions == nil || !m.latest.Trace.Armed && m.busy == "" {
		return m.say("no trace is armed")
	}
	actions, id := m.opt.Actions, m.request+1
	return m.ask("disarming", func() tea.Msg { return disarmedMsg{id, actions.Disarm()} })
}

// answered takes the answer to a request; a stale one is thrown away.
func (m *Model) answered(msg tea.Msg) tea.Cmd {
	switch a := msg.(type) {
	case armedMsg:
		if a.id != m.request {
			return nil
		}
		m.busy = ""
		if a.err != nil {
			return m.complain("the trace could not be armed: " + sentence(a.err))
		}
		return m.say("tracing " + a.filter + ": " + m.opt.Bounds)
	case disarmedMsg:
		if a.id != m.request {
			return nil
		}
		m.busy = ""
		if a.err != nil {
			return m.complain("the trace could not be ended: " + sentence(a.err))
		}
		return m.say("the trace has ended")
	}
	return nil
}

// sentence is an error's text, of joined errors the first's.
func sentence(err error) string {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) && len(joined.Unwrap()) > 0 {
		return joined.Unwrap()[0].Error()
	}
	return err.Error()
}
