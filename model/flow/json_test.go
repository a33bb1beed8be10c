package flow

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"nfscope/model"
)

func TestEventJSON(t *testing.T) {
	when := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	f := &Flow{ID: 12, Family: model.FamilyIPv4, State: "ESTABLISHED", Status: SeenReply | Assured | DstNAT, Timeout: 1500 * time.Millisecond,
		Mark: 16, Zone: 3, Labels: []byte{0, 0xab}, Helper: "ftp", Start: when, Seen: when,
		Orig:  Side{Tuple: ends(model.ProtoTCP, "10.0.0.5:51000", "203.0.113.9:443"), Count: model.Counters{Packets: 2, Bytes: 100, Valid: true}},
		Reply: Side{Tuple: ends(model.ProtoTCP, "10.2.0.2:8443", "10.0.0.5:51000")}}
	f.NAT, f.Rate = Classify(f, Host{}), -1
	busy, idle := *f, *f
	busy.Rate, idle.Rate = 12.5, 0
	waits := busy // an expectation of which the kernel tells no zone
	waits.Expects = []Expectation{{ID: 1, Tuple: busy.Orig.Tuple, Mask: busy.Orig.Tuple}}
	for f, want := range map[*Flow]string{&busy: `"bytes_per_second":12.5`, &idle: `"bytes_per_second":0}`, &waits: `,"zone":0,"zone_unknown":true,"timeout_ns":0,"helper":"",`} {
		if b, err := json.Marshal(Event{Type: EventDump, Flow: f}); err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s, %v, expected %s", b, err, want)
		}
	}
	for written, known := range map[string]bool{`"zone":7`: true, `"zone":7,"zone_unknown":true`: false, `"flags":0`: false /* before zones were asked for */} {
		var e Event
		if err := json.Unmarshal([]byte(`{"schema":"nfscope/flow/1","event":"new","family":"ip","proto":"tcp","orig":{},"reply":{},"expects":[{"tuple":{"proto":"tcp"},"mask":{"proto":"tcp"},`+written+`}]}`), &e); err != nil || len(e.Flow.Expects) != 1 || e.Flow.Expects[0].ZoneKnown != known {
			t.Errorf("%s: %+v, %v", written, e.Flow, err)
		}
	}
	for _, c := range []struct {
		ev   Event
		want string
	}{
		{Event{Type: EventNew, Time: when, Flow: f}, `{"schema":"nfscope/flow/1","event":"new","time":"2026-01-02T03:04:05.000000006Z",` +
			`"id":12,"family":"ip","proto":"tcp","state":"ESTABLISHED","status":["SEEN_REPLY","ASSURED","DST_NAT"],` +
			`"orig":{"src":"10.0.0.5","sport":51000,"dst":"203.0.113.9","dport":443,"packets":2,"bytes":100},` +
			`"reply":{"src":"10.2.0.2","sport":8443,"dst":"10.0.0.5","dport":51000},` +
			`"nat":{"class":["dnat"],"client":"10.0.0.5:51000","service":"203.0.113.9:443","backend":"10.2.0.2:8443"},` +
			`"timeout_ns":1500000000,"mark":16,"zone":3,"labels":"00ab","helper":"ftp","start":"2026-01-02T03:04:05.000000006Z","offload":false}`},
		{Event{Type: EventGap, Lost: 7}, `{"schema":"nfscope/flow/1","event":"gap","lost":7}`},
		{Event{Type: EventGap}, `{"schema":"nfscope/flow/1","event":"gap","lost":0}`},
	} {
		b, err := json.Marshal(c.ev)
		if err != nil || string(b) != c.want {
			t.Errorf("%s, %v\nexpected %s", b, err, c.want)
		}
	}
}

func TestEventJSONRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	protos := []model.Proto{model.ProtoTCP, model.ProtoUDP, model.ProtoICMP, model.ProtoICMPv6, model.ProtoGRE, 200}
	for range 2000 {
		side := func(p model.Proto) Side {
			a, b := [16]byte{0xfd, byte(r.Uint32())}, [16]byte{0xfd, 1, byte(r.Uint32())}
			s := Side{Tuple: model.Tuple{Proto: p, Src: netip.AddrFrom16(a), Dst: netip.AddrFrom16(b)}, Zone: uint16(r.IntN(2))}
			if p != 200 {
				s.Tuple.SPort, s.Tuple.DPort = uint16(r.Uint32()), uint16(r.Uint32())
			}
			if r.IntN(2) == 0 {
				s.Count = model.Counters{Packets: r.Uint64(), Bytes: r.Uint64(), Valid: true}
			}
			return s
		}
		p := protos[r.IntN(len(protos))]
		when := time.Unix(r.Int64N(1<<31), r.Int64N(1e9)).UTC()
		f := &Flow{ID: r.Uint32(), Family: model.FamilyIPv6, Orig: side(p), Reply: side(p), State: []string{"", "SYN_SENT"}[r.IntN(2)],
			Status: Status(r.Uint32()), Timeout: time.Duration(r.Int64N(1 << 50)), Mark: r.Uint32(), Zone: uint16(r.Uint32()), Seen: when, Rate: -1}
		if r.IntN(2) == 0 {
			f.Labels, f.Helper, f.Start, f.Gone = []byte{byte(r.Uint32())}, "sip", when, when
		}
		if r.IntN(2) == 0 {
			rareFields(r, f, when)
		}
		f.NAT = Classify(f, Host{})
		want := []Event{{Type: EventDump + EventType(r.IntN(4)), Time: when, Flow: f}, {Type: EventGap, Time: when, Lost: r.Uint64()},
			{Type: EventDumpBegin, Time: when}, {Type: EventDumpEnd, Time: when, Flows: r.IntN(1000)}}
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got []Event
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%s\nread   %+v %+v\nbefore %+v %+v", b, got[0], got[0].Flow, want[0], want[0].Flow)
		}
	}
}

// rareFields fills what few flows have.
func rareFields(r *rand.Rand, f *Flow, when time.Time) {
	ftp := func(port uint16) model.Tuple {
		return ends(model.ProtoTCP, "10.0.0.5:1", fmt.Sprintf("10.0.0.6:%d", port))
	}
	f.TimeoutMax, f.Stop, f.Use, f.HelperInfo = time.Minute, when, r.Uint32(), []byte{1, 2}
	f.Master, f.Synproxy, f.DCCP, f.Context = ftp(21), Synproxy{r.Uint32(), 2, 3}, DCCP{1, r.Uint64()}, "system_u:object_r"
	f.Expects = []Expectation{{ID: r.Uint32(), Master: f.Orig.Tuple, Tuple: ftp(4000), Mask: ftp(65535), Zone: uint16(r.Uint32()), ZoneKnown: r.IntN(2) == 0, Timeout: time.Second,
		Helper: "ftp", Function: "nat-follow-master", Flags: 1, Class: 2}}
	f.Rate, f.Unknown = 1.5, []Attribute{{Type: 99}, {Type: 4<<8 | 9, Data: []byte{7}}}
	f.Orig.Adjust, f.Orig.TCP, f.Reply.VTag = SeqMove{r.Uint32(), -5, 7}, TCPSide{7, 0x23}, r.Uint32()
}

func FuzzEventJSON(f *testing.F) {
	f.Add([]byte(`{"schema":"nfscope/flow/1","event":"gap","lost":7}`))
	f.Add([]byte(`{"schema":"nfscope/flow/1","event":"new","id":1,"family":"ip","proto":"icmp","status":["0x10000"],"orig":{"src":"1.2.3.4","dst":"::1","icmp_type":8,"icmp_code":0,"icmp_id":3},"reply":{}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var e, again Event
		if json.Unmarshal(b, &e) != nil {
			return
		}
		out, err := json.Marshal(e)
		if err != nil {
			return // a year beyond 9999
		}
		if err := json.Unmarshal(out, &again); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
		if e.Flow != nil {
			e.Flow.Line()
			e.Flow.Explain()
		}
		tab := &Table{}
		tab.Apply(e)
		tab.List()
	})
}

func FuzzHostFrom(f *testing.F) {
	f.Add(`-A P -j SNAT --to-source [fd00::1-fd00::2]:1-2`)
	f.Add(`dnat to 10.0.0.1/33`)
	f.Fuzz(func(t *testing.T, text string) {
		h := HostFrom(ruleset(model.FamilyIPv4, model.Rule{Text: text}), nil)
		for _, r := range h.Rules {
			for _, x := range r.To {
				x.Contains(netip.IPv4Unspecified())
			}
		}
	})
}
