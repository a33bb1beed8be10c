package main

import (
	"bufio"
	"bytes"
	"net/netip"
	"testing"

	"nfscope/model"
	"nfscope/model/flow"
)

// TestTopText: the heads, and n/a for what is not known; without counters it is said how they come.
func TestTopText(t *testing.T) {
	t.Parallel()
	one := func(id uint32, proto model.Proto, bytes uint64) *flow.Flow {
		tu := model.Tuple{Proto: proto, Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), SPort: uint16(id), DPort: 80}
		f := &flow.Flow{ID: id, Family: model.FamilyIPv4, Orig: flow.Side{Tuple: tu}, Reply: flow.Side{Tuple: tu.Reverse()}}
		f.Orig.Count = model.Counters{Packets: bytes / 10, Bytes: bytes, Valid: bytes > 0}
		return f
	}
	for want, l := range map[string][]*flow.Flow{
		`by proto, 2 of 3
proto       connections unreplied      packets          bytes      bytes/s
udp                   1         1           70            700          n/a
tcp                   2         2           20            200          n/a
`: {one(1, model.ProtoTCP, 100), one(2, model.ProtoTCP, 100), one(3, model.ProtoUDP, 700), one(4, model.ProtoSCTP, 10)},
		`by proto, 1 of 1
proto       connections unreplied      packets          bytes      bytes/s
tcp                   1         1          n/a            n/a          n/a
packets and bytes are not counted: sysctl -w net.netfilter.nf_conntrack_acct=1 counts those of new connections
`: {one(1, model.ProtoTCP, 0)},
		`by proto, 1 of 1
proto       connections unreplied      packets          bytes      bytes/s
tcp                   3         3          10+           100+          n/a
+ and more: 2 connections have no counters: they came after the last reading, or began before net.netfilter.nf_conntrack_acct was 1
`: {one(1, model.ProtoTCP, 100), one(2, model.ProtoTCP, 0), one(3, model.ProtoTCP, 0)},
	} {
		var out bytes.Buffer
		w := bufio.NewWriter(&out)
		rows, of := flow.TableOf(l...).Top(flow.OfProto, nil, 2)
		printTop(w, rows, of, flow.OfProto)
		if _ = w.Flush(); out.String() != want {
			t.Errorf("%s\nexpected\n%s", out.String(), want)
		}
	}
}
