package main

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/journey"
	"nfscope/trace/record"
)

// TestReplayWaitsForWhoLags: where one source's events wait while another's are read, a
// replay closes no packet before its own, as the session did not; nor where who asks the
// sources is held up too. What was read at once is no lag, and the recording says nothing.
func TestReplayWaitsForWhoLags(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	ms := func(n int) time.Time { return start.Add(time.Duration(n) * time.Millisecond) }
	// One packet's two rules, and between them the time in which others were told of.
	slow, others := []int{100, 101}, []int{100, 150, 400, 900, 1400}
	const whole, torn = 6, 7 // packets
	for _, c := range []struct {
		name    string
		heard   map[int]int // before the packets of a time: the answer of the sources
		packets int
		notes   int
	}{
		{"nobody asks the sources", nil, torn, 0},
		{"they keep up", map[int]int{100: 100, 150: 150, 400: 400, 900: 900, 1400: 1400}, torn, 0},
		{"one lags", map[int]int{100: 100, 150: 101, 400: 101, 900: 101, 1400: 101, 1401: 2000}, whole, 4},
		{"who asks is held up", map[int]int{100: 100, 1401: 2000}, whole, 2},
	} {
		name := filepath.Join(t.TempDir(), "a.nfs")
		a := &app{ctx: context.Background(), out: &bytes.Buffer{}, err: &bytes.Buffer{}}
		r, err := a.recordTo(name, "a test", false)
		if err != nil {
			t.Fatal(err)
		}
		r.begin(func(it feed.Item) { t.Error(it.Problem) })
		var answer time.Time
		ask := r.hearing(func() time.Time { return answer })
		put := func(at, id, handle int, v model.Verdict) {
			p := &model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP, Src: netip.AddrFrom4([4]byte{10, 0, 0, byte(id)}), Dst: netip.MustParseAddr("192.0.2.7"),
				SPort: 7, DPort: 80, Transport: true, Length: 60, TTL: 63}
			if handle > 1 {
				p = nil // told once a chain
			}
			r.Put(feed.Item{Time: ms(at), Event: &journey.Event{Source: journey.SourceNFT, Time: ms(at), Family: model.FamilyInet, Table: "fw", Chain: "pre",
				Kind: journey.EventRule, Handle: uint64(handle), Verdict: v, Packet: p, ID: uint32(id), In: "eth0"}})
		}
		tell := func(at int) {
			if to, ok := c.heard[at]; ok {
				answer = ms(to)
				ask()
			}
		}
		tell(100)
		put(slow[0], 1, 1, model.VerdictContinue)
		for i, at := range others {
			if at > 100 {
				tell(at)
			}
			put(at, i+2, 1, model.VerdictContinue)
		}
		put(slow[1], 1, 2, model.VerdictDrop)
		tell(1401)
		a.close()
		var out, errs bytes.Buffer
		a = &app{ctx: t.Context(), out: &out, err: &errs}
		if err := a.replay(name, replayFlags{json: true}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(out.String(), `"nfscope/journey/1"`); got != c.packets {
			t.Errorf("%s: %d packets of %d\n%s", c.name, got, c.packets, out.String())
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		rr, err := record.NewReader(name, f)
		if err != nil {
			t.Fatal(err)
		}
		notes := 0
		for it, err := rr.Next(); err == nil; it, err = rr.Next() {
			if it.Heard != nil {
				notes++
			}
		}
		if notes != c.notes {
			t.Errorf("%s: the recording has %d notes of it, not %d", c.name, notes, c.notes)
		}
	}
}
