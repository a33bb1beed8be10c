package between

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/journey"
	"nfscope/trace/nettest"
	"nfscope/trace/rules"
)

// TestSights follows one packet through raw, conntrack, DNAT and filter of three backends,
// beside chains that take the seats, and no other packet.
func TestSights(t *testing.T) {
	nettest.Kernel(t, "nft", "iptables-legacy-restore")
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, "*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n", "iptables-legacy-restore")
	nettest.Feed(t, n.Router, `table inet fw {
		chain arm { type filter hook prerouting priority -350; udp dport 53 meta nftrace set 1; }
		chain near { type filter hook prerouting priority -149; }
		chain nat { type nat hook prerouting priority -100; meta nfproto ipv4 udp dport 53 dnat ip to 10.2.0.2:54; }
		chain taken { type filter hook forward priority -1; }
		chain forward { type filter hook forward priority 0; }
	}`, "nft", "-f", "-")
	rr, err := rules.Open(n.Router)
	if err != nil {
		t.Fatal(err)
	}
	defer rr.Close()
	rs, err := rr.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	// A legacy message may be asked of from the first seat on, while the others are taken.
	sat, named := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-sat:
				named <- nil
				return
			default:
			}
			r.mu.Lock()
			r.lines[1] = line{}
			r.mu.Unlock()
			if err := r.Name([]journey.Event{{Source: journey.SourceLegacy, Seq: 1}}); err != nil {
				named <- err
				return
			}
		}
	}()
	err = r.Sit(n.Router, "", journey.Seats(rs, -350, -350))
	close(sat)
	if err := errors.Join(err, <-named); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	got := make(chan *journey.Sight, 100)
	go func() { ran <- r.Run(ctx, func(it feed.Item) { got <- it.Sight }) }()
	for _, port := range []string{"52", "53"} {
		nettest.Do(t, n.Client, func() error {
			c, err := net.Dial("udp", "10.1.0.1:"+port)
			if err == nil {
				_, err = c.Write([]byte("hello"))
				_ = c.Close()
			}
			return err
		})
	}
	var list []string
	var skb uint64
	var last time.Time
	for done := false; !done; {
		select {
		case s := <-got:
			list = append(list, fmt.Sprintf("%s %d-%d %s:%d %s>%s %v", s.Hook, s.Priority, s.Until, s.Packet.Dst, s.Packet.DPort, s.In, s.Out, s.Tracked))
			if skb == 0 {
				skb = s.Skb
			}
			if s.Skb != skb || s.Time.Before(last) || s.First != (len(list) == 1) || s.New != s.First || s.Lost != 0 {
				t.Errorf("%d. %+v", len(list), s)
			}
			last = s.Time
			done = s.Hook == model.HookPostrouting && s.Until == journey.LastSeat
		case <-time.After(nettest.InVain):
			t.Fatalf("no end; came:\n%v", list)
		}
	}
	want := []string{
		"prerouting -349--201 10.1.0.1:53 r0> false", "prerouting -201--151 10.1.0.1:53 r0> false", // before conntrack
		"prerouting -151--101 10.1.0.1:53 r0> true", // -150 and -149 have no room between
		"prerouting -101--99 10.1.0.1:53 r0> true", "prerouting -99-2147483647 10.2.0.2:54 r0> true",
		"forward -151--2 10.2.0.2:54 r0>r1 true", "forward -2-1 10.2.0.2:54 r0>r1 true", "forward 1-2147483647 10.2.0.2:54 r0>r1 true",
		"postrouting -151--149 10.2.0.2:54 r0>r1 true", "postrouting -149-2147483647 10.2.0.2:54 r0>r1 true",
	}
	if !slices.Equal(list, want) {
		t.Errorf("seen\n%q, want\n%q", list, want)
	}
	stop()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	go func() { ran <- r.Run(t.Context(), func(feed.Item) {}) }()
	for range 2 {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := <-ran; !errors.Is(err, os.ErrClosed) {
		t.Errorf("of a Reader that was closed Run gives %v", err)
	}
	if err := r.Name(nil); !errors.Is(err, os.ErrClosed) {
		t.Errorf("of a Reader that was closed Name gives %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	whole := make([]byte, evSize)
	binary.NativeEndian.PutUint32(whole[evHeaders:], 28)
	whole[evPacket], whole[evPacket+9] = 0x45, 17
	f.Add(whole)
	f.Add(whole[:50])
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := decode(b); err == nil && r.Packet.Family == 0 {
			t.Error("a packet of no family")
		}
	})
}
