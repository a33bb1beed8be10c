package journey

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// merge interleaves two streams at random, each in its own order. step is the time
// between two events.
func merge(k *kernel, a, b []Event, step time.Duration) (out []Event) {
	at := began
	for len(a)+len(b) > 0 {
		from := &a
		if len(a) == 0 || len(b) > 0 && k.IntN(len(a)+len(b)) < len(b) {
			from = &b
		}
		for n := 1 + k.IntN(6); n > 0 && len(*from) > 0; n-- {
			e := (*from)[0]
			*from = (*from)[1:]
			at = at.Add(step)
			e.Time = at
			out = append(out, e)
		}
	}
	return out
}

// lose takes pieces out of a stream and puts gaps there.
func lose(k *kernel, l []Event) (out []Event) {
	for i := 0; i < len(l); i++ {
		if k.IntN(100) == 0 {
			n := 1 + k.IntN(8)
			n = min(n, len(l)-i)
			out = append(out, Event{Source: SourceGap, Lost: uint64(n)})
			i += n - 1
			continue
		}
		out = append(out, l[i])
	}
	return out
}

// TestTruth folds random packets through random rulesets, their events interleaved
// over both tracers: a journey equals a packet's truth, or says that it may not.
func TestTruth(t *testing.T) {
	for _, c := range []struct {
		name                      string
		probes, nat               bool
		alike, cpus               int
		unsure, loss, late, plain bool
		// whole says that every journey must be whole.
		whole bool
	}{
		{name: "distinct", probes: true, nat: true, cpus: 1, whole: true},
		{name: "distinct on two CPUs", probes: true, nat: true, cpus: 2, whole: true},
		{name: "distinct, stamped anew", probes: true, nat: true, cpus: 2, unsure: true, whole: true},
		{name: "alike", probes: true, nat: true, alike: 8, cpus: 2},
		{name: "alike, stamped anew", probes: true, nat: true, alike: 8, cpus: 2, unsure: true},
		{name: "alike, targets known", probes: true, nat: true, alike: 8, cpus: 2, plain: true},
		{name: "armed by raw", cpus: 2, nat: true},
		{name: "armed by raw, alike", cpus: 2, nat: true, alike: 8},
		{name: "loss", probes: true, nat: true, cpus: 2, alike: 3, loss: true},
		{name: "loss, armed by raw", cpus: 2, alike: 3, loss: true},
		{name: "late", probes: true, cpus: 2, alike: 3, late: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			whole, even, all := 0, 0, 0
			for seed := range uint64(400) {
				k := &kernel{Rand: rand.New(rand.NewPCG(seed, 7)), probes: c.probes, unsure: c.unsure, plain: c.late || c.plain}
				k.randomRules(c.nat)
				truths, nft, legacy := k.streams(k.ways(12, c.alike), c.cpus)
				if c.loss {
					nft, legacy = lose(k, nft), lose(k, legacy)
				}
				step := time.Microsecond
				if c.late {
					step = 4 * time.Millisecond
				}
				f := NewFold(Options{Probes: c.probes})
				f.SetRules(k.index(), began)
				events := merge(k, nft, legacy, step)
				for i := range events {
					e := events[i]
					f.Event(&e)
					if c.late {
						f.Tick(e.Time)
					}
				}
				f.Flush()
				want := map[string]int{}
				for _, tr := range truths {
					want[tr.header+": "+tr.truth]++
				}
				for _, j := range f.Journeys() {
					if all++; slices.ContainsFunc(j.Assumptions, func(a string) bool { return strings.Contains(a, "each had all") }) && j.Complete {
						even++
					}
					key := header(&j.Packet) + ": " + told(j)
					if j.Complete {
						whole++
						if want[key]--; want[key] < 0 {
							t.Fatalf("seed %d: a whole journey that no packet made\n%s\ntruths:\n%s\nevents:\n%s", seed, key, list(truths), lines(events, j.Packet.IPID))
						}
						continue
					}
					if j.Why == "" {
						t.Fatalf("seed %d: incomplete without a reason: %s", seed, key)
					}
					if c.whole && (want[key] == 0 || !strings.HasSuffix(key, "vanished")) {
						t.Fatalf("seed %d: incomplete: %s\n%s\ntruths:\n%s\nevents:\n%s", seed, j.Why, key, list(truths), lines(events, j.Packet.IPID))
					}
				}
				if c.whole && len(f.Journeys()) != len(truths) {
					t.Fatalf("seed %d: %d journeys of %d packets", seed, len(f.Journeys()), len(truths))
				}
				if f.open != 0 || len(f.byKey) != 0 || len(f.byID) != 0 {
					t.Fatalf("seed %d: %d open, %d keys, %d ids are left", seed, f.open, len(f.byKey), len(f.byID))
				}
			}
			t.Logf("%d of %d journeys are whole, %d of them as those that look the same", whole, all, even)
			if whole < all/20 {
				t.Errorf("hardly any journey is whole: %d of %d", whole, all)
			}
		})
	}
}

func list(truths []*traced) string {
	var l []string
	for _, tr := range truths {
		l = append(l, tr.header+": "+tr.truth)
	}
	return strings.Join(l, "\n")
}

func lines(events []Event, ipid uint16) string {
	var l []string
	ids := map[uint32]bool{}
	for i := range events {
		e := &events[i]
		if e.Packet != nil && e.Source == SourceNFT {
			ids[e.ID] = e.Packet.IPID == ipid
		}
		if e.Packet != nil && e.Packet.IPID != ipid || e.Packet == nil && !ids[e.ID] && e.Source != SourceGap {
			continue
		}
		s := fmt.Sprintf("%d %s/%s %d num %d handle %d %s %s id %d", e.Source, e.Table, e.Chain, e.Kind, e.Num, e.Handle, e.Verdict, e.To, e.ID)
		if e.Packet != nil {
			s += " " + e.Packet.String() + " in " + e.In + " out " + e.Out + " " + e.Stamp.Format("05.000000")
		}
		l = append(l, s)
	}
	return strings.Join(l, "\n")
}
