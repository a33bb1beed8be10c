package arm

import (
	"fmt"
	"slices"
	"strings"

	"nfscope/model/filter"
)

// plan is a filter as rules at the two hooks where packets begin: prerouting for
// what comes in, output for what is sent from here.
type plan struct {
	prerouting, output []filter.Conjunct
	// known are conditions on a packet's connection, in either direction. They stand
	// behind conntrack, and only where it is at work.
	known []filter.Conjunct
	// more is set where more is traced than the filter says.
	more  bool
	notes []string
}

// newPlan plans for a filter, or for both directions of it.
func newPlan(f *filter.Filter, both bool) (*plan, error) {
	most := maxConjuncts
	if both {
		f, most = f.Both(), 2*most
	}
	all, err := f.Conjuncts(most)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("the filter %q can match no packet: there is nothing to trace", f)
	}
	p := &plan{}
	after := f.After()
	for _, c := range all {
		// What is not known at a hook is left out there: more is traced, and what was
		// not asked for is taken out afterwards.
		pre, out, sent := filter.Conjunct{}, filter.Conjunct{}, true
		for _, k := range c.Conds {
			switch k.Field {
			case filter.FieldOut:
				out.Conds = append(out.Conds, k)
				if s := k.Iface; !slices.Contains(after, "out "+s) {
					after = append(after, "out "+s)
				}
			case filter.FieldIn:
				pre.Conds = append(pre.Conds, k)
				sent = sent && k.Not // nothing sent from here came in somewhere
			default:
				pre.Conds, out.Conds = append(pre.Conds, k), append(out.Conds, k)
			}
		}
		p.prerouting = add(p.prerouting, pre)
		if sent {
			p.output = add(p.output, out)
		}
	}
	if both && !(matchesAll(p.prerouting) && matchesAll(p.output)) {
		for _, c := range all {
			if k, ok := ofConnection(c); ok {
				p.known = add(p.known, k)
			}
		}
	}
	if p.more = len(after) > 0; p.more {
		p.notes = append(p.notes, "the kernel cannot match these where a packet begins, so more is traced and filtered afterwards: "+strings.Join(after, ", "))
	}
	for _, w := range f.Words() {
		if w.Word == "mark" {
			p.notes = append(p.notes, "mark is the mark a packet comes with: packets that only a rule marks are not traced")
			break
		}
	}
	return p, nil
}

// Chosen is what a filter, or both directions of it, asks of packets where they come in and
// where they are made here, as far as their headers tell; notes say what is left out.
func Chosen(f *filter.Filter, both bool) (prerouting, output []filter.Conjunct, notes []string, err error) {
	p, err := newPlan(f, both)
	if err != nil {
		return nil, nil, nil, err
	}
	return p.prerouting, p.output, p.notes, nil
}

// ofConnection is what a conjunct asks of a connection; ok is false where that is too
// little to tell it from others. What the interfaces are is held against afterwards.
func ofConnection(c filter.Conjunct) (k filter.Conjunct, ok bool) {
	ends, l4, ifaces := false, false, false
	for _, d := range c.Conds {
		switch d.Field {
		case filter.FieldIn, filter.FieldOut:
			ifaces = true
			continue
		case filter.FieldSrc, filter.FieldDst, filter.FieldSPort, filter.FieldDPort:
			ends = true
		case filter.FieldProto, filter.FieldPorts:
			l4 = true
		}
		k.Conds = append(k.Conds, d)
	}
	return k, ends || l4 && !ifaces
}

// matchesAll reports whether the conjuncts match every packet.
func matchesAll(list []filter.Conjunct) bool {
	return slices.ContainsFunc(list, func(c filter.Conjunct) bool { return len(c.Conds) == 0 })
}

// add appends a conjunct that is not there yet; one that matches all replaces the rest.
func add(list []filter.Conjunct, c filter.Conjunct) []filter.Conjunct {
	if len(c.Conds) == 0 {
		return []filter.Conjunct{c}
	}
	if slices.ContainsFunc(list, func(o filter.Conjunct) bool {
		return len(o.Conds) == 0 || slices.Equal(o.Conds, c.Conds)
	}) {
		return list
	}
	return append(list, c)
}
