package rules

import (
	"context"
	"fmt"
	"strings"
	"time"

	"nfscope/model"
)

// tries is how often a ruleset that moves while it is read is read again.
const tries = 3

// Snapshot reads every table of the namespace. What could not be read, or not as
// text, stands in Warnings as a sentence and is marked at its rule; an error means
// that nothing could be read at all.
func (r *Reader) Snapshot(ctx context.Context) (*model.Ruleset, error) {
	if r.progress.start() {
		r.progress.sketched(func(bool) []*sketch { return r.peek(ctx) })
	}
	rs, err := r.snapshot(ctx)
	r.progress.stop(err == nil)
	return rs, err
}

func (r *Reader) snapshot(ctx context.Context) (*model.Ruleset, error) {
	r.refused = nil // the direct way is tried anew
	var same unmoved
	for try := 1; ; try++ {
		before, err := r.observe(ctx)
		if err != nil {
			return nil, err
		}
		r.rest() // the text needs the memory more
		parts, err := r.parts(ctx, before)
		moved := gone(err)
		if err != nil && !moved {
			return nil, r.explain(err)
		}
		after, err := r.observe(ctx)
		if err != nil {
			return nil, err
		}
		if before.key != after.key {
			nft := parts[len(parts)-1]
			moved = moved || before.legacyKey != after.legacyKey || nft.recalled || !same.hold(ctx, r, nft)
		}
		if moved && try < tries {
			continue
		}
		rs := &model.Ruleset{Netns: r.ns.Name(), Generation: before.key, Transaction: before.gen, Taken: time.Now(), Terse: !r.elements}
		known := map[*model.Table]bool{}
		r.unread, r.lapses = false, time.Time{}
		for _, p := range parts {
			r.lapses = earlier(r.lapses, p.lapses)
			rs.Tables = append(rs.Tables, p.tables...)
			for _, t := range p.counted {
				known[t] = true
			}
			for _, t := range p.tables {
				if r.refused != nil && t.Backend != model.BackendLegacy {
					known[t] = true
				}
			}
			rs.Warnings = append(rs.Warnings, p.warnings...)
			r.unread = r.unread || p.unread
		}
		r.unread = r.unread || r.refused != nil
		rs.Number()
		for _, l := range r.legacy {
			if by := after.legacy[l.family].fallback.instead(l.family); by != "" {
				rs.CountedBy = append(rs.CountedBy, by)
			}
		}
		r.insteadOfNetlink(rs)
		counts, odd, err := r.fill(ctx, after, rs, known)
		if err != nil && r.refused == nil && !gone(err) && allowed(ctx, err) {
			r.refused = err
			delete(r.cache, "nf_tables") // its text has counters of its time
			continue
		}
		if gone(err) {
			if try < tries {
				continue
			}
			moved, err = true, nil
		}
		if err != nil {
			return nil, r.explain(err)
		}
		if !moved && len(odd) > 0 {
			if r.cache = map[string]cached{}; try < tries { // the text may have been printed wrong
				continue
			}
			r.unread = true
		}
		if moved {
			rs.Warnings = append(rs.Warnings, fmt.Sprintf("the ruleset kept changing while it was read (%d tries): what is shown may mix old and new rules", tries))
		} else {
			if len(odd) == 0 {
				r.keep(parts)
			}
			rs.Warnings = append(rs.Warnings, odd...)
		}
		if counts != nil {
			apply(rs, counts)
		}
		r.rest() // whoever gets the ruleset has work to do first
		return rs, nil
	}
}

// rest gives back the memory that legacy tables were read into.
func (r *Reader) rest() {
	for _, l := range r.legacy {
		l.rest()
	}
}

// part is what one program printed.
type part struct {
	name, key string
	tables    []*model.Table
	// counted are those tables whose counters are the kernel's already.
	counted  []*model.Table
	warnings []string
	// unread is true where text is missing that another try may bring.
	unread bool
	// lapses is when the first of what was read ends by itself; zero where nothing does.
	lapses time.Time
	// recalled is true where nothing had to be read.
	recalled bool
}

