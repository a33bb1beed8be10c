package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/journey"
)

// recordingOf writes a recording of so many packets, a millisecond apart, and gives its name.
func recordingOf(t *testing.T, packets int) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "many.nfs")
	a := &app{ctx: context.Background(), out: &bytes.Buffer{}, err: &bytes.Buffer{}}
	r, err := a.recordTo(name, "many", false)
	if err != nil {
		t.Fatal(err)
	}
	r.begin(func(it feed.Item) { t.Error(it.Problem) })
	now := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	for i := 0; i < packets; {
		it := feed.Item{Time: now}
		for ; i < packets && len(it.Events) < 64; i++ {
			p := &model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP, Src: netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 10<<24|uint32(i)))),
				Dst: netip.MustParseAddr("192.0.2.7"), SPort: 7, DPort: 80, Transport: true, Length: 60, TTL: 63}
			it.Events = append(it.Events, journey.Event{Source: journey.SourceNFT, Time: now, Seq: uint64(i), Family: model.FamilyInet, Table: "fw", Chain: "pre",
				Kind: journey.EventRule, Handle: 1, Verdict: model.VerdictDrop, Packet: p, ID: uint32(i), In: "eth0"})
			now = now.Add(time.Millisecond)
		}
		r.Put(it)
	}
	r.ended("it is enough")
	a.close()
	return name
}

// TestReplayPrintsAll: no packet of a recording is kept longer than it takes to print it,
// however many there are; where all are needed together, those left out are counted.
func TestReplayPrintsAll(t *testing.T) {
	t.Parallel()
	const packets = 3 * fewKept
	name := recordingOf(t, packets)
	run := func(o replayFlags) (out, errs string) {
		var b, e bytes.Buffer
		a := &app{ctx: context.Background(), out: &b, err: &e}
		o.keep = packets / 2
		if err := a.replay(name, o); err != nil {
			t.Fatalf("%+v: %v", o, err)
		}
		return b.String(), e.String()
	}
	out, _ := run(replayFlags{json: true})
	if lines := strings.Count(out, `"nfscope/journey/1"`); lines != packets || !strings.Contains(out, fmt.Sprintf(`"number":%d,`, packets)) || !strings.Contains(out, `"number":1,`) {
		t.Errorf("%d packets printed, want %d", lines, packets)
	}
	if out, _ := run(replayFlags{plain: true, from: time.Second / 2, to: time.Second}); !strings.Contains(out, "\n501 packets, ") {
		t.Errorf("half a second has %q", out[max(0, len(out)-100):])
	}
	to := filepath.Join(t.TempDir(), "x.pcapng")
	if _, errs := run(replayFlags{pcapng: to}); !strings.Contains(errs, "are left out; --from and --to choose others") {
		t.Errorf("of what is left out it says %q", errs)
	}
	if _, errs := run(replayFlags{pcapng: to + "2", to: time.Second / 2}); strings.Contains(errs, "left out") {
		t.Errorf("of a part it says %q", errs)
	}
}
