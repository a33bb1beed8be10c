package arm

import (
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"

	"nfscope/model"
	"nfscope/model/filter"
)

const (
	// knownPriority is right behind conntrack (NF_IP_PRI_CONNTRACK): a packet has its
	// connection there, and its own addresses still.
	knownPriority = -199
	// The chains' names tell model/journey where they stand.
	knownTrace      = "trace_199_199"
	knownPrerouting = "prerouting_199"
	knownOutput     = "output_199"
)

// states adds an empty chain behind conntrack to the hooks that it is at work in. Of a packet
// that is traced nf_tables tells there what conntrack made of it (linux 6.16). Where the
// tables that know packets by their connection stand (addKnown), they do so. Each chain costs
// all packets some 45 ns, so it is made only where somebody asks.
func (w *rules) states(p *plan) {
	for _, b := range []struct {
		name  string
		hook  *nftables.ChainHook
		early []filter.Conjunct
	}{{knownPrerouting, nftables.ChainHookPrerouting, p.prerouting}, {knownOutput, nftables.ChainHookOutput, p.output}} {
		if len(b.early) > 0 && (len(p.known) == 0 || matchesAll(b.early)) {
			w.conn.AddChain(&nftables.Chain{Name: b.name, Table: w.table, Type: nftables.ChainTypeFilter,
				Hooknum: b.hook, Priority: nftables.ChainPriorityRef(knownPriority)})
		}
	}
}

// addKnown adds the tables that know packets by their connection, and gives notes. A
// rule that looks at connections switches conntrack on for its table's family, so each
// family has a table of its own, and only where conntrack is at work.
func (w *owner) addKnown(socket *netlink.Conn, p *plan, o Options) (notes []string) {
	if !o.Tracked4 && !o.Tracked6 {
		return []string{"no rule is known that has conntrack at work here, so what comes back is known by its addresses and ports alone"}
	}
	for _, f := range []struct {
		on     bool
		name   string
		family nftables.TableFamily
		model  model.Family
	}{{o.Tracked4, "IPv4", nftables.TableFamilyIPv4, model.FamilyIPv4}, {o.Tracked6, "IPv6", nftables.TableFamilyIPv6, model.FamilyIPv6}} {
		if !f.on {
			continue
		}
		err := newTable(socket, f.family, w.table.Name)
		if err == nil {
			k := &rules{conn: w.conn, table: &nftables.Table{Name: w.table.Name, Family: f.family, Flags: flagOwner}}
			w.known = append(w.known, k.table)
			if err = k.fillKnown(socket, p, f.model, o); err != nil {
				w.known = w.known[:len(w.known)-1]
				w.conn.DelTable(k.table)
				_ = w.conn.Flush() // the kernel takes it out with our socket
			}
		}
		if err != nil {
			notes = append(notes, fmt.Sprintf("what comes back translated, and ICMP errors of routers, are not traced for %s: %v", f.name, err))
		}
	}
	if len(w.known) > 0 {
		notes = append(notes, "what is known by its connection alone has a limit of its own, as high")
	}
	return notes
}

// fillKnown puts chains and rules into a table of one family, those that trace last.
func (w *rules) fillKnown(socket *netlink.Conn, p *plan, family model.Family, o Options) error {
	var last []netlink.Message
	trace := w.conn.AddChain(&nftables.Chain{Name: knownTrace, Table: w.table})
	for _, b := range []struct {
		name, check string
		hook        *nftables.ChainHook
		early       []filter.Conjunct
	}{{knownPrerouting, "check_" + knownPrerouting, nftables.ChainHookPrerouting, p.prerouting},
		{knownOutput, "check_" + knownOutput, nftables.ChainHookOutput, p.output}} {
		if matchesAll(b.early) {
			continue
		}
		w.conn.AddChain(&nftables.Chain{Name: b.name, Table: w.table, Type: nftables.ChainTypeFilter,
			Hooknum: b.hook, Priority: nftables.ChainPriorityRef(knownPriority)})
		// What was met by its headers is traced, or was held back. It is asked last: most
		// packets are of other connections, and never come here.
		check := w.conn.AddChain(&nftables.Chain{Name: b.check, Table: w.table})
		for _, c := range b.early {
			if c, ok := of(c, family); ok {
				exprs, err := w.conds(c)
				if err != nil {
					return err
				}
				w.conn.AddRule(&nftables.Rule{Table: w.table, Chain: check, Exprs: append(exprs, &expr.Verdict{Kind: expr.VerdictAccept})})
			}
		}
		w.conn.AddRule(&nftables.Rule{Table: w.table, Chain: check, Exprs: []expr.Any{&expr.Verdict{Kind: expr.VerdictGoto, Chain: knownTrace}}})
		for _, c := range p.known {
			c, ok := of(c, family)
			if !ok {
				continue
			}
			for _, d := range []ctDirection{original, reply} {
				exprs, err := w.ctConds(c, d)
				if err != nil {
					return err
				}
				m, err := w.ruleMessage(b.name, append(exprs, &expr.Verdict{Kind: expr.VerdictGoto, Chain: b.check}))
				if err != nil {
					return err
				}
				last = append(last, m)
			}
		}
	}
	w.switchOn(trace, o)
	if err := w.conn.Flush(); err != nil {
		return err
	}
	for part := range slices.Chunk(last, batchSize) {
		if err := sendBatch(socket, part); err != nil {
			return err
		}
	}
	return nil
}

// of is a conjunct within a family; ok is false where it is of another.
func of(c filter.Conjunct, family model.Family) (k filter.Conjunct, ok bool) {
	for _, d := range c.Conds {
		if d.Field != filter.FieldFamily {
			k.Conds = append(k.Conds, d)
		} else if d.Family != family {
			return k, false
		}
	}
	return k, true
}
