package arm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-iptables/iptables"
	"github.com/google/nftables"

	"nfscope/model/filter"
	"nfscope/trace/guard"
	"nfscope/trace/netns"
)

// comment marks every rule of ours: nfscope: and the guard.Process that made it, so
// that Sweep knows a dead one even where its pid is in use again.
const comment = "nfscope:"

func tag() string { return comment + guard.Self().String() }

// xtLimit is the most that xt_limit can count: XT_LIMIT_SCALE is 10000 a second.
const xtLimit = 10000

// raw is a chain of our own in the raw tables, and the rules that jump to it.
type raw struct {
	ns    *netns.Handle
	guard *guard.Guard
	sides []*rawSide
	undo  []undoStep // in the order things were made
	notes []string   // on what bounds it
	// awake keeps nf_tables telling, nil where it cannot.
	awake *nftables.Conn
	// asleep is true where nothing does.
	asleep bool
}

// rawSide is the iptables of one family.
type rawSide struct {
	ipt     *iptables.IPTables
	command string
	chain   string
	jumps   int  // rules that jump to the chain
	taken   bool // a jump that was to be taken out was there no more
}

// undoStep takes one thing back.
type undoStep struct {
	id   int // the guard's
	do   func() error
	jump bool // without these nothing is traced any more
}

func armRaw(ns *netns.Handle, p *plan, o Options) (_ *raw, notes []string, err error) {
	r := &raw{ns: ns, guard: o.Guard}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close(func() {}))
		}
	}()
	notes = append(notes, "-j TRACE stands in the raw table; where there was no raw table it now exists, and stays, empty, until the namespace ends")
	if o.Rate > xtLimit || o.Burst > xtLimit {
		o.Rate, o.Burst = min(o.Rate, xtLimit), min(o.Burst, xtLimit)
		notes = append(notes, fmt.Sprintf("iptables can limit to %d packets a second at most, and that is the limit", xtLimit))
	}
	// Before the first rule traces: else of its first packets nf_tables would tell nothing.
	var asleep error
	r.awake, asleep = wake()
	r.asleep = asleep != nil
	partly := false
	need4, need6 := p.families()
	for _, f := range []struct {
		need  bool
		proto iptables.Protocol
		names []string
	}{{need4, iptables.ProtocolIPv4, []string{"iptables-legacy", "iptables"}}, {need6, iptables.ProtocolIPv6, []string{"ip6tables-legacy", "ip6tables"}}} {
		if !f.need {
			continue
		}
		side, err := newSide(f.proto, f.names)
		if err != nil {
			notes = append(notes, err.Error())
			continue
		}
		r.sides = append(r.sides, side)
		for _, make := range []func() error{
			func() error { return r.makeChain(side, o) },
			func() error { return r.jumps(side, f.proto, "PREROUTING", p.prerouting, &partly) },
			func() error { return r.jumps(side, f.proto, "OUTPUT", p.output, &partly) },
		} {
			if err := ns.Do(make); err != nil {
				return nil, notes, err
			}
		}
	}
	switch {
	case len(r.sides) == 0:
		return nil, notes, errors.New(strings.Join(notes[1:], "; "))
	case len(r.sides) == 2:
		notes = append(notes, "IPv4 and IPv6 are limited each for itself")
	}
	if asleep != nil && !missing(asleep) {
		notes = append(notes, "of what nf_tables' chains do nothing may be told: "+asleep.Error())
	}
	slices.Sort(r.notes)
	notes = append(notes, slices.Compact(r.notes)...) // both families mostly say the same
	if n := rawUnseen(ns); n != "" {
		notes = append(notes, n)
	}
	if partly {
		notes = append(notes, "one iptables rule cannot say all that the filter says, so more is traced and filtered afterwards")
	}
	return r, notes, nil
}

// rawUnseen is the note on the chains before the raw tables.
func rawUnseen(ns *netns.Handle) string {
	e := earlier(ns, rawPriority)
	return unseen(slices.DeleteFunc(slices.Concat(e.prerouting, e.output, e.ingress), func(c *nftables.Chain) bool {
		return c.Table.Name == "raw" // iptables-nft's own
	}))
}

// families tells for which families there is a rule to make.
func (p *plan) families() (v4, v6 bool) {
	for _, c := range append(append([]filter.Conjunct{}, p.prerouting...), p.output...) {
		for _, r := range rawRules(c) {
			v4, v6 = v4 || r.v4, v6 || r.v6
		}
	}
	return v4, v6
}

func newSide(proto iptables.Protocol, names []string) (*rawSide, error) {
	for _, n := range names {
		path, err := exec.LookPath(n)
		if err != nil {
			continue
		}
		ipt, err := iptables.New(iptables.IPFamily(proto), iptables.Path(path), iptables.Timeout(lockWait))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return &rawSide{ipt: ipt, command: path}, nil
	}
	return nil, fmt.Errorf("%s is missing, so packets of its family are not traced; the package iptables has it", names[0])
}