// lapse says that something in the part ends at a time.
func (p *part) lapse(at time.Time) { p.lapses = earlier(p.lapses, at) }

// earlier gives the first of two times, of which those that are zero never come.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// fail is warn about text that could not be had.
func (p *part) fail(format string, args ...any) {
	p.unread = true
	p.warn(format, args...)
}

func (p *part) warn(format string, args ...any) {
	p.warnings = append(p.warnings, fmt.Sprintf(format, args...))
}

// parts reads the text of each part that moved since it was read last.
func (r *Reader) parts(ctx context.Context, st *state) ([]*part, error) {
	var list []*part
	for _, l := range r.legacy {
		list = append(list, &part{name: "legacy " + l.family.String(), key: st.legacy[l.family].key})
	}
	nft := &part{name: "nf_tables", key: st.nftKey()}
	list = append(list, nft)
	for _, p := range list {
		p.recalled = r.recall(p)
	}
	var tables []*kernelTable
	if st.nft && !nft.recalled {
		var err error
		if tables, err = r.kernelTables(ctx); err != nil {
			return list, err
		}
	}
	r.progress.sketched(func(chains bool) []*sketch { return r.sketches(st, list, tables, chains) })
	for i, l := range r.legacy {
		if p := list[i]; !p.recalled {
			if err := r.legacyText(ctx, l.family, st.legacy[l.family], p); err != nil {
				return list, err
			}
			r.progress.read(i, p)
		}
	}
	if nft.recalled || !st.nft {
		return list, nil
	}
	dumped := func() { r.progress.counted(len(list)-1, func(s *sketch) { s.count(tables) }) }
	return list, r.nftText(ctx, tables, dumped, nft)
}

// sketches is what is known of all parts before the text of any is read.
func (r *Reader) sketches(st *state, list []*part, tables []*kernelTable, chains bool) []*sketch {
	out := make([]*sketch, len(list))
	for i, p := range list {
		switch {
		case p.recalled:
			out[i] = &sketch{read: p.tables}
		case i < len(r.legacy):
			out[i] = sketchLegacy(r.legacy[i].family, st.legacy[r.legacy[i].family], chains)
		default:
			out[i] = sketchNFT(tables, chains)
		}
	}
	return out
}

// recall takes a part from the cache. Tables are copied: those handed out before
// must not change.
func (r *Reader) recall(p *part) bool {
	c, ok := r.cache[p.name]
	if !ok || c.key != p.key || !c.lapses.IsZero() && time.Now().After(c.lapses) {
		return false
	}
	p.tables, p.lapses = clone(c.tables), c.lapses // not nil, even where there is none
	return true
}

// keep remembers parts that were read without a complaint; the others are tried again.
// Nobody changes a table once the snapshot is out, so that the cache may hold the same.
func (r *Reader) keep(parts []*part) {
	for _, p := range parts {
		delete(r.cache, p.name)
		if len(p.warnings) == 0 && (r.refused == nil || p.name != "nf_tables") {
			r.cache[p.name] = cached{key: p.key, tables: p.tables, lapses: p.lapses}
		}
	}
}

func clone(tables []*model.Table) []*model.Table {
	out := make([]*model.Table, len(tables))
	for i, t := range tables {
		n := *t
		n.Chains = make([]*model.Chain, len(t.Chains))
		for j, c := range t.Chains {
			nc := *c
			nc.Rules = append([]model.Rule(nil), c.Rules...)
			n.Chains[j] = &nc
		}
		out[i] = &n
	}
	return out
}

func apply(rs *model.Ruleset, counts *model.Counts) {
	for _, t := range rs.Tables {
		for _, c := range t.Chains {
			c.Counters = counts.Chains[c.ID]
			for i := range c.Rules {
				c.Rules[i].Counters = counts.Rules[c.Rules[i].ID]
			}
		}
	}
}

