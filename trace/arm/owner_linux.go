package arm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"nfscope/model/filter"
	"nfscope/trace/netns"
)

const (
	// Prefix begins the name of every table and chain of ours: nfscope_PID_N. Who
	// reads a trace or a ruleset leaves those out.
	Prefix = "nfscope_"

	// flagOwner is NFT_TABLE_F_OWNER (linux/netfilter/nf_tables.h, kernel 5.12).
	flagOwner = 2
	// metaTimeNS is NFT_META_TIME_NS: the host's clock in nanoseconds since 1970 (kernel 5.4).
	metaTimeNS = expr.MetaKey(30)
	// grace is how much later than we the kernel ends a trace.
	grace = time.Second

	// maxMost is the largest number of packets in all that a bucket holds: its
	// nanoseconds are 64 bits (net/netfilter/nft_limit.c).
	maxMost = 1_000_000

	// priority is before raw (-300) and after defragmentation (-400): that of the
	// chains that arm, unless somebody else's chain runs before it (early.place).
	priority = -350

	// probePriority is behind every chain that anyone has reason to make, and before
	// conntrack confirms (INT_MAX).
	probePriority = 1 << 30

	// chainTrace switches the trace on. Its name tells model/journey where the table
	// stands, when that is not priority.
	chainTrace = "trace"
	setPorts   = "ports"
)

// owner is a table that the kernel removes with our socket.
type owner struct {
	rules
	ns *netns.Handle

	prerouting, output nftables.ChainPriority // of the chains that arm
	trace              string                 // the name of the chain that traces

	known []*nftables.Table // those behind conntrack, one of a family
}

// open opens nf_tables in a namespace, until CloseLasting.
func open(ns *netns.Handle, o ...nftables.ConnOption) (*nftables.Conn, error) {
	return netns.In(ns, func() (*nftables.Conn, error) { return nftables.New(append(o, nftables.AsLasting())...) })
}

func armOwner(ns *netns.Handle, p *plan, o Options) (_ *owner, notes []string, err error) {
	// google/nftables v0.3.0 does not send a table's flags, so the table is made by
	// hand on the library's own lasting socket; all the rest belongs to that socket.
	var socket *netlink.Conn
	conn, err := open(ns, nftables.WithSockOptions(func(c *netlink.Conn) error { socket = c; return nil }))
	if err != nil {
		return nil, nil, fmt.Errorf("open nf_tables: %w", err)
	}
	w := &owner{ns: ns, rules: rules{conn: conn}}
	w.prerouting, w.output, notes = earlier(ns, priority).place()
	if w.trace = chainTrace; w.prerouting != priority || w.output != priority {
		w.trace = fmt.Sprintf("%s_%d_%d", chainTrace, -int64(w.prerouting), -int64(w.output))
	}
	if err = w.make(socket); err != nil {
		err = fmt.Errorf("make an owner table: %w", err)
	} else if err = w.fill(p, o); err != nil {
		err = fmt.Errorf("fill table inet %s: %w", w.table.Name, err)
	}
	if err != nil {
		_ = conn.CloseLasting()
		return nil, nil, err
	}
	if len(p.known) > 0 {
		notes = append(notes, w.addKnown(socket, p, o)...)
	}
	return w, notes, nil
}

// make makes the empty table under the first name that is free.
func (w *owner) make(socket *netlink.Conn) error {
	vanished := false // the table of that name may go between our two looks at it
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s%d_%d", Prefix, os.Getpid(), n)
		err := newTable(socket, nftables.TableFamilyINet, name)
		if err != nil && n < 1000 {
			taken := w.taken(name)
			if taken || !vanished {
				vanished = vanished || !taken
				continue
			}
		}
		w.table = &nftables.Table{Name: name, Family: nftables.TableFamilyINet, Flags: flagOwner}
		return err
	}
}

// taken reports whether there is such a table. The kernel says EEXIST of one, but
// EPERM when another socket owns it.
func (w *owner) taken(name string) bool {
	_, err := w.conn.ListTableOfFamily(name, nftables.TableFamilyINet)
	return err == nil
}

func newTable(socket *netlink.Conn, family nftables.TableFamily, name string) error {
	attrs, err := netlink.MarshalAttributes([]netlink.Attribute{
		{Type: unix.NFTA_TABLE_NAME, Data: append([]byte(name), 0)},
		{Type: unix.NFTA_TABLE_FLAGS, Data: binary.BigEndian.AppendUint32(nil, flagOwner)},
	})
	if err != nil {
		return err
	}
	return sendBatch(socket, []netlink.Message{message(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWTABLE, family, 0,
		netlink.Create|netlink.Excl|netlink.Acknowledge, attrs)})
}

