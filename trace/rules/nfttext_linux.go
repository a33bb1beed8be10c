package rules

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"nfscope/model"
)

// tableKey names a table of nf_tables.
type tableKey struct {
	family model.Family
	name   string
}

func (k tableKey) String() string { return k.family.String() + " " + k.name }

// kernelTable is a table of nf_tables as netlink dumps it.
type kernelTable struct {
	tableKey
	handle uint64
	chains []kernelChain
	// names are the places of the chains: a linear search would be quadratic.
	names map[string]int
	// refused says why the rules cannot be dumped; nil where they can.
	refused error
}

type kernelChain struct {
	nftChain
	rules []nftRule
	read  bool // rules were dumped
}

func (k *kernelTable) chain(name string) *kernelChain {
	if i, ok := k.names[name]; ok {
		return &k.chains[i]
	}
	return nil
}

// kernelTables lists the user's tables with their chains.
func (r *Reader) kernelTables(ctx context.Context) ([]*kernelTable, error) {
	tables, err := r.nft[0].tables(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the tables of nf_tables: %w", err)
	}
	var list []*kernelTable
	at := map[tableKey]*kernelTable{}
	for _, t := range tables {
		if strings.HasPrefix(t.name, OwnPrefix) {
			continue
		}
		n := r.chainsBefore(t.family, t.name)
		k := &kernelTable{tableKey: tableKey{t.family, t.name}, handle: t.handle, names: make(map[string]int, n), chains: make([]kernelChain, 0, n)}
		at[k.tableKey] = k
		list = append(list, k)
	}
	if len(list) == 0 {
		return nil, nil
	}
	err = r.nft[0].chains(ctx, func(c nftChain) {
		if k := at[tableKey{c.family, c.table}]; k != nil {
			c.table = k.name // one string for all of them
			k.names[c.name] = len(k.chains)
			k.chains = append(k.chains, kernelChain{nftChain: c})
		}
	})
	if err != nil {
		return nil, fmt.Errorf("list the chains of nf_tables: %w", err)
	}
	return list, nil
}

// chainsBefore is about how many chains a table has, by what it had when it was last read:
// lists of 36,000 that grow while they are filled take five times their memory.
func (r *Reader) chainsBefore(f model.Family, name string) int {
	for _, t := range r.cache["nf_tables"].tables {
		if t.Family == f && t.Name == name {
			return len(t.Chains) + len(t.Chains)/64
		}
	}
	return 0
}

func (r *Reader) dumpRules(ctx context.Context, k *kernelTable) error {
	return r.spread(ctx, len(k.chains), func(s *nftSocket, i int) (err error) {
		c := &k.chains[i]
		if c.read {
			return nil
		}
		if c.rules, err = s.rules(ctx, k.family, k.name, c.name); err != nil {
			return fmt.Errorf("dump chain %s of table %s: %w", c.name, k, err)
		}
		c.read = true
		return nil
	})
}

// nftText reads the text of tables: those of iptables-nft with iptables-nft-save, the
// others with nft. dumped is called whenever more is known of how many rules there are.
func (r *Reader) nftText(ctx context.Context, tables []*kernelTable, dumped func(), p *part) error {
	var native []*kernelTable
	taken := map[tableKey]bool{}
	for _, f := range legacyFamilies() {
		var named []*kernelTable
		for _, k := range tables {
			if k.family == f && iptablesName(f, k.name) {
				named = append(named, k)
			}
		}
		if len(named) == 0 {
			continue
		}
		mine, err := r.iptablesNFT(ctx, f, named, dumped, p)
		if err != nil {
			return err
		}
		for _, k := range mine {
			taken[k] = true
		}
	}
	for _, k := range tables {
		if !taken[k.tableKey] {
			native = append(native, k)
		}
	}
	return r.native(ctx, native, dumped, p)
}

