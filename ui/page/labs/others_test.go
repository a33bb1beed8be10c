package labs

import (
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/ui/keys"
	"nfscope/ui/theme"
	"nfscope/ui/uitest"
)

// On a tall page the step's other packets are told too, each with its way where there is
// room: when they were shown, not before.
func TestOthers(t *testing.T) {
	t.Parallel()
	for lang, want := range map[string][]string{
		"en": {"the step's other packets: 2", "no rule is asked; conntrack: ESTABLISHED"},
		"zh": {"本步的其余报文：2", "不问任何规则；conntrack：ESTABLISHED"},
	} {
		p := New(Options{Pace: &pace{held: true}})
		f := frame(uitest.Lab(lang, 0), theme.Options{}, 200, 75)
		do(p, f, keys.GoOn, keys.Bottom, keys.GoOn)
		f.Snap = uitest.Lab(lang, 1)
		first := f.Snap.Journeys[0]
		f.Snap.Rules, f.Snap.Flows.Table = &model.Ruleset{}, nil // they have room of their own
		last := f.Snap.Lab.Steps[1].After
		second, third := *first, *first
		second.Number, third.Number = last, last
		second.Steps, second.CTState, second.Packet.Src, second.Packet.Dst = nil, "ESTABLISHED", first.Packet.Dst, first.Packet.Src
		third.Packet.SPort = 40999
		f.Snap.Journeys = []*journey.Journey{first, &second, &third}
		if p.Move(0, f); strings.Contains(text(p, f), want[0]) {
			t.Fatalf("told before they were shown:\n%s", text(p, f))
		}
		run(t, p, f)
		wants(t, p, f, want...)
		wants(t, p, f, "198.51.100.7:40999 > 203.0.113.1:443")
		for room, ways := range map[int]int{30: 1, 4: 0, 2: 0} { // the answer's way has no rule
			told := p.others(f, 110, room)
			if n := strings.Count(strings.Join(told, "\n"), "-j DOCKER-USER"); n != ways || len(told) > room {
				t.Errorf("%d ways in %d lines of %d, want %d:\n%s", n, len(told), room, ways, strings.Join(told, "\n"))
			}
		}
		if told := strings.Join(p.others(f, 160, 30), "\n"); !strings.Contains(told, map[string]string{"en": "chains can still drop", "zh": "条链还可能丢弃它"}[lang]) {
			t.Errorf("%s: the other's ladder:\n%s", lang, told)
		}
		if f.Height = 40; strings.Contains(text(p, f), want[0]) {
			t.Errorf("no room, and yet:\n%s", text(p, f))
		}
	}
}
