package journey

import (
	"slices"
	"strconv"
	"strings"

	"nfscope/model"
)

// armingPriority is where the chains of nfscope's table stand that switch the trace
// on: between defragmentation and raw. What a packet met before is not traced.
const armingPriority = -350

// armingChain is the chain of our table that switches the trace on, or begins its name.
const armingChain = "trace"

func isArming(chain string) bool {
	return chain == armingChain || strings.HasPrefix(chain, armingChain+"_")
}

// armingPlace is where the trace of an event was switched on. The chain of our table
// that does it is called trace. Where the table stands elsewhere than at armingPriority
// it is called trace_PREROUTING_OUTPUT, after the priorities below zero of its two base
// chains, which are prerouting_N and output_N then, or have no number (trace/arm).
func armingPlace(chain string, h model.Hook) place {
	p := place{h, armingPriority}
	n := ""
	switch f := strings.Split(chain, "_"); {
	case len(f) == 3 && f[0] == armingChain:
		if n = f[1]; p.hook == model.HookOutput {
			n = f[2]
		}
	case len(f) == 2 && (f[0] == "prerouting" || f[0] == "output"):
		n = f[1]
	}
	if below, _ := strconv.ParseInt(n, 10, 64); below > 0 && below <= 1<<31 {
		p.priority = model.Priority(-below)
	}
	return p
}

// armings keeps the places of arming chains, which every packet begins in.
type armings map[armedIn]place

type armedIn struct {
	chain string
	hook  model.Hook
}

func (a armings) place(e *Event) place {
	k := armedIn{e.Chain, hookByDevices(e)}
	p, ok := a[k]
	if !ok {
		if len(a) > 1024 { // only garbage has so many
			clear(a)
		}
		p = armingPlace(k.chain, k.hook)
		a[k] = p
	}
	return p
}

// behindConntrack reports whether a walk through our chains that begin the trace is one through
// those that know packets by their connection, not by their headers.
func (w *walk) behindConntrack() bool { return w.place.priority > conntrackPriority }

// knownBy lists the tables that traced the packet for its connection.
func (b *builder) knownBy() (tables []string) {
	for _, w := range b.walks {
		if w.armed && w.behindConntrack() && !slices.Contains(tables, w.table) {
			tables = append(tables, w.table)
		}
	}
	return tables
}

// byConnection is what there is to say of a ladder that begins behind conntrack.
const byConnection = "known by its connection: chains before conntrack are not shown"

// startsLate reports whether the ladder begins behind conntrack, as it was armed there.
func (b *builder) startsLate() bool {
	return b.walks[0].armed && b.walks[0].behindConntrack()
}

// armedBy reports whether a table traced the packet.
func (b *builder) armedBy(table string) bool {
	return slices.ContainsFunc(b.walks, func(w *walk) bool { return w.armed && w.table == table })
}
