package between

import (
	"encoding/binary"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/filter"
	"nfscope/model/journey"
	"nfscope/trace/nettest"
)

// TestLeave: a packet is let go where nothing more is seen of it, delivered or sent, and not
// where it is sent over loopback. That it is not where it may come in elsewhere, TestFollowed
// (trace/live) has.
func TestLeave(t *testing.T) {
	nettest.Kernel(t)
	t.Parallel()
	n := nettest.NewRouted(t)
	n.FixNeighbours(t)
	chosen, err := filter.Parse("udp and dst port 7")
	if err != nil {
		t.Fatal(err)
	}
	all := []filter.Conjunct{{}}
	r, err := Open(Options{Chosen: &Chosen{Prerouting: all, Output: all}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Sit(n.Router, "", journey.Seats(&model.Ruleset{}, -350, -350)); err != nil {
		t.Fatal(err)
	}
	nettest.SendUDP(t, n.Router, 4007, "127.0.0.1:7")
	for _, to := range []string{"10.1.0.1:7", "[fd02::2]:7", "10.2.0.2:7"} {
		nettest.SendUDP(t, n.Client, 4007, to)
	}
	ways := map[string][]uint64{} // the packet's number at each seat
	for late := time.After(nettest.InVain); len(ways["127.0.0.1"]) < 4 || len(ways["10.1.0.1"]) < 2 || len(ways["fd02::2"]) < 3 || len(ways["10.2.0.2"]) < 3; {
		select {
		case <-late:
			t.Fatalf("seen: %v", ways)
		case <-time.After(time.Millisecond):
		}
		if err := r.drain(func(it feed.Item) {
			if s := it.Sight; chosen.Packet(&s.Packet, s.In, s.Out) == filter.Yes {
				ways[s.Packet.Dst.String()] = append(ways[s.Packet.Dst.String()], s.Follow)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	of := map[uint64]string{}
	for dst, way := range ways {
		for _, n := range way {
			if of[n] = dst; n != way[0] {
				t.Errorf("%s is %v", dst, way) // over loopback too
			}
		}
	}
	var key uint64
	var f [followSize]byte
	for it := r.base.follows.Iterate(); it.Next(&key, &f); {
		if dst := of[binary.NativeEndian.Uint64(f[followNumber:])]; dst != "" {
			t.Errorf("what went to %s is kept", dst)
		}
	}
}
