package top

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/flow"
)

func looks() (out []*flow.Look) {
	tuple := func(src, dst string, sp, dp uint16) model.Tuple {
		return model.Tuple{Proto: model.ProtoTCP, Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), SPort: sp, DPort: dp}
	}
	count := func(n uint64) model.Counters { return model.Counters{Packets: n, Bytes: n * 100, Valid: true} }
	for i := range uint16(3) {
		out = append(out, &flow.Look{Orig: tuple("10.0.0.5", "203.0.113.9", 1000+i, 443), Reply: tuple("10.2.0.2", "10.2.0.1", 8443, 1000+i),
			Status: flow.SrcNAT | flow.DstNAT | flow.SeenReply, State: "ESTABLISHED", Counted: true, Sent: count(1), Back: count(2), Rate: -1, Classes: flow.Set(flow.ClassDNAT, flow.ClassMasquerade)})
	}
	out = append(out, &flow.Look{Orig: tuple("10.0.0.6", "203.0.113.9", 1000, 80), Reply: tuple("203.0.113.9", "10.0.0.6", 80, 1000),
		State: "SYN_SENT", Mark: 7, Zone: 3, Counted: true, Sent: count(50), Rate: 9})
	return append(out, &flow.Look{Orig: tuple("10.0.0.7", "203.0.113.9", 1000, 80), Gone: true})
}

// TestCount: each way of adding up has its rows, ordered by rate, then bytes, then number.
func TestCount(t *testing.T) {
	for by, want := range map[By]string{
		Client:      "10.0.0.6 1 1 5000, 10.0.0.5 3 0 900",
		Destination: "203.0.113.9 4 1 5900",
		Service:     "tcp 203.0.113.9:80 1 1 5000, tcp 203.0.113.9:443 3 0 900",
		Backend:     "tcp 203.0.113.9:80 1 1 5000, tcp 10.2.0.2:8443 3 0 900",
		NATAddress:  "10.2.0.1 3 0 900",
		Proto:       "tcp 4 1 5900",
		State:       "tcp SYN_SENT 1 1 5000, tcp ESTABLISHED 3 0 900",
		Zone:        "zone 3 1 1 5000, zone 0 3 0 900",
		Mark:        "mark 0x7 1 1 5000, mark 0x0 3 0 900",
		Class:       "none 1 1 5000, dnat+masquerade 3 0 900",
	} {
		rows, of := Count(slices.Values(looks()), by, 10)
		var l []string
		for _, r := range rows {
			l = append(l, strings.Join([]string{r.Name, num(r.Flows), num(r.Unreplied), num(int(r.Bytes))}, " "))
		}
		if got := strings.Join(l, ", "); got != want || of != len(rows) {
			t.Errorf("%s: %s of %d, expected %s", by, got, of, want)
		}
	}
	rows, of := Count(slices.Values(looks()), Client, 1)
	b, err := rows[0].JSON(time.Time{}, 1)
	if err != nil || of != 2 || len(rows) != 1 || !strings.Contains(string(b), `"bytes_per_second":9`) {
		t.Errorf("%s %v, %d of %d", b, err, len(rows), of)
	}
	for _, b := range All() {
		if p, err := Parse(string(b)); err != nil || p != b {
			t.Errorf("%s: %v", b, err)
		}
	}
	if _, err := Parse("colour"); err == nil || !strings.Contains(err.Error(), "client, destination") {
		t.Error(err)
	}
}

func num(n int) string { return fmt.Sprint(n) }
