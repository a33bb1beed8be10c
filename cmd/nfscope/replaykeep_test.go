package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
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

// TestReplaySays: what a recording tells of losses and of what did not work is told, once; a packet
// that began before --to keeps what came a little later; and an interruption ends it.
func TestReplaySays(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "a.nfs")
	a := &app{ctx: t.Context(), out: io.Discard, err: io.Discard}
	r, err := a.recordTo(name, "a test", false)
	if err != nil {
		t.Fatal(err)
	}
	r.begin(func(it feed.Item) { t.Error(it.Problem) })
	start := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	for range 2 {
		r.Put(feed.Item{Time: start, Problem: "it did not work"})
	}
	for _, lost := range []uint64{5, 0, 0} {
		r.Put(feed.Item{Time: start, Event: &journey.Event{Source: journey.SourceGap, Time: start, Lost: lost}})
	}
	packet := &model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP, Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("192.0.2.7"), SPort: 7, DPort: 80, Transport: true, Length: 60, TTL: 63}
	for i, v := range []model.Verdict{model.VerdictContinue, model.VerdictDrop} {
		at := start.Add(995*time.Millisecond + time.Duration(i)*10*time.Millisecond)
		r.Put(feed.Item{Time: at, Event: &journey.Event{Source: journey.SourceNFT, Time: at, Seq: uint64(i), Family: model.FamilyInet, Table: "fw", Chain: "pre",
			Kind: journey.EventRule, Handle: uint64(i + 1), Verdict: v, Packet: packet, ID: 1, In: "eth0"}})
		packet = nil // told once a chain
	}
	a.close()
	var out, errs bytes.Buffer
	a = &app{ctx: t.Context(), out: &out, err: &errs}
	if err := a.replay(name, replayFlags{json: true, to: time.Second}); err != nil {
		t.Fatal(err)
	}
	if errs.String() != "nfscope: it did not work\n" {
		t.Errorf("on stderr: %q", errs.String())
	}
	for _, want := range []string{`"verdict":"dropped"`, `"journeys":1,"lost":5,"gaps":2,`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in\n%s", want, out.String())
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	a = &app{ctx: ctx, out: io.Discard, err: io.Discard}
	if err := a.replay(name, replayFlags{json: true}); report(io.Discard, err) != exitInterrupted {
		t.Errorf("interrupted: %v", err)
	}
	host := &feed.Host{Name: "r", Source: "live"}
	it := feed.Item{Host: host}
	if asRecording(&it, "a test"); it.Host.Source != "recording: a test" || it.Host.Name != "r" || host.Source != "live" {
		t.Errorf("%+v of %+v", it.Host, host)
	}
}
