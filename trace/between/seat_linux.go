package between

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/journey"
)

// take loads and attaches a program for each seat, in the namespace of the thread: the last of
// the packets' way first. For a packet is followed from the first seats on, and one that came
// while those behind were not taken yet would be seen last before a chain that let it pass.
// Name may be asked meanwhile: a tap tells of a seat as soon as that works.
func (r *Reader) take(seats []journey.Seat, netns string) error {
	begin, space := len(r.seats), len(r.spaces)-1
	r.mu.Lock()
	for _, s := range seats {
		r.seats = append(r.seats, place{Seat: s, space: space, netns: netns})
	}
	r.mu.Unlock()
	next := map[model.Hook]model.Priority{} // of the seat behind, as it was taken
	for i, s := range slices.Backward(seats) {
		p := r.base
		p.seat, p.space, p.first = uint32(begin+i), uint32(space), s.First
		p.marked = r.base.marked && space == 0
		last := s.Until == journey.LastSeat
		p.sends, p.ends = last && s.Hook == model.HookPostrouting, last && s.Hook == model.HookInput
		if r.chosen != nil {
			switch {
			case s.Hook == model.HookOutput && s.First:
				p.list = r.chosen.Output
			case s.Hook == model.HookPrerouting && (s.First || i == behindNAT(seats)):
				p.list = r.chosen.Prerouting
			}
		}
		prog, err := r.kit.Load("load a netfilter program (Linux 6.4)",
			ebpf.ProgramSpec{Name: "nfs_between", Type: ebpf.Netfilter, AttachType: ebpf.AttachNetfilter, Instructions: p.assemble()})
		if err != nil {
			return err
		}
		if until, ok := next[s.Hook]; ok {
			s.Until = until
		}
		err = r.sit(prog, &s, last, before(seats[:i], &s))
		r.mu.Lock()
		r.seats[begin+i].Seat, r.seats[begin+i].taken = s, err == nil
		if _, ok := next[s.Hook]; !ok && !last && err == nil { // those behind could not be taken, and part nothing
			r.seats[begin+i].Until = journey.LastSeat - 1 // who is seen here has not left yet
		}
		r.mu.Unlock()
		switch {
		case errors.Is(err, unix.EBUSY):
			continue
		case err != nil:
			return fmt.Errorf("attach a netfilter program at %s, priority %d: %w", s.Hook, s.Priority, err)
		}
		next[s.Hook] = s.Priority
	}
	return nil
}

// behindNAT is the first seat behind translation at prerouting: what comes back has its own
// ends again there. -1 where there is none.
func behindNAT(seats []journey.Seat) int {
	return slices.IndexFunc(seats, func(s journey.Seat) bool {
		return s.Hook == model.HookPrerouting && !s.First && s.Priority > model.PriorityDstNAT
	})
}

// before is the highest priority of the seats of the same hook that come before one.
func before(seats []journey.Seat, s *journey.Seat) int64 {
	least := int64(-1 << 31)
	for _, o := range seats {
		if o.Hook == s.Hook {
			least = max(least, int64(o.Priority))
		}
	}
	return least
}

// tries is how many priorities are tried for a seat.
const tries = 8

// sit attaches a program for both families, at the seat's priority or as near as one is free:
// behind it for a hook's first and last seat, else before it.
func (r *Reader) sit(prog *ebpf.Program, s *journey.Seat, last bool, least int64) error {
	hook := map[model.Hook]link.NetfilterInetHook{model.HookPrerouting: link.NetfilterInetPreRouting, model.HookInput: link.NetfilterInetLocalIn,
		model.HookForward: link.NetfilterInetForward, model.HookOutput: link.NetfilterInetLocalOut, model.HookPostrouting: link.NetfilterInetPostRouting}[s.Hook]
	step := int64(-1)
	if s.First || last {
		step = 1
	}
	err := error(unix.EBUSY)
	for try := range int64(tries) {
		at := int64(s.Priority) + step*try
		if at <= least || at >= int64(s.Until) {
			break
		}
		var both []link.Link
		for _, family := range []link.NetfilterProtocolFamily{link.NetfilterProtoIPv4, link.NetfilterProtoIPv6} {
			var l link.Link
			if l, err = link.AttachNetfilter(link.NetfilterOptions{Program: prog, ProtocolFamily: family, Hook: hook, Priority: int32(at)}); err != nil {
				break
			}
			both = append(both, l)
		}
		if err == nil {
			s.Priority = model.Priority(at)
			r.kit.Keep(both...)
			return nil
		}
		for _, l := range both {
			_ = l.Close() // the other family has the priority taken
		}
		if !errors.Is(err, unix.EBUSY) {
			break
		}
	}
	if errors.Is(err, unix.EPERM) {
		return unix.EPERM
	}
	return err
}