// legacyText runs iptables-legacy-save for the tables of one family. Without the
// program the structure is shown all the same, each rule marked.
func (r *Reader) legacyText(ctx context.Context, f model.Family, ls legacyState, p *part) error {
	if ls.unlisted != nil {
		p.warn("the legacy %s tables cannot be listed (%v), as in a namespace made together with its user namespace; asking for one by name would create it, so they are left out", familyWord(f), ls.unlisted)
	}
	if len(ls.names) == 0 {
		return nil
	}
	if ls.fallback != nil {
		ls.fallback.part(f, ls.names, p)
		return nil
	}
	parsed := map[string]*model.Table{}
	why := map[string]string{} // by table
	path, err := r.programs.save(ctx, model.BackendLegacy, f)
	if err != nil {
		for _, name := range ls.names {
			why[name] = err.Error()
		}
	} else {
		r.legacySave(ctx, path, f, ls, p, parsed, why)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var reasons []string
	tables := map[string][]string{} // by reason
	for _, name := range ls.names {
		t := parsed[name]
		if t == nil {
			reason := why[name]
			if reason == "" {
				reason = "iptables-legacy-save did not print them"
			}
			if tables[reason] == nil {
				reasons = append(reasons, reason)
			}
			tables[reason] = append(tables[reason], name)
			t = bareLegacy(f, name, ls.tables[name], reason)
		}
		p.tables = append(p.tables, t)
	}
	for _, reason := range reasons {
		p.fail("the legacy %s tables (%s) are shown without the text of their rules: %s", familyWord(f), strings.Join(tables[reason], ", "), reason)
	}
	return nil
}

// legacySave runs the program, once for all tables where it can list them itself. A rule
// that it does not know, from a newer kernel, ends it: then each table is tried alone, so
// that only its own has no text. why takes the reasons.
func (r *Reader) legacySave(ctx context.Context, path string, f model.Family, ls legacyState, p *part, into map[string]*model.Table, why map[string]string) {
	run := func(args ...string) error {
		r.progress.begin(legacySaveName(f)+" prints the "+familyWord(f)+" rules", nil)
		out, err := r.programs.run(ctx, path, append([]string{"-c"}, args...)...)
		if err != nil {
			return err
		}
		defer out.close()
		r.progress.end("putting the rules in order")
		s, err := readSave(out, model.BackendLegacy, f, r.cache[p.name].tables)
		if err != nil {
			return err
		}
		p.warnings = append(p.warnings, s.problems...)
		for _, t := range s.tables {
			into[t.Name] = t
		}
		return nil
	}
	if ls.unlisted == nil {
		err := run()
		if err == nil {
			return
		}
		if len(ls.names) == 1 {
			why[ls.names[0]] = err.Error()
			return
		}
	}
	for _, name := range ls.names {
		if err := run("-t", name); err != nil {
			why[name] = err.Error()
		}
	}
}

// unknownText stands where the program that prints a rule is missing.
const unknownText = "# text unknown"

func bareLegacy(f model.Family, name string, b *legacyTable, why string) *model.Table {
	t := &model.Table{Backend: model.BackendLegacy, Family: f, Name: name}
	for i := range b.chains {
		bc := &b.chains[i]
		c := legacyChain(name, b, bc)
		for _, rc := range b.rules(bc) {
			c.Rules = append(c.Rules, model.Rule{Text: unknownText, Marked: why, Counters: rc.counters()})
		}
		t.Chains = append(t.Chains, &c)
	}
	return t
}

// legacyChain is a chain as the kernel's copy of its table tells it, without rules.
func legacyChain(table string, b *legacyTable, bc *blobChain) model.Chain {
	c := model.Chain{Name: bc.name, Hook: bc.hook, Counters: b.policy(bc)}
	if bc.hook != model.HookNone {
		_, c.Priority, _ = model.BuiltinChain(table, bc.name)
		c.Policy = bc.verdict
	}
	return c
}