// iptablesNFT reads the tables under iptables' names. It gives those that really are
// iptables-nft's.
func (r *Reader) iptablesNFT(ctx context.Context, f model.Family, named []*kernelTable, dumped func(), p *part) ([]tableKey, error) {
	what := "iptables-nft-save prints the IPv4 rules"
	if f == model.FamilyIPv6 {
		what = "ip6tables-nft-save prints the IPv6 rules"
	}
	r.progress.begin(what, nil)
	var path string
	var out *printout
	var err error
	printed := make(chan struct{})
	go func() { // the program takes longer than the dumps, which can run beside it
		defer close(printed)
		if path, err = r.programs.save(ctx, model.BackendIptablesNFT, f); err == nil {
			out, err = r.programs.run(ctx, path, "-c")
		}
	}()
	names := make([]string, len(named))
	var failed error
	for i, k := range named {
		names[i] = k.name
		if failed == nil {
			if failed = r.dumpRules(ctx, k); failed != nil && !gone(failed) && allowed(ctx, failed) {
				k.refused, r.refused, failed = failed, failed, nil
			}
		}
	}
	dumped()
	<-printed
	if err == nil {
		defer out.close()
	}
	r.progress.end("putting the rules in order")
	if failed != nil {
		return nil, failed
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		if slices.ContainsFunc(named, (*kernelTable).xt) {
			p.fail("the %s tables %s of iptables-nft are shown as nft prints them, which leaves out arguments of matches: %v", f, strings.Join(names, ", "), err)
		}
		return nil, nil
	}
	s, err := readSave(out, model.BackendIptablesNFT, f, r.cache[p.name].tables)
	if err != nil {
		return nil, err
	}
	refused, parsed := s.refused, s.tables
	var mine []tableKey
	for _, k := range named {
		i := slices.IndexFunc(parsed, func(t *model.Table) bool { return t.Name == k.name })
		switch {
		case refused[k.name] && k.xt():
			p.warn("table %s holds rules of iptables-nft beside others that only nft can print; nft leaves out arguments of iptables' matches", k)
			continue
		case i < 0 || refused[k.name] || k.writtenByNFT():
			continue
		}
		before := len(p.warnings)
		if joinIptables(k, parsed[i], p); len(p.warnings) == before {
			p.counted = append(p.counted, parsed[i])
		}
		p.tables = append(p.tables, parsed[i])
		mine = append(mine, k.tableKey)
	}
	if len(mine) > 0 {
		p.warnings = append(p.warnings, s.problems...)
	}
	return mine, nil
}

// xt reports whether a rule uses x_tables' matches or targets.
func (k *kernelTable) xt() bool {
	for i := range k.chains {
		if slices.ContainsFunc(k.chains[i].rules, func(r nftRule) bool { return r.xt }) {
			return true
		}
	}
	return false
}

// writtenByNFT reports whether a table under iptables' name is nft's: iptables-nft
// gives every rule a counter, and only iptables-nft writes xt expressions.
func (k *kernelTable) writtenByNFT() bool {
	if k.refused != nil {
		return !k.looksLikeIptables()
	}
	if k.xt() {
		return false
	}
	for i := range k.chains {
		if slices.ContainsFunc(k.chains[i].rules, func(r nftRule) bool { return !r.counters.Valid }) {
			return true
		}
	}
	return false
}

// joinIptables gives the chains and rules that iptables-nft-save printed what only
// netlink knows: handles, and which chains exist. iptables-nft-save prints the built-in
// chains of a table even where the kernel has none.
func joinIptables(k *kernelTable, t *model.Table, p *part) {
	chains := make([]*model.Chain, 0, len(k.chains))
	printed := make(map[string]bool, len(t.Chains))
	for _, c := range t.Chains {
		printed[c.Name] = true
		kc := k.chain(c.Name)
		switch {
		case kc != nil:
			joinChain(kc, c)
			if k.refused != nil {
				break // neither handles nor counters but those of the text
			}
			if len(c.Rules) == len(kc.rules) {
				for i := range c.Rules {
					c.Rules[i].Handle = kc.rules[i].handle
				}
			} else {
				p.fail("chain %s of table %s has %d rules, but iptables-nft-save printed %d: they are shown without handles and counters", c.Name, k, len(kc.rules), len(c.Rules))
			}
		case len(c.Rules) == 0:
			continue
		default:
			p.warn("chain %s of table %s was printed, but the kernel does not have it", c.Name, k)
		}
		chains = append(chains, c)
	}
	for i := range k.chains {
		if !printed[k.chains[i].name] {
			p.fail("chain %s of table %s was not printed by iptables-nft-save: its rules are shown without text", k.chains[i].name, k)
			chains = append(chains, bareChain(&k.chains[i], "iptables-nft-save did not print it"))
		}
	}
	t.Chains = chains
}

func joinChain(kc *kernelChain, c *model.Chain) {
	c.Handle, c.Counters = kc.handle, kc.counters
	c.Hook, c.Priority, c.Type = kc.hook, kc.priority, kc.typ
	if kc.device != "" && c.Device == "" {
		c.Device = kc.device
	}
}

