package nflog

import (
	"fmt"
	"strings"
	"testing"

	"nfscope/model/journey"
)

func TestParsePrefix(t *testing.T) {
	for s, want := range map[string]Prefix{
		"TRACE: raw:PREROUTING:policy:3 ":  {"raw", "PREROUTING", journey.EventPolicy, 3},
		"TRACE: filter:INPUT:rule:2":       {"filter", "INPUT", journey.EventRule, 2},
		"TRACE: filter:a:b:return:1 ":      {"filter", "a:b", journey.EventReturn, 1},
		"TRACE: nat::rule:7:rule:12 ":      {"nat", ":rule:7", journey.EventRule, 12},
		"TRACE: filter:with space:rule:1 ": {"filter", "with space", journey.EventRule, 1},
		"TRACE: mangle:x:rule:4294967295 ": {"mangle", "x", journey.EventRule, 4294967295},
	} {
		got, err := ParsePrefix(s)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", s, got, err)
		}
	}
	for s, want := range map[string]string{
		"":                                  "does not begin with",
		"mine ":                             "does not begin with",
		"TRACE: ":                           "found no colon",
		"TRACE: one:2":                      "found one colon",
		"TRACE: INPUT:rule:2":               "no table and chain",
		"TRACE: :INPUT:rule:2":              "no table and chain",
		"TRACE: filter::rule:2":             "no table and chain",
		"TRACE: filter:INPUT:rule:0":        `"0" is no rule number`,
		"TRACE: filter:INPUT:rule:x ":       `"x" is no rule number`,
		"TRACE: filter:INPUT:rule:-1":       `"-1" is no rule number`,
		"TRACE: filter:INPUT:rules:1 ":      `"rules" is none of rule, policy, return`,
		"TRACE: a:b:rule:99999999999999999": "no rule number",
	} {
		if got, err := ParsePrefix(s); err == nil || !strings.Contains(err.Error(), want) || got != (Prefix{}) {
			t.Errorf("%q: %+v, %v; want %q", s, got, err, want)
		}
	}
}

func FuzzParsePrefix(f *testing.F) {
	f.Add("TRACE: raw:PREROUTING:policy:3 ")
	f.Add("TRACE: filter:a:b:return:1 ")
	f.Add("mine ")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePrefix(s)
		if err != nil {
			return
		}
		kind := map[journey.EventKind]string{journey.EventRule: "rule", journey.EventPolicy: "policy", journey.EventReturn: "return"}[p.Kind]
		again, err := ParsePrefix(fmt.Sprintf("TRACE: %s:%s:%s:%d ", p.Table, p.Chain, kind, p.Num))
		if err != nil || again != p {
			t.Errorf("%q gives %+v, and that gives %+v, %v", s, p, again, err)
		}
	})
}
