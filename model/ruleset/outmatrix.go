package ruleset

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"nfscope/model"
)

// MatrixSchema names the JSON form of a Matrix.
const MatrixSchema = "nfscope/tables/1"

// WriteMatrix prints a Matrix for people. A cell is the priority, with the mark of each
// backend that has registered the chain there and the number of its rules; in parentheses
// where none has.
func WriteMatrix(w io.Writer, m *Matrix) error {
	b := bufio.NewWriter(w)
	knownTables, knownChains, tables, chains := m.Sizes()
	fmt.Fprintf(b, "%s: iptables knows %d tables with %d chains; here %s with %s registered, and %s.\n\n", familyWord(m.Family), knownTables, knownChains,
		number(tables, "table"), number(chains, "base chain"), number(m.Own, "chain")+" of your own")
	rows := [][]string{{"table"}}
	for _, h := range model.Hooks() {
		rows[0] = append(rows[0], chainOf(h))
	}
	for _, r := range m.Rows {
		row := []string{r.Table}
		for _, c := range r.Cells {
			row = append(row, cell(c))
		}
		rows = append(rows, row)
	}
	columns(b, rows)
	fmt.Fprint(b, "\nL is iptables-legacy, I iptables-nft, N nftables, and the number of rules; what stands in ( ) is not\n"+
		"registered. Conntrack, where it is at work, looks at a packet at -200 in PREROUTING and OUTPUT.\n"+
		"\nIn the order of their calls:\n")
	rows = nil
	for i, h := range model.Hooks() {
		for k, base := range m.Order[i] {
			name, sure := "", ""
			if k == 0 {
				name = h.String()
			}
			if !base.Sure {
				sure = "~ " + base.Why
			}
			policy := ""
			if base.Chain.Policy != "" {
				policy = "policy " + base.Chain.Policy
			}
			rows = append(rows, []string{name, base.Priority.String(), base.Table.Backend.Mark(), whereIs(base), number(len(base.Chain.Rules), "rule"), policy, sure})
		}
		if len(m.Order[i]) == 0 {
			rows = append(rows, []string{h.String(), "-"})
		}
	}
	columns(b, rows)
	return b.Flush()
}

func familyWord(f model.Family) string {
	if f == model.FamilyIPv6 {
		return "IPv6"
	}
	return "IPv4"
}

func number(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// whereIs names a chain as nfscope's sentences do: nft's with the family of its table.
func whereIs(b Base) string {
	name := printable(b.Table.Name + "/" + b.Chain.Name)
	if b.Table.Backend == model.BackendNFTables {
		return b.Table.Family.String() + " " + name
	}
	return name
}

func cell(c MatrixCell) string {
	switch {
	case !c.Known && len(c.Here) == 0:
		return "-"
	case len(c.Here) == 0:
		return "(" + c.Priority.String() + ")"
	}
	var list []string
	for _, b := range c.Here {
		list = append(list, fmt.Sprintf("%s %s%d", b.Priority, b.Table.Backend.Mark(), len(b.Chain.Rules)))
	}
	return strings.Join(list, ", ")
}

// columns prints rows with as much room for a column as its widest cell takes.
func columns(w io.Writer, rows [][]string) {
	var wide []int
	for _, r := range rows {
		for i, c := range r {
			if i == len(wide) {
				wide = append(wide, 0)
			}
			wide[i] = max(wide[i], len([]rune(c)))
		}
	}
	for _, r := range rows {
		var line strings.Builder
		for i, c := range r {
			line.WriteString(c + strings.Repeat(" ", wide[i]-len([]rune(c))+2))
		}
		fmt.Fprintln(w, strings.TrimRight("  "+line.String(), " "))
	}
}

type matrixJSON struct {
	Schema string       `json:"schema"`
	Netns  string       `json:"netns"`
	Family model.Family `json:"family"`
	Own    int          `json:"user_chains"`
	// Chains are what iptables knows and what is registered, by hook in the order of calls.
	Chains []matrixChain `json:"chains"`
}

type matrixChain struct {
	Hook       model.Hook     `json:"hook"`
	Priority   model.Priority `json:"priority"`
	Backend    string         `json:"backend,omitempty"`
	TableOf    string         `json:"table_family,omitempty"`
	Table      string         `json:"table"`
	Chain      string         `json:"chain"`
	Policy     string         `json:"policy,omitempty"`
	Rules      int            `json:"rules"`
	Registered bool           `json:"registered"`
	// Sure tells whether the order against the chains beside it is known; of what is not
	// registered there is none.
	Sure *bool `json:"order_sure,omitempty"`
}

// WriteMatrixJSON prints a Matrix as one object in a line.
func WriteMatrixJSON(w io.Writer, netns string, m *Matrix) error {
	j := matrixJSON{Schema: MatrixSchema, Netns: netns, Family: m.Family, Own: m.Own, Chains: []matrixChain{}}
	for i, h := range model.Hooks() {
		for _, b := range m.Order[i] {
			j.Chains = append(j.Chains, matrixChain{Hook: h, Priority: b.Priority, Backend: b.Table.Backend.String(), TableOf: b.Table.Family.String(),
				Table: b.Table.Name, Chain: b.Chain.Name, Policy: b.Chain.Policy, Rules: len(b.Chain.Rules), Registered: true, Sure: &b.Sure})
		}
		for _, r := range m.Rows {
			if c := r.Cells[i]; c.Known && len(c.Here) == 0 {
				j.Chains = append(j.Chains, matrixChain{Hook: h, Priority: c.Priority, Table: r.Table, Chain: chainOf(h)})
			}
		}
	}
	return json.NewEncoder(w).Encode(j)
}
