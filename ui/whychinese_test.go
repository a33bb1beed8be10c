package ui

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/filter"
	"nfscope/model/journey"
	"nfscope/model/miss"
	"nfscope/model/why"
	"nfscope/ui/page"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

// TestWhyInChinese: the answer and its ladders as they are drawn, of a packet that a rule dropped
// and of a connection that works; y copies the sentence that is seen.
func TestWhyInChinese(t *testing.T) {
	t.Parallel()
	snap := uitest.Snapshot()
	traced := func(number int) *journey.Journey {
		i := slices.IndexFunc(snap.Journeys, func(j *journey.Journey) bool { return j.Number == number })
		j := *snap.Journeys[i]
		j.Rules = snap.Names(snap.Rules)
		return &j
	}
	asked, answered := traced(14), traced(14)
	asked.Outcome.Sentence = "sent out of br0, accepted by the policy of nat/POSTROUTING (iptables-legacy)"
	answered.Number, answered.Direction, answered.Answers, answered.In, answered.Out, answered.NAT = 20, journey.Reply, 14, "br0", "eth0", nil
	answered.CTState, answered.Steps = "ESTABLISHED", answered.Steps[:2]
	p := &answered.Packet
	p.Src, p.SPort, p.Dst, p.DPort, p.Flags = netip.MustParseAddr("10.2.0.2"), 8443, p.Src, p.SPort, model.SYN|model.ACK
	answered.Outcome.Sentence = "sent out of eth0, accepted by the policy of inet fw/pre (nftables)"
	// What the server says is acknowledged, and the client closes.
	closed := *asked
	closed.Number, closed.Packet.Flags, closed.Packet.Ack = 21, model.RST|model.ACK, answered.Packet.Seq+1
	closed.Packet.Seq++
	// As long as it does not, that it works is not known.
	half, err := filter.Parse("tcp and dst host 203.0.113.1 and dst port 443")
	if err != nil {
		t.Fatal(err)
	}
	th := theme.New(theme.Options{Color: true, Dark: true})
	b := &whyBox{answer: why.Judge(&why.Seen{Filter: half, Began: asked.Start, Looked: 2500 * time.Millisecond, Over: true, Journeys: []*journey.Journey{asked, answered}})}
	if got := b.lines(th, 400, 5)[0]; got != th.Moving.Render(b.answer.Sentence) || b.answer.Kind != why.Works {
		t.Errorf("%s: %q", b.answer.Kind, got)
	}
	for name, c := range map[string]struct {
		filter string
		seen   []*journey.Journey
		copied string
	}{
		"dropped": {"tcp and dst host 203.0.113.10 and dst port 80", []*journey.Journey{traced(19)},
			"tcp 198.51.100.7 > 203.0.113.10:80 被丢弃，由 filter/INPUT (iptables-legacy) 的规则 2：-A INPUT -d 203.0.113.10/32 -j DROP"},
		"works": {"tcp and dst host 203.0.113.1 and dst port 443", []*journey.Journey{asked, answered, &closed},
			"这里没有问题：请求 tcp 198.51.100.7 > 203.0.113.1:443（转换为 10.2.0.2:8443）已送达（从 br0 发出），应答也回来了"},
	} {
		f, err := filter.Parse(c.filter)
		if err != nil {
			t.Fatal(err)
		}
		a := why.Judge(&why.Seen{Filter: f, Began: c.seen[0].Start, Looked: 2500 * time.Millisecond, Over: true, Journeys: c.seen, Watch: drop.Watch{Step: drop.StepBPF}})
		a.Near(miss.New(miss.In(snap)), 0)
		for _, size := range [][2]int{{80, 24}, {200, 60}} {
			s := newScreen(t, theme.Options{}, size[0], size[1])
			s.opt.Lang = "zh"
			s.opt.Why = func(context.Context, string, func(*why.Answer)) (*why.Answer, error) { return a, nil }
			s.send(SnapshotMsg{snap})
			s.send(page.WhyRequest{Filter: c.filter})
			got := strings.Join(s.Lines(), "\n")
			uitest.Exact(t, got, size[0], size[1])
			uitest.Golden(t, fmt.Sprintf("why-zh-%s-%dx%d", name, size[0], size[1]), got)
			b, ok := s.open.(*whyBox)
			if !ok {
				t.Fatal("no box is open")
			}
			if x, ok := b.copy()().(page.CopyRequest); !ok || x.Text != c.copied {
				t.Errorf("%s: copied %q, want %q", name, x.Text, c.copied)
			}
		}
	}
}
