package journey

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"nfscope/model"
)

// scripted makes events of fuzz bytes: any order, any nonsense.
func scripted(b []byte, rs *model.Ruleset) (l []Event) {
	at := began
	var chains []*model.Chain
	var tables []*model.Table
	for _, t := range rs.Tables {
		for _, c := range t.Chains {
			chains, tables = append(chains, c), append(tables, t)
		}
	}
	for len(b) >= 8 {
		c := b[:8]
		b = b[8:]
		at = at.Add(time.Duration(c[0]) * time.Millisecond)
		n := int(c[1]) % len(chains)
		e := Event{Source: Source(c[2]%4 + 1), Time: at, Family: tables[n].Family, Table: tables[n].Name, Chain: chains[n].Name,
			Kind: EventKind(c[3] % 4), Num: int(c[4]%8) - 1, Hook: model.Hook(c[5] % 9), ID: uint32(c[6] % 3), Handle: uint64(c[4]%8) + 8,
			Verdict: model.Verdict(c[7] % 12), HasMark: c[0]&1 == 0, Mark: uint32(c[1])}
		if e.Source > SourceGap {
			e.Source, e.Table, e.Chain = SourceNFT, ProbePrefix+"1_1", []string{"trace", "input", "forward", "postrouting"}[c[7]%4]
		}
		if c[4]&16 != 0 {
			e.Handle = 0
		}
		if c[5]&16 == 0 {
			e.Packet = udp([]string{"10.0.1.0", "10.0.1.1"}[c[6]&1], uint16(c[6]>>6))
		}
		if c[5]&32 != 0 {
			e.In = "r0"
		}
		if c[5]&64 != 0 {
			e.Out = "r1"
		}
		if c[6]&4 != 0 {
			e.Stamp = began.Add(time.Duration(c[6]>>5) * time.Second)
		}
		if c[7]&64 != 0 {
			e.To = chains[int(c[7])%len(chains)].Name
			e.CT = &CT{ID: uint32(c[0]), State: uint32(c[1]), Direction: c[2] & 1}
		}
		if c[3] == 255 {
			e.Time = time.Time{}
		}
		l = append(l, e)
	}
	return l
}

// FuzzFold folds nonsense: nothing panics, every journey can be written, nothing is
// kept of those that are closed, and the bounds hold.
func FuzzFold(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		b := make([]byte, 800)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b, uint64(3))
	}
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		k := &kernel{Rand: rand.New(rand.NewPCG(seed, 1)), probes: seed&1 == 0}
		k.randomRules(seed&2 == 0)
		fold := NewFold(Options{Probes: k.probes, Keep: 10})
		if seed&4 == 0 {
			fold.SetRules(k.index(), began)
		}
		for i, e := range scripted(b, k.rs) {
			fold.Event(&e)
			switch i % 50 {
			case 10:
				fold.Tick(e.Time)
			case 20:
				fold.Journeys()
			case 40:
				fold.SetRules(k.index(), e.Time.Add(-time.Millisecond))
			}
		}
		fold.Flush()
		if fold.open != 0 || fold.going != (lane{}) || fold.held != (lane{}) || len(fold.byKey) != 0 || len(fold.byID) != 0 || len(fold.done) > 10 {
			t.Fatalf("%d open, %d keys, %d ids, %d done", fold.open, len(fold.byKey), len(fold.byID), len(fold.done))
		}
		number := 0
		for _, j := range fold.Journeys() {
			if j.Number <= number {
				t.Fatalf("journey %d after %d", j.Number, number)
			}
			number = j.Number
			if !j.Closed || j.Complete == (j.Why != "") {
				t.Fatalf("closed %v complete %v: %q", j.Closed, j.Complete, j.Why)
			}
			if _, err := json.Marshal(j); err != nil {
				t.Fatal(err)
			}
			if j.Outcome.Sentence == "" {
				t.Fatal("no sentence")
			}
		}
	})
}

// FuzzEventJSON writes events as recordings hold them and reads them again.
func FuzzEventJSON(f *testing.F) {
	f.Add(byte(2), byte(7), byte(3), uint64(1<<60), "a:b", "\x00", []byte{0x45, 0, 0, 33, 1, 2, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 2, 3, 4})
	f.Add(byte(200), byte(99), byte(250), uint64(3), "", "r0", []byte{0x60, 0, 0, 1, 0, 16, 44, 64, 23: 1, 39: 2, 47: 0})
	f.Fuzz(func(t *testing.T, family, hook, verdict byte, n uint64, chain, in string, b []byte) {
		// Go's JSON turns other bytes into U+FFFD; iptables and nft print them as they are.
		chain, in = strings.ToValidUTF8(chain, "?"), strings.ToValidUTF8(in, "?")
		e := Event{Source: SourceNFT, Time: began, Seq: n, Family: model.Family(family), Chain: chain, Hook: model.Hook(hook), Handle: n,
			Verdict: model.Verdict(verdict), In: in, Mark: uint32(n), HasMark: true, CT: &CT{ID: uint32(n)}}
		if p, err := model.DecodePacket(0, b, nil); err == nil {
			e.Packet = &p
		}
		text, err := json.Marshal(&e)
		if err != nil {
			t.Fatal(err)
		}
		var back Event
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		again, _ := json.Marshal(&back)
		if string(text) != string(again) {
			t.Fatalf("written:\n%s\nread and written:\n%s", text, again)
		}
		if e.Packet != nil && !reflect.DeepEqual(e.Packet, back.Packet) {
			t.Fatalf("%+v\n%+v", e.Packet, back.Packet)
		}
	})
}

// FuzzDeltaJSON reads changes of any kind; what can be read is written the same.
func FuzzDeltaJSON(f *testing.F) {
	for _, s := range []string{`{"dst":"10.2.0.2","dport":80,"mark":7}`, `{"mark":"x","sport":"abc","ttl":-1}`, `null`, `{"a\u0000":[1]}`, `{"mark":1e99}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var d, back Delta
		if json.Unmarshal(b, &d) != nil {
			return
		}
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatalf("%v of %s", err, b)
		}
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if len(d) != len(back) || len(d) > 0 && !reflect.DeepEqual(d, back) {
			t.Fatalf("%v became %v", d, back)
		}
	})
}

func TestDiff(t *testing.T) {
	a := udp("10.0.0.1", 1)
	b := *a
	b.Dst, b.DPort, b.TTL, b.Mark, b.TOS = udp("10.0.0.2", 1).Dst, 80, 63, 7, 16
	d := Diff(a, &b)
	text, err := json.Marshal(d)
	if err != nil || string(text) != `{"dst":"10.0.0.2","dport":80,"ttl":63,"tos":16,"mark":7}` {
		t.Errorf("%v %s", err, text)
	}
	var back Delta
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(d, back) {
		t.Errorf("%v: %v", err, back)
	}
}
