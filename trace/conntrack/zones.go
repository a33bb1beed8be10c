package conntrack

import (
	"sync"
	"sync/atomic"
)

// zones are the conntrack zones other than 0 that flows are in: those that any flow was in
// since the last reading of the table began. The zero value is empty; any goroutine may use it.
type zones struct {
	all, fresh zoneSet // fresh are those since the readings that run began
	mu         sync.Mutex
	readings   int  // how many run
	cut        bool // one of them did not come to its end
}

type zoneSet [1 << 16 / 64]atomic.Uint64

func (z *zoneSet) has(zone uint16) bool { return z[zone/64].Load()&(1<<(zone%64)) != 0 }

func (z *zoneSet) add(zone uint16) { z[zone/64].Or(1 << (zone % 64)) }

func (z *zones) add(zone uint16) {
	if zone == 0 || z.all.has(zone) && z.fresh.has(zone) {
		return
	}
	z.mu.Lock()
	z.all.add(zone)
	z.fresh.add(zone)
	z.mu.Unlock()
}

// begin tells that a reading of the whole table begins.
func (z *zones) begin() {
	z.mu.Lock()
	if z.readings == 0 {
		z.cut = false
		for i := range z.fresh {
			z.fresh[i].Store(0)
		}
	}
	z.readings++
	z.mu.Unlock()
}

// end tells that one ended, whole or not. Zones that were not seen meanwhile are forgotten when
// the last of those that ran together ends.
func (z *zones) end(whole bool) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.readings--
	z.cut = z.cut || !whole
	if z.readings > 0 || z.cut {
		return
	}
	for i := range z.all {
		z.all[i].Store(z.fresh[i].Load())
	}
}

// list gives all of them, in order.
func (z *zones) list() (out []uint16) {
	for i := range z.all {
		for k, w := 0, z.all[i].Load(); w != 0; k, w = k+1, w>>1 {
			if w&1 != 0 {
				out = append(out, uint16(64*i+k))
			}
		}
	}
	return out
}