func bareChain(kc *kernelChain, why string) *model.Chain {
	c := &model.Chain{Name: kc.name, Policy: kc.policy}
	joinChain(kc, c)
	for _, kr := range kc.rules {
		c.Rules = append(c.Rules, model.Rule{Handle: kr.handle, Text: unknownText, Marked: why, Counters: kr.counters})
	}
	return c
}

// native reads tables with one run of nft.
func (r *Reader) native(ctx context.Context, want []*kernelTable, dumped func(), p *part) error {
	if len(want) == 0 {
		return nil
	}
	args, err := r.listing(ctx, want)
	if err != nil {
		return err
	}
	path, err := r.programs.nft()
	var text []byte
	if err == nil {
		headers := map[string]bool{}
		for _, k := range want {
			headers["table "+k.String()] = true
		}
		r.progress.begin("nft prints the rules", headers)
		counted := r.countBeside(ctx, want, dumped)
		text, err = r.programs.text(ctx, path, args...)
		counted()
		r.progress.end("putting the rules in order")
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	why := ""
	var parsed []*model.Table
	if err != nil {
		why = err.Error()
		p.fail("the nftables tables (%s) are shown without the text of their rules: %s", joinKeys(want), why)
	} else {
		var problems []string
		parsed, problems = parseNFT("nft list", text)
		p.warnings = append(p.warnings, problems...)
	}
	maps, err := r.maps()
	if err != nil {
		return err
	}
	for _, k := range want {
		i := slices.IndexFunc(parsed, func(t *model.Table) bool { return t.Family == k.family && t.Name == k.name })
		if i >= 0 {
			joinNative(k, parsed[i], p)
			if maps != nil {
				if err := maps.verdictMaps(ctx, parsed[i], p); err != nil {
					return err
				}
			}
			p.tables = append(p.tables, parsed[i])
			continue
		}
		if why == "" {
			p.fail("table %s was not printed by nft: its rules are shown without text", k)
		}
		if err := r.dumpRules(ctx, k); err != nil {
			return err
		}
		t := &model.Table{Backend: model.BackendNFTables, Family: k.family, Name: k.name}
		if k.xt() {
			t.Backend = model.BackendIptablesNFT
		}
		for j := range k.chains {
			t.Chains = append(t.Chains, bareChain(&k.chains[j], why))
		}
		p.tables = append(p.tables, t)
	}
	return nil
}

// listing is how nft is asked for tables. It cannot list several in one run (1.0.6: the
// cache is filtered for the last one), so that for more than one it lists all of a family,
// or all there is. Nor can it leave elements where they are when it lists one table: of a
// million -t prints none there, but reads them all the same (13 s and 645 MB; list ruleset
// takes no time).
func (r *Reader) listing(ctx context.Context, want []*kernelTable) ([]string, error) {
	args := []string{"-a", "-y"}
	if !r.elements {
		args = append(args, "-t")
	}
	if len(want) == 1 {
		named := false
		if !r.elements {
			var err error
			if named, err = r.nft[0].namedSets(ctx, want[0].tableKey); err != nil {
				return nil, fmt.Errorf("list the sets of table %s: %w", want[0], err)
			}
		}
		if !named {
			return append(args, "list", "table", want[0].family.String(), want[0].name), nil
		}
	}
	args = append(args, "list", "ruleset")
	if f := want[0].family; !slices.ContainsFunc(want, func(k *kernelTable) bool { return k.family != f }) {
		args = append(args, f.String())
	}
	return args, nil
}

// countBeside dumps the rules while nft, which takes ten times as long, prints them, for
// somebody who wants to know how far it is. The function that it gives waits for the end.
// A dump that fails is nothing here: without numbers the total stays unknown.
func (r *Reader) countBeside(ctx context.Context, tables []*kernelTable, dumped func()) (wait func()) {
	if !r.progress.listening() {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, k := range tables {
			if r.dumpRules(ctx, k) != nil {
				return
			}
		}
		dumped()
	}()
	return func() { <-done }
}

func joinNative(k *kernelTable, t *model.Table, p *part) {
	printed := make(map[string]*model.Chain, len(t.Chains))
	for _, c := range t.Chains {
		printed[c.Name] = c
	}
	for i := range k.chains {
		kc := &k.chains[i]
		if c := printed[kc.name]; c != nil {
			joinChain(kc, c)
			continue
		}
		p.warn("chain %s of table %s was not printed by nft", kc.name, k)
	}
}

func joinKeys(tables []*kernelTable) string {
	words := make([]string, len(tables))
	for i, k := range tables {
		words[i] = k.String()
	}
	return strings.Join(words, ", ")
}
