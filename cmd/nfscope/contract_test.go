package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// The words that stand for values in a contract; other values are named, with | between.
const (
	families = "ip|ip6|inet|arp|bridge|netdev"
	backends = "iptables-legacy|iptables-nft|nftables"
	hooks    = "prerouting|input|forward|output|postrouting|ingress|egress"
	verdicts = "accepted|dropped|rejected|queued|unknown"
	classes  = "snat|dnat|masquerade|redirect|hairpin|port-rewritten"
)

// contracts say of each schema which fields its objects have, and of which values: what
// people script against. A field with ? may be absent; [] stands for each of a list. TEXT is
// a string with something in it, string may be empty. What is not named may be there.
func contracts() map[string]string {
	const rule = "backend " + backends + "\nfamily " + families + "\ntable TEXT\nchain TEXT\nrule number\ntext TEXT\n"
	const culprit = "backend " + backends + "|unknown\nfamily " + families + "\ntable string\nchain string\nkind rule|policy|kernel|unknown|\nrule number\ntext string\nreason? TEXT\n"
	const tuple = "proto? TEXT\nsrc TEXT\ndst TEXT\nsport? number\ndport? number\n"
	const counts = "seen number\ndropped number\ndelivered number\n"
	journey := "id TEXT\nstart time\norigin trace|sim\nfamily ip|ip6|inet|arp|bridge|netdev\nin string\nout string\npath input|forward|output|unknown\npacket object\n" +
		"steps list\n" + under("steps[].", "backend "+backends+"\nhook "+hooks+"\nfamily "+families+"\ntable TEXT\nchain TEXT\nkind rule|policy|return|end|miss|passed\nrule number\nhandle number\ntext string\n"+
		"verdict accept|drop|reject|continue|jump|goto|return|queue|stolen|unknown\ntarget string\nelement? TEXT\npacket? object\nbecause[]?.match TEXT\nbecause[]?.want string\nbecause[]?.have string\nbecause[]?.result no|yes|unknown\n") +
		"outcome.verdict " + verdicts + "\noutcome.sentence TEXT\n" + under("outcome.by.", culprit) + "nat?.class[] " + classes + "\nnat?.src[]? TEXT\nnat?.dst[]? TEXT\n" +
		"flow number\ncomplete bool\ngaps number\nassumptions[]? TEXT\npossible[]? " + verdicts + "\n"
	return map[string]string{
		"nfscope/ruleset/1": "netns string\ngeneration TEXT\nwarnings[] TEXT\ntables list\ntables[].backend " + backends + "\ntables[].family " + families + "\ntables[].name TEXT\ntables[].chains[].name TEXT\n" +
			"tables[].chains[].hook? " + hooks + "\ntables[].chains[].priority? number\ntables[].chains[].policy? TEXT\ntables[].chains[].packets? number\ntables[].chains[].bytes? number\n" +
			under("tables[].chains[].rules[].", "index number\nhandle number\ntext TEXT\ntarget string\njump string\npackets? number\nbytes? number\ncomment string\n"),
		"nfscope/journey/1": journey,
		"nfscope/flow/1": "event dump|new|update|destroy\nid number\nfamily ip|ip6\nproto TEXT\nstate string\nstatus[] TEXT\n" + under("orig.", tuple+"packets? number\nbytes? number\n") + under("reply.", tuple+"packets? number\nbytes? number\n") +
			"nat.class[]? " + classes + "\nnat.client? string\nnat.service? string\nnat.backend? string\ntimeout_ns number\nmark number\nzone number\nlabels string\nhelper string\nstart? time\noffload bool\n",
		"nfscope/drop/1": "time time\nreason TEXT\nreason_words TEXT\nby kernel|netfilter|conntrack|unknown\nlocation string\nstation string\nhook " + hooks + "|\nin string\nout string\npacket? object\n" + under("orig?.", tuple) + under("reply?.", tuple) +
			"count number\nsource bpf|perf|proc\nnetns string\n",
		"nfscope/why/1": "time time\nfilter TEXT\nkind rule|policy|netfilter|queue|conntrack|kernel|backlog|no-reply|stalled|refused|works|lossy|nothing|unknown\nside request|reply\ndropped bool\nsentence TEXT\nconfidence certain|likely|unknown\nbecause TEXT\nflow string\n" +
			under("by?.", rule[:len(rule)-len("text TEXT\n")]+"text string\nkind rule|policy\n") + "reason? TEXT\nevidence[] TEXT\ndo? TEXT\n" + under("requests.", counts) + under("replies.", counts) +
			"journeys[] TEXT\nsimulated bool\nprobe?.what TEXT\nprobe?.result string\nprobe?.refused bool\nlooked_ns number\ndrops_by bpf|perf|proc|\nloss.lost number\nloss.gaps number\nloss.held number\nloss.untold number\nnetns string\n",
		"nfscope/log/1":             "time time\nsource nflog|log\nprefix string\nhook? " + hooks + "\nfamily? " + families + "\nin string\nout string\npacket? object\n" + under("rules[].", rule),
		"nfscope/top/1":             "time time\nby TEXT\nrank number\nname string\nflows number\nunreplied number\nuncounted? number\n",
		"nfscope/pool/1":            "time time\naddress TEXT\nfamily ip|ip6\nproto string\nports.first number\nports.last number\nports.from rule|kernel\nused number\nclosing number\navailable number\nshare number\n" + under("rules[].", rule),
		"nfscope/conntrack-stats/1": "time time\ninterval_ns number\ncpus list\nwarnings[].bad bool\nwarnings[].words TEXT\n",
		"nfscope/set/1":             "backend ipset|nft\nname TEXT\ntype TEXT\ncount? number\n",
		"nfscope/member/1":          "backend ipset|nft\nset TEXT\nmember TEXT\nindex? number\nin? bool\n",
		"nfscope/tables/1":          "netns string\nfamily ip|ip6\nuser_chains number\nchains[].hook " + hooks + "\nchains[].priority number\nchains[].table TEXT\nchains[].chain TEXT\n",
		"nfscope/lab/1":             "name TEXT\ntitle TEXT\nlive bool\nrecorded bool\nstands list\n",
		"nfscope/comparison/1":      under("a.", journey) + under("b.", journey) + "part number\nrows list\nfields list\nat list\nsentence TEXT\n",
		"nfscope/recording-info/1": "title string\nform TEXT\nversion string\ncreated time\nredacted bool\nitems object\nlost number\ngaps number\n" +
			"namespace?.name TEXT\nnamespace?.source string\nnamespace?.kernel TEXT\nnamespace?.local list\nnamespace?.routes[]?.to TEXT\nnamespace?.facts[].name TEXT\nnamespace?.facts[].value string\nhost?.Name TEXT\nhost?.Kernel TEXT\nhost?.Local list\nhost?.Facts[]?.Name TEXT\n",
		"nfscope/doctor/1": "feature TEXT\nstate works|off|missing|unknown|note\nsays TEXT\n",
		"nfscope/stats/1":  "events number\njourneys number\nlost number\ngaps number\nmissed? number\nduration_ns number\n",
	}
}