// lockWait is how many seconds the lock of iptables is waited for. It is one for all
// namespaces of the host, and who loads thousands of rules holds it for seconds.
const lockWait = 30

// made runs do, after the guard knows how to undo it.
func (r *raw) made(s *rawSide, do, undo func() error, command ...string) error {
	id, err := r.guard.Iptables(r.ns, append([]string{s.command, "-w", strconv.Itoa(lockWait), "-t", "raw"}, command...)...)
	if err != nil {
		return err
	}
	if err := do(); err != nil {
		return errors.Join(err, r.guard.Undone(id))
	}
	r.undo = append(r.undo, undoStep{id: id, do: undo})
	return nil
}

// makeChain makes the chain that traces within the limit and counts what comes.
func (r *raw) makeChain(s *rawSide, o Options) error {
	tag := tag()
	for n := 1; ; n++ {
		s.chain = fmt.Sprintf("%s%d_%d", Prefix, os.Getpid(), n)
		err := r.made(s, func() error { return s.ipt.NewChain("raw", s.chain) },
			func() error { return s.ipt.DeleteChain("raw", s.chain) }, "-X", s.chain)
		if err == nil {
			break
		}
		if n >= 1000 || !strings.Contains(err.Error(), "already exists") {
			return err
		}
	}
	return r.made(s, func() error {
		return errors.Join(r.trace(s, o, tag), s.ipt.Append("raw", s.chain, "-m", "comment", "--comment", tag))
	}, func() error { return s.ipt.ClearChain("raw", s.chain) }, "-F", s.chain)
}

// trace puts in the rule that traces, bounded as far as there are matches for it.
func (r *raw) trace(s *rawSide, o Options, tag string) error {
	limit := []string{"-m", "limit", "--limit", fmt.Sprintf("%d/second", o.Rate), "--limit-burst", strconv.Itoa(o.Burst)}
	trace := []string{"-m", "comment", "--comment", tag, "-j", "TRACE"}
	var errs []error
	for _, b := range rawBounds(o, time.Now()) {
		err := s.ipt.Append("raw", s.chain, slices.Concat(b.args, limit, trace)...)
		if err == nil {
			if b.lacks != "" {
				r.notes = append(r.notes, b.lacks)
			}
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (r *raw) jumps(s *rawSide, proto iptables.Protocol, chain string, list []filter.Conjunct, partly *bool) error {
	tag := tag()
	for _, c := range list {
		for _, rule := range rawRules(c) {
			if proto == iptables.ProtocolIPv4 && !rule.v4 || proto == iptables.ProtocolIPv6 && !rule.v6 {
				continue
			}
			*partly = *partly || rule.partly
			spec := append(append([]string{}, rule.args...), "-m", "comment", "--comment", tag, "-j", s.chain)
			err := r.made(s, func() error { return s.ipt.Insert("raw", chain, 1, spec...) },
				func() error { return s.unjump(chain, spec) }, append([]string{"-D", chain}, spec...)...)
			if err != nil {
				return err
			}
			r.undo[len(r.undo)-1].jump = true
			s.jumps++
		}
	}
	return nil
}

// unjump takes a rule that jumps to the chain out.
func (s *rawSide) unjump(chain string, spec []string) error {
	err := s.ipt.Delete("raw", chain, spec...)
	s.jumps--
	s.taken = s.taken || gone(err)
	return err
}

// counters adds up both families.
func (r *raw) counters(ctx context.Context) (traced, held uint64, err error) {
	err = r.ns.Do(func() error {
		for _, s := range r.sides {
			hit, all, err := s.counters(ctx)
			if err != nil {
				return err
			}
			traced, held = traced+hit, held+all-min(hit, all)
		}
		return nil
	})
	return traced, held, err
}

// close takes everything out again, last first, and tells the guard. What traces goes before all
// the rest, and before the last count: that may have to wait for iptables' lock.
func (r *raw) close(count func()) error {
	errs := r.undone(true)
	count()
	errs = append(errs, r.undone(false)...)
	if r.awake != nil {
		errs = append(errs, r.awake.CloseLasting())
		r.awake = nil
	}
	return errors.Join(errs...)
}

// undone takes out the jumps, or the rest, last first.
func (r *raw) undone(jumps bool) (errs []error) {
	var left []undoStep
	for _, u := range slices.Backward(r.undo) {
		if u.jump != jumps {
			left = append(left, u)
			continue
		}
		if err := r.ns.Do(u.do); err != nil && !gone(err) {
			errs = append(errs, err)
			continue // the guard tries again when we end
		}
		errs = append(errs, r.guard.Undone(u.id))
	}
	slices.Reverse(left)
	r.undo = left
	return errs
}
