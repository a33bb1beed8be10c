package record

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/flow"
	"nfscope/model/journey"
)

// flood gives n items as a busy router's trace makes them: packets of many connections
// through eight base chains and back, and what conntrack says of them.
func flood(n int, put func(feed.Item)) {
	list := items()
	put(list[0])
	rs := &model.Ruleset{Generation: "g1", Taken: at(0), Tables: []*model.Table{{Backend: model.BackendNFTables, Family: model.FamilyInet, Name: "fw"}}}
	chains := []struct {
		name string
		hook model.Hook
	}{{"raw", model.HookPrerouting}, {"mangle", model.HookPrerouting}, {"forward", model.HookForward}, {"post", model.HookPostrouting}}
	for i, c := range chains {
		ch := &model.Chain{Name: c.name, Hook: c.hook, Priority: model.Priority(i), Type: "filter", Policy: "accept"}
		for k := range 20 {
			ch.Rules = append(ch.Rules, model.Rule{Handle: uint64(10*i + k + 1), Text: fmt.Sprintf("tcp dport %d counter packets 0 bytes 0", 80+k)})
		}
		rs.Tables[0].Chains = append(rs.Tables[0].Chains, ch)
	}
	rs.Number()
	put(feed.Item{Time: at(0), Rules: rs})
	now, seq := t0, uint64(0)
	for i := 0; seq < uint64(n); i++ {
		src := netip.AddrFrom4([4]byte{10, byte(i >> 14), byte(i >> 7), byte(i)})
		p := model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoTCP, Src: src, Dst: netip.MustParseAddr("192.0.2.7"), SPort: uint16(1024 + i), DPort: 80,
			Transport: true, Length: 60, Flags: model.SYN, Seq: uint32(i * 7919), TTL: 63, IPID: uint16(i)}
		for k, c := range chains {
			for r, kind := range []journey.EventKind{journey.EventRule, journey.EventRule, journey.EventPolicy} {
				now, seq = now.Add(20*time.Microsecond), seq+1
				e := journey.Event{Source: journey.SourceNFT, Time: now, Seq: seq, Family: model.FamilyInet, Table: "fw", Chain: c.name, Kind: kind, ID: uint32(i * 31),
					Verdict: model.VerdictAccept, In: "eth0"}
				if kind == journey.EventRule {
					e.Handle, e.Verdict = uint64(10*k+r+1), model.VerdictContinue
				}
				if q := p; r == 0 {
					e.Packet = &q
				}
				put(feed.Item{Time: now, Event: &e})
			}
		}
		if i%4 == 0 {
			tup := model.Tuple{Proto: model.ProtoTCP, Src: src, Dst: p.Dst, SPort: p.SPort, DPort: 80}
			put(feed.Item{Time: now, Flow: &flow.Event{Type: flow.EventNew, Time: now, Flow: &flow.Flow{ID: uint32(i), Family: model.FamilyIPv4, State: "SYN_SENT",
				Status: flow.Confirmed, Timeout: time.Minute, Orig: flow.Side{Tuple: tup}, Reply: flow.Side{Tuple: tup.Reverse()}, Seen: now}}})
		}
	}
}

// large makes a recording of n trace events in a file, once for all that ask.
func large(tb testing.TB, n int) string {
	tb.Helper()
	name := filepath.Join(tb.TempDir(), "large.nfs")
	f, err := os.Create(name)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	w, err := NewWriter(f, Header{Version: "v1", Created: t0, Title: "a flood"}, nil, nil)
	if err != nil {
		tb.Fatal(err)
	}
	k := 0
	flood(n, func(it feed.Item) {
		w.Put(it)
		if k++; k%10000 == 0 {
			settled(w)
		}
	})
	if err := w.Close("done"); err != nil {
		tb.Fatal(err)
	}
	if w.Dropped() > 0 {
		tb.Fatalf("the writer dropped %d", w.Dropped())
	}
	return name
}

// BenchmarkPut is what a recording costs who puts, the tracer's reader, while the queue
// is full: b.N items come faster than any disk takes them.
func BenchmarkPut(b *testing.B) {
	w, err := NewWriter(io.Discard, Header{Created: t0}, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	var list []feed.Item
	flood(100_000, func(it feed.Item) { list = append(list, it) })
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		w.Put(list[i%len(list)])
	}
	b.StopTimer()
	if err := w.Close("done"); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "items/s")
	b.ReportMetric(float64(w.Dropped()), "dropped")
}

// BenchmarkWrite is how fast items come to the disk.
func BenchmarkWrite(b *testing.B) {
	size := counter(0)
	w, err := NewWriter(&size, Header{Created: t0}, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	var list []feed.Item
	flood(100_000, func(it feed.Item) { list = append(list, it) })
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		w.Put(list[i%len(list)])
		if i%10000 == 0 {
			settled(w)
		}
	}
	if err := w.Close("done"); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "items/s")
	b.ReportMetric(float64(size)/float64(b.N), "bytes/item")
}

type counter int

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

// BenchmarkRead is how fast items come back, one after the other.
func BenchmarkRead(b *testing.B) {
	file, err := os.ReadFile(large(b, 100_000))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for n := 0; n < b.N; {
		r, err := NewReader("file", bytes.NewReader(file))
		if err != nil {
			b.Fatal(err)
		}
		for ; n < b.N; n++ {
			if _, err := r.Next(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "items/s")
}

// settled waits until most of what was put is written into blocks.
func settled(w *Writer) {
	for w.pending() > 1000 {
		runtime.Gosched()
	}
}

func (w *Writer) pending() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue)
}
