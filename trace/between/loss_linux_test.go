package between

import (
	"net"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/filter"
	"nfscope/model/journey"
	"nfscope/trace/nettest"
)

// TestLoss: sights for which there was no room are told once, behind those that filled the
// buffer, whether or not others come behind them; told and lost are all that the seats saw.
func TestLoss(t *testing.T) {
	nettest.Kernel(t)
	t.Parallel()
	ns := nettest.New(t, "loss")
	nettest.Do(t, ns, func() error { // nobody answers
		c, err := net.ListenPacket("udp", "127.0.0.1:4000")
		if err == nil {
			t.Cleanup(func() { _ = c.Close() })
		}
		return err
	})
	all := []filter.Conjunct{{}}
	r, err := Open(Options{Rate: 1_000_000, Burst: 1_000_000, Chosen: &Chosen{Prerouting: all, Output: all}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Sit(ns, "", journey.Seats(&model.Ruleset{}, -350, -350)); err != nil {
		t.Fatal(err)
	}
	const seats = 8 // that each packet comes to, two of a hook
	var sent, told, lost uint64
	for _, c := range []struct {
		packets int
		loses   bool
	}{{1000, true}, {1, false}, {1000, true}} { // there is room for 5,957 sights
		nettest.SendNumbers(t, ns, 0, c.packets)
		sent += seats * uint64(c.packets)
		for late := time.After(nettest.InVain); count(t, r, statTold)+count(t, r, statLost) < sent; {
			select {
			case <-late:
				t.Fatal("they do not come")
			case <-time.After(time.Millisecond):
			}
		}
		behind, before := uint64(0), lost
		if err := r.drain(func(it feed.Item) {
			switch s := it.Sight; {
			case s.Lost == 0:
				told++
				behind++
			case s.Follow != 0 || s.Skb != 0:
				t.Errorf("%d are missing before a sight at %s %d", s.Lost, s.Hook, s.Priority)
			default:
				lost += s.Lost
				behind = 0
			}
		}); err != nil {
			t.Fatal(err)
		}
		if loses := lost > before; loses != c.loses || loses && behind > 0 {
			t.Errorf("of %d packets lost were %d sights, and %d came behind that", c.packets, lost-before, behind)
		}
	}
	if told+lost != sent || lost != count(t, r, statLost) {
		t.Errorf("told %d and lost %d, want %d and %d", told, lost, sent-count(t, r, statLost), count(t, r, statLost))
	}
}

func count(t *testing.T, r *Reader, stat int) uint64 {
	t.Helper()
	n, err := r.kit.Count(stat)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
