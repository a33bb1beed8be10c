package rules

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"nfscope/model"
)

// fallback is what iptables-legacy-save -c says of a family whose tables the kernel's own
// copy cannot be read of: not in its layout, of another size than it says, without memory.
type fallback struct {
	// refused says why the direct way does not go.
	refused error
	text    []byte
	// failed says why the program does not print them either; then there is no text.
	failed error
}

// allowed reports whether an error of the direct way leaves the program a chance. It asks
// the kernel with the same call and needs the same capability: what we may not, it may not.
func allowed(ctx context.Context, err error) bool {
	return ctx.Err() == nil && !errors.Is(err, fs.ErrPermission)
}

// instead reads a family with iptables-legacy-save -c where the direct way was refused. The
// key is that of the text without counters.
func (r *Reader) instead(ctx context.Context, f model.Family, ls *legacyState) error {
	p := ls.fallback
	path, err := r.programs.save(ctx, model.BackendLegacy, f)
	if err == nil {
		var args [][]string
		if ls.unlisted == nil {
			args = append(args, []string{"-c"})
		} else {
			for _, name := range ls.names {
				args = append(args, []string{"-c", "-t", name})
			}
		}
		for _, a := range args {
			var text []byte
			if text, err = r.programs.text(ctx, path, a...); err != nil {
				break
			}
			p.text = append(p.text, text...)
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		p.text, p.failed = nil, err
		ls.key = fmt.Sprintf("%s unread: %v; %v", f, p.refused, err)
		return nil
	}
	ls.key = fmt.Sprintf("%s printed %x %v", f, quietSum(p.text), ls.unlisted)
	return nil
}

// quietSum is a checksum of a text of iptables-save -c without what packets and the
// clock change: counters and comments.
func quietSum(text []byte) []byte {
	h := sha256.New()
	for line := range bytes.Lines(text) {
		switch line[0] {
		case '#':
			continue
		case ':':
			if i := bytes.LastIndexByte(line, '['); i > 0 {
				line = line[:i]
			}
		case '[':
			if i := bytes.Index(line, []byte("] ")); i > 0 {
				line = line[i+2:]
			}
		}
		_, _ = h.Write(line)
	}
	return h.Sum(nil)
}

// instead names what stands in for the kernel's own copy.
func (p *fallback) instead(f model.Family) string {
	if p == nil || p.failed != nil {
		return ""
	}
	return legacySaveName(f) + " -c"
}

func legacySaveName(f model.Family) string {
	if f == model.FamilyIPv6 {
		return "ip6tables-legacy-save"
	}
	return "iptables-legacy-save"
}

// part puts the tables into a part, with what is to be said of them.
func (p *fallback) part(f model.Family, names []string, to *part) {
	if p.failed != nil {
		for _, name := range names {
			to.tables = append(to.tables, &model.Table{Backend: model.BackendLegacy, Family: f, Name: name})
		}
		to.fail("the legacy %s tables cannot be read, neither from the kernel (%v) nor with %s (%v)", familyWord(f), p.refused, legacySaveName(f), p.failed)
		return
	}
	tables, problems := p.tables(f)
	to.tables = tables
	to.warnings = append(to.warnings, problems...)
	to.warn("the counters of the legacy %s tables come from %s -c, which is slower: %v", familyWord(f), legacySaveName(f), p.refused)
}

func (p *fallback) tables(f model.Family) ([]*model.Table, []string) {
	return parseSave(legacySaveName(f), bytes.Clone(p.text), model.BackendLegacy, f) // the text stays ours
}

// count gives the counters of tables whose text is the same, from chain and rule on.
func (p *fallback) count(f model.Family, places []textPlace, counts *model.Counts) {
	if p.failed != nil {
		return
	}
	tables, _ := p.tables(f)
	for i, t := range tables {
		if i >= len(places) || places[i].name != t.Name {
			return // the keys are equal: this cannot be
		}
		chain, rule := places[i].chain, places[i].rule
		for _, c := range t.Chains {
			counts.Chains[chain] = c.Counters
			chain++
			for k := range c.Rules {
				counts.Rules[rule] = c.Rules[k].Counters
				rule++
			}
		}
	}
}

// textPlace is a table's first Chain.ID and Rule.ID.
type textPlace struct {
	name        string
	chain, rule int
}

// insteadOfNetlink says of a ruleset what its counters in nf_tables come from, where the
// rules could not be dumped.
func (r *Reader) insteadOfNetlink(rs *model.Ruleset) {
	if r.refused == nil {
		return
	}
	by := map[model.Backend]string{model.BackendIptablesNFT: "iptables-nft-save -c", model.BackendNFTables: "nft list"}
	for _, t := range rs.Tables {
		if p := by[t.Backend]; p != "" && !slices.Contains(rs.CountedBy, p) {
			rs.CountedBy = append(rs.CountedBy, p)
		}
	}
	rs.Warnings = append(rs.Warnings, fmt.Sprintf("the counters of nf_tables come from the text of the programs, which is slower: %v", r.refused))
}

// countText takes the counters of nf_tables from the text of the programs, printed anew.
func (r *Reader) countText(ctx context.Context, j *join, counts *model.Counts) error {
	tables, err := r.kernelTables(ctx)
	if err != nil {
		return err
	}
	p := &part{}
	if err := r.nftText(ctx, tables, func() {}, p); err != nil {
		return err
	}
	type key struct {
		tableKey
		chain string
	}
	now := map[key]*model.Chain{}
	for _, t := range p.tables {
		for _, c := range t.Chains {
			now[key{tableKey{t.Family, t.Name}, c.Name}] = c
		}
	}
	for _, list := range [][]nftPlace{j.base, j.dumps} {
		for _, p := range list {
			c := now[key{tableKey{p.table.Family, p.table.Name}, p.chain.Name}]
			if c == nil || len(c.Rules) != len(p.chain.Rules) {
				continue // no counter rather than another's
			}
			counts.Chains[p.chain.ID] = c.Counters
			for i := range c.Rules {
				counts.Rules[p.rule+i] = c.Rules[i].Counters
			}
		}
	}
	return nil
}
