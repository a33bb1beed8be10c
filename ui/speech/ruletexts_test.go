package speech

import (
	"regexp"
	"strings"
	"testing"
)

// TestRuleTextsStay: whatever a rule's comment says, no word of the rule is put into Chinese, and all
// that stands around it is.
func TestRuleTextsStay(t *testing.T) {
	t.Parallel()
	zh, english := In("zh"), regexp.MustCompile(`\b(?:the|a|by|was|were|of|is|it|not|and|or|at|that|has|inferred|traced|port|more|rule|moved)\b`)
	const flow, rule, nat = "tcp 10.1.0.2:9 > [fd02::2]:80", "rule 2 of inet fw/in (nftables)", "rule 3 of nat POSTROUTING (iptables-legacy ip)"
	says := map[string]struct {
		say    func(string) string
		frames []string
	}{
		"ladder": {zh.Ladder(), []string{
			"sent out of eth0, accepted by " + rule + ": T", "delivered to this host, let on by user space at " + rule + ": T", "accepted by every chain that was traced, accepted by " + rule + ": T",
			"sent out, let on by user space, or past it by --queue-bypass, at " + rule + ": T", "dropped by " + rule + ": T", "dropped by a rule of inet fw/in (nftables): T",
			"rejected by " + rule + ": T", "queued by " + rule + ": T", "queued to user space by " + rule + ": T", "taken over by " + rule + ": T (the SYN was answered by the SYN proxy)",
			"last seen at " + rule + ": T; what that did is not known", "last seen in the input hook; " + rule + ": T may have ended its trace: what came after is not known",
			"dropped by " + rule + ": T; it comes in again over lo as #4", "dropped by " + rule + ": T, or a rule behind it", "#1 and #2 go the same way, and both were dropped by " + rule + ": T",
			"rule 4 of filter/INPUT (iptables-legacy) did not match: T", "by its text it should have matched: T",
		}},
		"why": {zh.Why(), []string{
			flow + " was dropped by " + rule + ": T", "the reply of " + flow + " was rejected by " + rule + ": T; it comes in again over lo as #4",
			flow + " works, but 2 of 9 packets of the reply were rejected by " + rule + ": T (3 more were dropped otherwise)", "passed rule 3 of filter/INPUT (iptables-legacy) (miss): T",
			"by the rules of now it may have been " + rule + ": T",
		}},
		"connection": {zh.Connection(), []string{
			nat + ", traced: T", nat + ", inferred: T", "stale: today " + nat + " would drop it: T", "stale: it leaves as 10.0.0.1:5, and today " + nat + " would make it this host, port 80: T",
			"stale: its destination is 10.0.0.1:5, and today " + nat + " would make it 10.1.1.1:7: T",
		}},
		"notice": {zh.Notice(), []string{
			"moved: T", "copied: T",
			"rules that are not nfscope's trace too, and are left as they are (what they trace is shown where the filter asks for it): " + rule + ": T; rule 7 of raw/OUTPUT (iptables-legacy, IPv6): T; and 3 more",
			"rules that are not nfscope's trace too, and are left as they are (what they trace is shown where the filter asks for it): " + rule + ": T",
		}},
	}
	comments := []string{"wiki, accepted by cto", "lab, let on by user space at noon", "web, port 80", "old, gone for good", "old, gone for 3 s", "a; rule 2 of x: y", "a; rule 2 of inet x/y (nftables): z",
		"a; and 3 more", "host has no agent", "a: it needs root, or CAP_NET_ADMIN there: b", "a: nothing more is recorded: b", "a, both directions", "rule 1 of x or rule 2 of y", "see (a), traced: b", "see (a), inferred: b",
		"rule 1 of a b (c), inferred: d", "a (b) would make it this host: c", "a (b) would drop it: c", "a; it was sent as #3", "a: at byte 3: b", "a; b", "none: no (the SYN was answered by the SYN proxy)", "a is not b", "the policy of x"}
	for name, s := range says {
		for _, frame := range s.frames {
			for _, comment := range comments {
				text := `ip saddr @bad drop comment "` + comment + `"`
				got := s.say(strings.ReplaceAll(frame, ": T", ": "+text))
				around := strings.ReplaceAll(got, text, "")
				if n := strings.Count(frame, ": T"); strings.Count(got, text) != n || english.MatchString(around) || !strings.ContainsFunc(around, han) {
					t.Errorf("%s: %q with %q is\n%q: %q", name, frame, comment, got, english.FindString(around))
				}
			}
		}
	}
}
