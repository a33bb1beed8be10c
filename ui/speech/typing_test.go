package speech

import (
	"regexp"
	"strings"
	"testing"

	"nfscope/model/filter"
	"nfscope/ui/keys"
)

// TestOverlays: what the keymap says of each key, and all that the help, the palette, the bar and
// questions say, is there in Chinese, and nothing else is.
func TestOverlays(t *testing.T) {
	t.Parallel()
	say, known, used := In("zh").Overlay(), helps(), map[string]bool{}
	said := []string{"On the page Rules", `read as x: "and" binds tighter than "or" here, other than in tcpdump`, "trace both ways ", "the kernel traces every packet; asked afterwards: nat", "the kernel matches tcp; asked afterwards: nat", "the kernel matches tcp, both directions; asked afterwards: nat", "a port, alone or in a range; and the number in the text", "an address: rules that name it, or a network or a range that holds it",
		"a network: rules that name one which overlaps it", "the kernel matches all of it", "enter: trace for 30 s at 100 packets/s   ctrl+b: both directions   esc: don't",
		"enter: trace both directions for 30 s at 100 packets/s   ctrl+b: only what the filter says   esc: don't", `looked for as text (no filter: column 1: "state" does not apply to packets)`}
	for _, b := range keys.All() {
		said = append(said, b.Help)
	}
	for _, file := range []string{"help/help", "palette/palette", "filterbar/filterbar", "overlay/ask"} {
		for _, s := range asked(t, "../component/"+file+".go") {
			if strings.TrimLeft(s, "/ ") == "" || strings.HasPrefix(s, "tcp and dst port ") { // a prompt, and filters
				continue
			}
			if !strings.HasPrefix(s, "enter: trace ") && s != "   ctrl+b: both directions   esc: don't" && s != "   ctrl+b: only what the filter says   esc: don't" && s != "looked for as text (no filter: " && s != ")" {
				said = append(said, s)
			}
		}
	}
	said = append(said, "Everywhere")
	for _, s := range said {
		used[s] = true
		if got := say(s); got == s || english.MatchString(strings.NewReplacer("tcp and port 443", "", " and ", "", " or ", "", "tcpdump", "").Replace(got)) {
			t.Errorf("%q is %q", s, got)
		}
	}
	for s := range known {
		if !used[s] {
			t.Errorf("nobody says %q", s)
		}
	}
	for _, pattern := range unused(typing(), append(append(said, "the end", "an address", `"x" does not apply to 7`), filterErrors()...)) {
		t.Errorf("nothing fits the pattern %q", pattern)
	}
	if len(said) < 90 {
		t.Errorf("%d texts", len(said))
	}
}

// filterErrors are what is wrong with filters that cannot be read, or are for something else.
func filterErrors() (list []string) {
	for _, word := range strings.Fields("tcp ip proto host net port portrange src dst in out mark zone state nat chain table rule verdict reason stale not and or ( ) foo 10.0.0.1 10.0.0.1/8") {
		for _, rest := range []string{"", " the", " 10.0.0.1/8", " or", " (", " )", ` "the end`, " src", " 99999", " x y", " 1 tcp", " (1 or", " (1 2", " and (tcp 1", " 80-90", " tcp"} {
			text := word + rest
			f, err := filter.Parse(text)
			for _, k := range []filter.Kind{filter.Packets, filter.Journeys, filter.Flows, filter.Rules, filter.Drops} {
				if err == nil {
					if e := f.Check(k); e != nil {
						list = append(list, e.Error())
					}
				}
			}
			if err != nil {
				list = append(list, err.Error())
			}
		}
	}
	_, err := filter.Parse(strings.Repeat("(", 5000) + "tcp" + strings.Repeat(")", 5000))
	return append(list, err.Error(), "the filter is too complex for the kernel: it becomes 900 alternatives, at most 64 are possible; simplify it, for example with src or dst before an address")
}

// TestFilterErrors: whatever is wrong with a filter is said in Chinese, and what was typed stays.
func TestFilterErrors(t *testing.T) {
	t.Parallel()
	say, notice := In("zh").Overlay(), In("zh").Notice()
	kinds, typed := map[string]bool{}, regexp.MustCompile(`"[^"]*"`)
	for _, err := range filterErrors() {
		got := say(err)
		around := strings.NewReplacer("port 或 in", "", "and、or", "", "or 或", "", "src 或 dst", "").Replace(typed.ReplaceAllString(got, ""))
		if !strings.ContainsFunc(got, han) || english.MatchString(around) || notice(err) != got {
			t.Errorf("%q is %q, as a notice %q", err, got, notice(err))
		}
		kinds[got[max(strings.Index(got, "列"), 0):]] = true
	}
	if len(kinds) < 25 {
		t.Errorf("%d kinds of errors: %v", len(kinds), kinds)
	}
	for en, zh := range map[string]string{
		`filter, column 1: expected a condition such as tcp, host, port or in, found "foo"`: `第 1 列："foo" 不对，此处应为一个条件，例如 tcp、host、port 或 in`,
		`filter, column 5: expected an address, found the end of the filter`:                `第 5 列：过滤器到此为止，应有一个地址`,
		`column 3: "state" does not apply to packets`:                                       `第 3 列："state" 不适用于报文`,
		`the kernel matches dst port 80, both directions; asked afterwards: nat`:            `内核匹配 dst port 80（两个方向）；之后再过滤：nat`,
	} {
		if got := say(en); got != zh {
			t.Errorf("%q is %q, want %q", en, got, zh)
		}
	}
}