// under puts a path before each field.
func under(path, fields string) string {
	return path + strings.ReplaceAll(strings.TrimSuffix(fields, "\n"), "\n", "\n"+path) + "\n"
}

// breaches are how an object breaks its contract.
func breaches(o map[string]any) (out []string) {
	text, ok := contracts()[fmt.Sprint(o["schema"])]
	if !ok {
		return []string{fmt.Sprintf("no contract for %v", o["schema"])}
	}
	for line := range strings.Lines(text) {
		path, want, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		out = append(out, breach(o, path, strings.Split(path, "."), want)...)
	}
	if o["schema"] == "nfscope/recording-info/1" {
		delete(o, "host") // its names were there first, and stay
	}
	return append(out, capitals(o)...)
}

// capitals are the names of fields that are not lower-case.
func capitals(at any) (out []string) {
	switch x := at.(type) {
	case []any:
		for _, v := range x {
			out = append(out, capitals(v)...)
		}
	case map[string]any:
		for name, v := range x {
			if name != strings.ToLower(name) {
				out = append(out, name+" is not lower-case")
			}
			out = append(out, capitals(v)...)
		}
	}
	return out
}

// breach holds what is at a path against what is wanted.
func breach(at any, path string, names []string, want string) (out []string) {
	if len(names) == 0 {
		if !fulfils(at, want) {
			return []string{fmt.Sprintf("%s is %#v, want %s", path, at, want)}
		}
		return nil
	}
	name, optional := strings.CutSuffix(names[0], "?")
	name, each := strings.CutSuffix(name, "[]")
	o, _ := at.(map[string]any)
	v, ok := o[name]
	switch list, isList := v.([]any); {
	case !ok && optional:
		return nil
	case !ok:
		return []string{path + " is absent"}
	case each && !isList:
		return []string{fmt.Sprintf("%s is no list: %#v", path, v)}
	case each:
		for _, x := range list {
			out = append(out, breach(x, path, names[1:], want)...)
		}
		return out
	}
	return breach(v, path, names[1:], want)
}