// fill puts chains and rules in, in one batch.
func (w *owner) fill(p *plan, o Options) error {
	trace := w.conn.AddChain(&nftables.Chain{Name: w.trace, Table: w.table})
	for _, b := range []struct {
		name string
		hook *nftables.ChainHook
		at   nftables.ChainPriority
		list []filter.Conjunct
	}{
		{"prerouting", nftables.ChainHookPrerouting, w.prerouting, p.prerouting},
		{"output", nftables.ChainHookOutput, w.output, p.output},
	} {
		if len(b.list) == 0 {
			continue // every packet would walk it for nothing
		}
		chain := w.conn.AddChain(&nftables.Chain{Name: b.name, Table: w.table, Type: nftables.ChainTypeFilter,
			Hooknum: b.hook, Priority: nftables.ChainPriorityRef(b.at)})
		skip, err := w.skip(b.list)
		if err != nil {
			return err
		}
		if skip != nil {
			w.conn.AddRule(&nftables.Rule{Table: w.table, Chain: chain, Exprs: skip})
		}
		for _, c := range b.list {
			exprs, err := w.conds(c)
			if err != nil {
				return err
			}
			w.conn.AddRule(&nftables.Rule{Table: w.table, Chain: chain,
				Exprs: append(exprs, &expr.Verdict{Kind: expr.VerdictGoto, Chain: w.trace})})
		}
	}
	w.probes()
	if o.States {
		w.states(p)
	}
	w.switchOn(trace, o)
	return w.conn.Flush()
}

// switchOn fills the chain that traces.
func (w *rules) switchOn(trace *nftables.Chain, o Options) {
	// All rules accept, so that a packet that two conjuncts match counts once.
	w.conn.AddRule(&nftables.Rule{Table: w.table, Chain: trace, Exprs: []expr.Any{
		// The trace ends in the kernel too, where we are stopped and cannot end it.
		&expr.Meta{Key: metaTimeNS, Register: 1},
		&expr.Byteorder{SourceRegister: 1, DestRegister: 1, Op: expr.ByteorderHton, Len: 8, Size: 8},
		&expr.Cmp{Op: expr.CmpOpGte, Register: 1, Data: binary.BigEndian.AppendUint64(nil, uint64(time.Now().Add(o.For+grace).UnixNano()))},
		&expr.Counter{}, // counts as held back: the clock may have been set
		&expr.Verdict{Kind: expr.VerdictAccept},
	}})
	limits := []expr.Any{&expr.Limit{Type: expr.LimitTypePkts, Rate: uint64(o.Rate), Unit: expr.LimitTimeSecond, Burst: uint32(o.Burst)}}
	if o.Most > 0 && o.Most <= maxMost {
		// nf_tables' quota counts bytes; a bucket that is filled once an hour counts packets.
		limits = append(limits, &expr.Limit{Type: expr.LimitTypePkts, Rate: 1, Unit: expr.LimitTimeHour, Burst: uint32(o.Most)})
	}
	w.conn.AddRule(&nftables.Rule{Table: w.table, Chain: trace, Exprs: append(limits,
		&expr.Counter{},
		&expr.Immediate{Register: 1, Data: []byte{1}},
		&expr.Meta{Key: expr.MetaKeyNFTRACE, SourceRegister: true, Register: 1},
		&expr.Verdict{Kind: expr.VerdictAccept},
	)})
	w.conn.AddRule(&nftables.Rule{Table: w.table, Chain: trace, Exprs: []expr.Any{
		&expr.Counter{}, // what the limit held back
		&expr.Verdict{Kind: expr.VerdictAccept},
	}})
}

// probes adds an empty chain at the end of each hook that a packet leaves this host
// or reaches it by. For a packet that is traced the kernel says so when its policy
// lets it pass (nf_tables_trace.c): that is how a journey knows that the packet got
// there, and what its headers are after SNAT. They ask for nothing, conntrack neither.
// There is none in forward: between its end and postrouting nothing drops a packet, and
// each chain costs all packets of the host some 45 ns.
func (w *owner) probes() {
	for _, b := range []struct {
		name string
		hook *nftables.ChainHook
	}{
		{"input", nftables.ChainHookInput},
		{"postrouting", nftables.ChainHookPostrouting},
	} {
		w.conn.AddChain(&nftables.Chain{Name: b.name, Table: w.table, Type: nftables.ChainTypeFilter,
			Hooknum: b.hook, Priority: nftables.ChainPriorityRef(probePriority)})
	}
}

// counters reads the two counters of each table over a socket of its own.
func (w *owner) counters(context.Context) (traced, held uint64, err error) {
	conn, err := open(w.ns)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = conn.CloseLasting() }()
	traced, held, err = count(conn, w.table, w.trace)
	for _, t := range w.known {
		more, over, e := count(conn, t, knownTrace)
		traced, held, err = traced+more, held+over, errors.Join(err, e)
	}
	return traced, held, err
}

func count(conn *nftables.Conn, table *nftables.Table, trace string) (traced, held uint64, err error) {
	rules, err := conn.GetRules(table, &nftables.Chain{Name: trace, Table: table})
	if err != nil {
		return 0, 0, fmt.Errorf("read the counters of table %s %s: %w", familyName(table.Family), table.Name, err)
	}
	var n []uint64
	for _, r := range rules {
		for _, e := range r.Exprs {
			if c, ok := e.(*expr.Counter); ok {
				n = append(n, c.Packets)
			}
		}
	}
	if len(n) != 3 {
		return 0, 0, fmt.Errorf("table %s %s has %d counters, not 3: somebody has changed it", familyName(table.Family), table.Name, len(n))
	}
	return n[1], n[0] + n[2], nil
}

// close deletes the table and closes the socket. Closing alone would do, but not at
// once: a program that another goroutine is just starting holds all our descriptors
// from its fork to its exec.
func (w *owner) close(count func()) error {
	count() // they go with the table
	var errs []error
	for _, t := range append(w.known, w.table) {
		w.conn.DelTable(t)
		if err := w.conn.Flush(); !errors.Is(err, unix.ENOENT) {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, w.conn.CloseLasting())...)
}
