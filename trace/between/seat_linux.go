package between

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/journey"
)

// take loads and attaches a program for each seat, in the namespace of the thread.
// Name may be asked meanwhile: a tap tells of a seat as soon as that works.
func (r *Reader) take(seats []journey.Seat, netns string) error {
	begin, space := len(r.seats), len(r.spaces)-1
	translated := false
	for i := range seats {
		s := seats[i]
		p := r.base
		p.seat, p.space, p.first = uint32(len(r.seats)), uint32(space), s.First
		p.marked = r.base.marked && space == 0
		last := s.Until == journey.LastSeat
		p.sends, p.ends = last && s.Hook == model.HookPostrouting, last && s.Hook == model.HookInput
		if r.chosen != nil {
			switch {
			case s.Hook == model.HookOutput && s.First:
				p.list = r.chosen.Output
			case s.Hook == model.HookPrerouting && (s.First || !translated && s.Priority > model.PriorityDstNAT):
				// What comes back has its own ends again behind translation.
				p.list, translated = r.chosen.Prerouting, !s.First
			}
		}
		prog, err := r.kit.Load("load a netfilter program (Linux 6.4)",
			ebpf.ProgramSpec{Name: "nfs_between", Type: ebpf.Netfilter, AttachType: ebpf.AttachNetfilter, Instructions: p.assemble()})
		if err != nil {
			return err
		}
		switch err := r.sit(prog, &s, before(seats[:i], &s)); {
		case errors.Is(err, unix.EBUSY):
			continue
		case err != nil:
			return fmt.Errorf("attach a netfilter program at %s, priority %d: %w", s.Hook, s.Priority, err)
		}
		r.mu.Lock()
		r.seats = append(r.seats, place{s, space, netns})
		r.mu.Unlock()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := begin; i < len(r.seats); i++ { // what could not be taken parts nothing
		s := &r.seats[i]
		if s.Until = journey.LastSeat; i+1 < len(r.seats) && r.seats[i+1].Hook == s.Hook {
			s.Until = r.seats[i+1].Priority
		}
	}
	return nil
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
// behind it for a hook's first seat, else before it.
func (r *Reader) sit(prog *ebpf.Program, s *journey.Seat, least int64) error {
	hook := map[model.Hook]link.NetfilterInetHook{model.HookPrerouting: link.NetfilterInetPreRouting, model.HookInput: link.NetfilterInetLocalIn,
		model.HookForward: link.NetfilterInetForward, model.HookOutput: link.NetfilterInetLocalOut, model.HookPostrouting: link.NetfilterInetPostRouting}[s.Hook]
	step := int64(-1)
	if s.First || s.Until == journey.LastSeat {
		step = 1
	}
	err := error(unix.EBUSY)
	for try := range int64(tries) {
		at := int64(s.Priority) + step*try
		if at <= least || s.Until != journey.LastSeat && at >= int64(s.Until) {
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