// fulfils reports whether a value is of a kind, or one of those named.
func fulfils(v any, want string) bool {
	switch want {
	case "string":
		_, ok := v.(string)
		return ok
	case "TEXT":
		s, ok := v.(string)
		return ok && s != ""
	case "number":
		_, ok := v.(float64)
		return ok
	case "bool":
		_, ok := v.(bool)
		return ok
	case "list":
		_, ok := v.([]any)
		return ok
	case "object":
		_, ok := v.(map[string]any)
		return ok
	case "time":
		s, _ := v.(string)
		_, err := time.Parse("2006-01-02T15:04:05.000000000Z07:00", s)
		return err == nil
	}
	s, ok := v.(string)
	return ok && slices.Contains(strings.Split(want, "|"), s)
}

// TestBreaches: the contract is broken by what is missing, of another kind, or a value that is not named.
func TestBreaches(t *testing.T) {
	t.Parallel()
	good := `{"schema":"nfscope/doctor/1","feature":"x","state":"off","says":"y"}`
	for text, want := range map[string]string{
		good: "",
		strings.Replace(good, "off", "broken", 1): `state is "broken", want works|off|missing|unknown|note`,
		strings.Replace(good, `"y"`, "1", 1):      "says is 1, want TEXT",
		strings.Replace(good, `"y"`, `""`, 1):     `says is "", want TEXT`,
		strings.Replace(good, "says", "sais", 1):  "says is absent",
		`{"schema":"nfscope/conntrack-stats/1","time":"2026-11-20T22:00:00.000000000Z","interval_ns":1,"cpus":[],"warnings":[{"bad":true}]}`: "warnings[].words is absent",
		strings.Replace(good, `"y"`, `"y","more":[{"Name":1}]`, 1):                                                                           "Name is not lower-case",
		`{"schema":"nfscope/none/1"}`: "no contract for nfscope/none/1",
	} {
		var o map[string]any
		if err := json.Unmarshal([]byte(text), &o); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(breaches(o), "; "); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// TestContract: what the commands print that look at files, and every example of the manual.
// What the others print is held against the contract wherever a test reads it (objects).
func TestContract(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	hold := func(where, text string) {
		for line := range strings.Lines(text) {
			var o map[string]any
			if err := json.Unmarshal([]byte(line), &o); err != nil {
				t.Errorf("%s: %v: %.200s", where, err, line)
				continue
			}
			seen[fmt.Sprint(o["schema"])] = true
			for _, b := range breaches(o) {
				t.Errorf("%s: %v: %s", where, o["schema"], b)
			}
		}
	}
	const stream = `{"schema":"nfscope/stats/1"`
	dir := t.TempDir()
	rules := filepath.Join(dir, "a.rules")
	if err := os.WriteFile(rules, []byte("*filter\n:INPUT DROP [1:60]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:WEB - [0:0]\n[1:2] -A INPUT -p tcp -m comment --comment x -j WEB\n-A WEB -j RETURN\nCOMMIT\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   string
		stream bool // ends with the statistics
	}{
		{"rules --format json --file " + rules, false},
		{"tables --json --file " + rules, true},
		{"replay --json --misses ../../docs/labs/gateway/recording.nfs", true},
		{"replay --json ../../docs/labs/not-the-firewall/recording.nfs", true},
		{"replay --json ../../docs/labs/nfqueue/recording.nfs", true},
		{"replay --info --json ../../docs/labs/gateway/recording.nfs", false},
		{"replay --compare 1,2 --json ../../docs/labs/gateway/recording.nfs", false},
		{"lab list --json", true},
	} {
		var out, errs bytes.Buffer
		a := &app{ctx: t.Context(), out: &out, err: &errs}
		root := a.command()
		root.SetArgs(strings.Fields(c.args))
		if err := root.Execute(); err != nil {
			t.Errorf("%s: %v\n%s", c.args, err, errs.String())
			continue
		}
		hold(c.args, out.String())
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if last := lines[len(lines)-1]; strings.HasPrefix(last, stream) != c.stream || c.stream && strings.Count(out.String(), stream) != 1 {
			t.Errorf("%s: the last line is %.80s", c.args, last)
		}
	}
	for _, m := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(readPage(t, "../../docs/cli.md"), -1) {
		hold("docs/cli.md", m[1])
	}
	for schema := range contracts() {
		if !seen[schema] {
			t.Errorf("no example of %s", schema)
		}
	}
}
