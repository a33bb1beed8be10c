package arm

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
)

const (
	// defragPriority is where fragments become packets, once conntrack is in use
	// (NF_IP_PRI_CONNTRACK_DEFRAG).
	defragPriority = -400
	// rawPriority is that of the raw table (NF_IP_PRI_RAW).
	rawPriority = -300

	// bridgePriority is where a bridge hands packets to the IP families at prerouting
	// (NF_BR_PRI_BRNF); of chains there the one registered last runs first.
	bridgePriority = 0

	// flagDormant is NFT_TABLE_F_DORMANT: the table's chains are in no hook.
	flagDormant = 1

	hookIngress = 5 // NF_INET_INGRESS
)

// early are the base chains of nf_tables that run before priority at the two hooks
// where packets begin, and those below: at ingress, and of a bridge before it hands
// packets to the IP families. What they drop is not seen by who arms behind them.
type early struct {
	prerouting, output, ingress []*nftables.Chain
	// err says why they are not known.
	err error
}

// tableFlags are a table's flags; google/nftables v0.3.0 reads them in the machine's
// byte order, not in the network's.
func tableFlags(t *nftables.Table) uint32 {
	return binary.BigEndian.Uint32(binary.NativeEndian.AppendUint32(nil, t.Flags))
}

// earlier looks for the chains at or before a priority.
func earlier(ns *netns.Handle, priority nftables.ChainPriority) (e early) {
	conn, err := open(ns)
	if err != nil {
		return early{err: err}
	}
	defer func() { _ = conn.CloseLasting() }()
	tables, err := conn.ListTables()
	if err != nil {
		return early{err: err}
	}
	chains, err := conn.ListChains()
	if err != nil {
		return early{err: err}
	}
	idle := func(c *nftables.Chain) bool {
		return ours.MatchString(c.Table.Name) || slices.ContainsFunc(tables, func(t *nftables.Table) bool {
			return t.Name == c.Table.Name && t.Family == c.Table.Family && tableFlags(t)&flagDormant != 0
		})
	}
	for _, c := range chains {
		if c.Hooknum == nil || c.Priority == nil || idle(c) {
			continue
		}
		switch hook := *c.Hooknum; c.Table.Family {
		case nftables.TableFamilyIPv4, nftables.TableFamilyIPv6, nftables.TableFamilyINet:
			switch {
			case hook == hookIngress:
				e.ingress = append(e.ingress, c)
			case *c.Priority > priority:
			case hook == unix.NF_INET_PRE_ROUTING:
				e.prerouting = append(e.prerouting, c)
			case hook == unix.NF_INET_LOCAL_OUT:
				e.output = append(e.output, c)
			}
		case nftables.TableFamilyNetdev:
			if hook == unix.NF_NETDEV_INGRESS {
				e.ingress = append(e.ingress, c)
			}
		case nftables.TableFamilyBridge:
			if hook == unix.NF_INET_PRE_ROUTING && *c.Priority <= bridgePriority {
				e.ingress = append(e.ingress, c)
			}
		}
	}
	e.ingress = slices.DeleteFunc(e.ingress, func(c *nftables.Chain) bool {
		rules, err := conn.GetRules(c.Table, c)
		return err == nil && len(rules) == 0 && (c.Policy == nil || *c.Policy == nftables.ChainPolicyAccept)
	})
	return e
}

// before is a priority that runs before all these chains, and not after most. Of
// chains of one priority the one registered last runs first, so that the lowest
// priority there is will do for itself.
func before(list []*nftables.Chain, most nftables.ChainPriority) nftables.ChainPriority {
	for _, c := range list {
		most = min(most, max(*c.Priority, math.MinInt32+1)-1)
	}
	return most
}

// unseen is the note on what a trace does not see that is armed behind some chains;
// "" where there are none.
func unseen(list []*nftables.Chain) string {
	if len(list) == 0 {
		return ""
	}
	runs := "it runs"
	if len(list) > 1 {
		runs = "they run"
	}
	return fmt.Sprintf("packets that %s drops are not seen: %s before the trace is armed", names(list, " or "), runs)
}

func names(list []*nftables.Chain, sep string) string {
	var out []string
	for _, c := range list {
		where := fmt.Sprintf("priority %d", *c.Priority)
		if *c.Hooknum == hookIngress && c.Table.Family != nftables.TableFamilyBridge || c.Table.Family == nftables.TableFamilyNetdev {
			where = "ingress"
		}
		out = append(out, fmt.Sprintf("%s %s/%s (%s)", familyName(c.Table.Family), c.Table.Name, c.Name, where))
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), sep)
}

func familyName(f nftables.TableFamily) string {
	switch f {
	case nftables.TableFamilyIPv4:
		return "ip"
	case nftables.TableFamilyIPv6:
		return "ip6"
	case nftables.TableFamilyNetdev:
		return "netdev"
	case nftables.TableFamilyBridge:
		return "bridge"
	}
	return "inet"
}

// place chooses the priorities of the owner table: before every chain there is, so
// that what any of them drops is seen, and else after defragmentation, so that a
// packet in fragments is one packet.
func (e early) place() (prerouting, output nftables.ChainPriority, notes []string) {
	prerouting, output = before(e.prerouting, priority), before(e.output, priority)
	if e.err != nil {
		notes = append(notes, fmt.Sprintf("the chains that run before priority %d could not be listed (%v): packets that they drop are not seen", priority, e.err))
	}
	if n := unseen(e.ingress); n != "" {
		notes = append(notes, n)
	}
	if p := min(prerouting, output); p < defragPriority {
		first := append(slices.Clone(e.prerouting), e.output...)
		notes = append(notes, fmt.Sprintf("the trace is armed at priority %d, before %s: IP fragments are not put together there, so each counts for itself, only the first has ports, and the packet that they become is a journey of its own", p, names(first, " and ")))
	}
	return prerouting, output, notes
}
