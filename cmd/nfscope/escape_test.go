package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode"

	"nfscope/model"
	"nfscope/model/compare"
	"nfscope/model/feed"
	"nfscope/model/journey"
	"nfscope/trace/record"
	"nfscope/ui/component/line"
)

// hostile is what a rule's comment, an interface's name or a recording's title may hold.
const hostile = "a\x1b[31mb\x1b]0;t\x07c\u009b2Jd\u202ee\rf\u200bg"

// steers reports what of a text a terminal would take for more than text.
func steers(s string) string {
	for i, r := range s {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			return s[i:min(i+20, len(s))]
		}
	}
	return ""
}

// TestHostileText: nothing that others wrote steers the terminal, in whatever form a
// recording is looked at.
func TestHostileText(t *testing.T) {
	t.Parallel()
	step := journey.Step{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Hook: model.HookInput, Table: "filter", Base: hostile, Chain: hostile,
		Kind: journey.KindRule, Rule: 1, Text: "-A INPUT -m comment --comment \"" + hostile + "\" -j DROP", Comment: hostile, Verdict: model.VerdictDrop}
	way := func(n int) *journey.Journey {
		return &journey.Journey{Number: n, Family: model.FamilyIPv4, In: hostile, Steps: []journey.Step{step}, Complete: true, Closed: true,
			Packet:  model.Packet{Family: model.FamilyIPv4, Proto: model.ProtoUDP, Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2")},
			Outcome: journey.Outcome{Verdict: journey.Dropped, Sentence: "dropped by " + hostile}}
	}
	other := way(2)
	other.In, other.Steps = "x"+hostile, append(other.Steps, step)
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	host := &feed.Host{Name: hostile, Kernel: hostile, Source: hostile, Local: []string{hostile}, Facts: []feed.Fact{{Name: hostile, Value: hostile}}}
	info := &record.Info{Title: hostile, Version: hostile, Ended: hostile, Cut: hostile, Host: host, Rules: []record.Rules{{Generation: hostile}}, Problems: []string{hostile}}
	packet := newJourneyPrinter(&b, false, 0)
	objects := newJourneyPrinter(&b, true, 0)
	for name, print := range map[string]func() error{
		"info":       func() error { return printInfo(w, info) },
		"comparison": func() error { return printComparison(w, compare.Journeys(way(1), other), 0) },
		"a message":  func() error { _, err := shown{&b}.Write([]byte("nfscope: " + hostile + "\n")); return err },
		"a packet":   func() error { _, err := packet.print([]*journey.Journey{way(1)}); return err },
		"JSON":       func() error { _, err := objects.print([]*journey.Journey{way(1)}); return err },
		"the title": func() error {
			return printTitle(w, &record.Header{Title: hostile, Version: hostile, Created: time.Unix(0, 0)})
		},
		"all objects": func() error { return json.NewEncoder(&escaped{to: &b}).Encode(info) },
	} {
		b.Reset()
		if err := print(); err != nil {
			t.Fatal(name, err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(name, err)
		}
		if s := steers(b.String()); s != "" || b.Len() < 20 {
			t.Errorf("%s: %d bytes, with %q", name, b.Len(), s)
		}
	}
}

// TestEscaped: JSON says the same, wherever it is cut on its way out.
func TestEscaped(t *testing.T) {
	t.Parallel()
	want := map[string]string{"x": hostile + "é 中 \U000e0001 \U0001f600"}
	whole, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		var b bytes.Buffer
		e := &escaped{to: &b}
		_, err1 := e.Write(whole[:n])
		_, err2 := e.Write(whole[n:])
		var got map[string]string
		if err := json.Unmarshal(b.Bytes(), &got); err != nil || err1 != nil || err2 != nil || got["x"] != want["x"] {
			t.Fatalf("cut at %d: %q, %v", n, got, err)
		}
		if s := strings.ReplaceAll(b.String(), "\U000e0001", ""); steers(s) != "" {
			t.Fatalf("cut at %d: %q", n, s)
		}
	}
	if !strings.Contains(line.Clean(hostile), "?") {
		t.Error("nothing is hostile about the text")
	}
}
