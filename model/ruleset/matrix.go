package ruleset

import (
	"nfscope/model"
)

// Matrix is the answer to "how many tables and chains are there?" for one family: the
// chains that iptables knows, and the base chains that are registered.
type Matrix struct {
	Family model.Family
	// Rows are iptables' tables in the order of their priorities.
	Rows []MatrixRow
	// Order has for each of model.Hooks the base chains in the order of their calls, those
	// of nftables too.
	Order [][]Base
	// Own counts the chains that are called by rules, not by a hook.
	Own int
}

// MatrixRow is a table of iptables.
type MatrixRow struct {
	Table string
	// Cells are in the order of model.Hooks.
	Cells []MatrixCell
}

// MatrixCell is a table at a hook.
type MatrixCell struct {
	// Known is false where the table has no chain at the hook.
	Known bool
	// Priority is the kernel's own; that of a chain in Here may be another.
	Priority model.Priority
	// Here are the chains that are registered, of iptables-legacy and iptables-nft.
	Here []Base
}

// tableNames are iptables' tables by priority.
func tableNames() []string { return []string{"raw", "mangle", "nat", "filter", "security"} }

// chainOf is what iptables calls its chain at a hook.
func chainOf(h model.Hook) string {
	return map[model.Hook]string{model.HookPrerouting: "PREROUTING", model.HookInput: "INPUT", model.HookForward: "FORWARD",
		model.HookOutput: "OUTPUT", model.HookPostrouting: "POSTROUTING"}[h]
}

// NewMatrix holds a ruleset against what iptables knows, for a family: IPv4 or IPv6.
func NewMatrix(rs *model.Ruleset, f model.Family) *Matrix {
	m := &Matrix{Family: f}
	for _, h := range model.Hooks() {
		m.Order = append(m.Order, Pipeline(rs, f, h))
	}
	for _, name := range tableNames() {
		row := MatrixRow{Table: name}
		for i, h := range model.Hooks() {
			var c MatrixCell
			_, c.Priority, c.Known = model.BuiltinChain(name, chainOf(h))
			for _, b := range m.Order[i] {
				if b.Table.Backend != model.BackendNFTables && b.Table.Name == name {
					c.Here = append(c.Here, b)
				}
			}
			row.Cells = append(row.Cells, c)
		}
		m.Rows = append(m.Rows, row)
	}
	for _, t := range rs.Tables {
		if !t.Family.Carries(f) {
			continue
		}
		for _, c := range t.Chains {
			if !c.Base() {
				m.Own++
			}
		}
	}
	return m
}

// Sizes counts: the tables and chains that iptables knows, and the tables and base chains
// that are registered here, those of nftables too.
func (m *Matrix) Sizes() (knownTables, knownChains, tables, chains int) {
	seen := map[*model.Table]bool{}
	for _, row := range m.Rows {
		knownTables++
		for _, c := range row.Cells {
			if c.Known {
				knownChains++
			}
		}
	}
	for _, order := range m.Order {
		for _, b := range order {
			seen[b.Table] = true
			chains++
		}
	}
	return knownTables, knownChains, len(seen), chains
}
