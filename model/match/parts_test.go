package match_test

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/match"
	"nfscope/model/saytest"
)

// said gives the words of a rule's parts.
func said(text string, f model.Family) []string {
	var l []string
	for _, p := range match.Parse(text, f).Parts() {
		l = append(l, p.Words)
	}
	return l
}

func TestParts(t *testing.T) {
	for text, want := range map[string]string{
		"-s 10.0.0.0/8 ! -i eth0 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.2.0.2:8080": "from 10.0.0.0/8|not in by eth0|protocol tcp|to port 80|rewrite the destination of the connection: to 10.2.0.2:8080",
		"-i eth+ -j DROP": "in by an interface that begins with eth|drop: the packet is gone and nobody is told",
		"-m conntrack ! --ctstate RELATED,ESTABLISHED -j web": "its connection is not RELATED or ESTABLISHED|go on in chain web, and come back where that decides nothing",
		"-g web":                               "go on in chain web; where that decides nothing, do not come back here",
		"":                                     "only count: the next rule goes on",
		"-p tcp -m multiport ! --dports 1,2:5": "protocol tcp|not to port 1 or 2 to 5|only count: the next rule goes on",
		"-p tcp -m tcp --syn -j RETURN":        "protocol tcp|with only SYN set of the flags FIN,SYN,RST,ACK|go back to behind the rule that led into this chain; in a base chain the policy decides",
		"-p icmp -m icmp --icmp-type 8":        "protocol icmp|ICMP type 8 (echo-request)|only count: the next rule goes on",
		"-m limit --limit 3/min -j LOG --log-prefix \"a b\"": "no more than 3/min on average|write a line to the kernel's log: beginning with \"a b\"; then the next rule",
		"-m set ! --match-set bad src,dst -j DROP":           "not in the set bad (by src and dst)|drop: the packet is gone and nobody is told",
		"-m statistic --mode random --probability 0.25":      "by chance, 25 % of the packets|only count: the next rule goes on",
		"-m statistic --mode random ! --probability 0.25":    "by chance, 75 % of the packets|only count: the next rule goes on",
		"-m statistic --mode nth --every 3 --packet 0":       "one packet in every 3, beginning with number 0|only count: the next rule goes on",
		"-m mark ! --mark 0x1/0xff":                          "the packet's mark is not 0x1 under the mask 0xff|only count: the next rule goes on",
		"-j MARK --set-xmark 0x1/0xffffffff":                 "set the packet's mark: to 0x1; then the next rule",
		"-j MARK --or-mark 7":                                "set the packet's mark: to 0x7 in the bits 0x7; then the next rule",
		"-j MARK --and-mark 0xff":                            "set the packet's mark: with the bits 0xffffff00 cleared; then the next rule",
		"-j MARK --xor-mark 7":                               "set the packet's mark: with the bits 0x7 turned over; then the next rule",
		"-j MARK --set-xmark 0x3/0x1":                        "set the packet's mark: with the bits 0x1 cleared, then 0x3 turned over; then the next rule",
		"-j TOS --set-tos 0x10/0xff":                         "set the type of service: to 0x10; then the next rule",
		"-m quota ! --quota 100":                             "once 100 bytes have passed here|only count: the next rule goes on",
		"-m hashlimit --hashlimit-upto 5/sec --hashlimit-name x --hashlimit-mode srcip,dstport": "no more than 5/sec, at first 5 at once, each srcip with dstport for itself, kept in the table x|only count: the next rule goes on",
		"-m foo --bar 1 -j ACCEPT":                      "|accept: no further rule of this base chain is asked; later chains may still drop it",
		"-p tcp -m tcp --dport 80 --new 7 -j NEWER --x": "protocol tcp|to port 80|go on in chain NEWER, and come back where that decides nothing",
	} {
		if got := strings.Join(said(text, model.FamilyIPv4), "|"); got != want {
			t.Errorf("%s\n  want %s\n  have %s", text, want, got)
		}
	}
}

// Whatever the rule: all that its words say of themselves is asked for, so that it can be said in
// another language, and nothing of the rule's own is.
func TestEveryWordIsAskedFor(t *testing.T) {
	words := regexp.MustCompile(`[A-Za-z][A-Za-z]+`)
	seen := 0
	for seed := range uint64(2000) {
		g := &gen{Rand: rand.New(rand.NewPCG(seed, 9)), v6: seed%2 == 1}
		f := model.FamilyIPv4
		if g.v6 {
			f = model.FamilyIPv6
		}
		ms, ts := matchForms(), targetForms()
		m, tg := &ms[g.IntN(len(ms))], &ts[g.IntN(len(ts))]
		if !g.fits(m) || !g.fits(tg) {
			continue
		}
		_, text := g.rule(m, tg)
		r := match.Parse(text, f)
		own := r.String() + text
		for _, p := range r.PartsIn(saytest.Signs) {
			if words.MatchString(p.Words) {
				seen++
			}
			for _, w := range words.FindAllString(p.Words, -1) {
				if !strings.Contains(own, w) && !match.NamesICMP(w) {
					t.Errorf("%s\n  %q was not asked for: %s", text, w, p.Words)
				}
			}
		}
	}
	if seen < 500 {
		t.Errorf("%d parts with words of their own", seen)
	}
}

// The matches and targets that the issue names: each has words of its own, and words for
// each of its options.
const (
	issueMatches = "tcp udp udplite sctp dccp icmp icmp6 multiport iprange mac mark connmark conntrack state addrtype set limit hashlimit recent statistic owner comment " +
		"length ttl hl tos dscp ecn pkttype physdev policy rpfilter connlimit connbytes helper time string u32 bpf tcpmss esp ah rt frag hbh dst socket cgroup realm nfacct quota"
	issueTargets = "ACCEPT DROP RETURN QUEUE REJECT LOG NFLOG MARK CONNMARK CT NOTRACK SNAT DNAT MASQUERADE REDIRECT NETMAP TPROXY NFQUEUE SYNPROXY SET TOS DSCP ECN TTL HL " +
		"TCPMSS TCPOPTSTRIP CLASSIFY TEE TRACE AUDIT CHECKSUM SECMARK CONNSECMARK IDLETIMER LED RATEEST HMARK DNPT SNPT"
)

func TestEverythingHasWords(t *testing.T) {
	for _, n := range slices.Concat(strings.Fields(issueMatches), strings.Fields(issueTargets)) {
		if !slices.Contains(match.Modules(), n) {
			t.Errorf("%s is not known", n)
		}
	}
	for _, n := range match.OptionNames() {
		if !match.HasPhrase(n) {
			t.Errorf("no words for %s", n)
		}
	}
	for _, n := range strings.Fields(issueTargets) {
		f := model.FamilyIPv4
		if n == "HL" || n == "DNPT" || n == "SNPT" {
			f = model.FamilyIPv6
		}
		p := match.Parse("-j "+n, f).Parts()
		if last := p[len(p)-1]; last.Unknown != "" || last.Words == "" || strings.Contains(last.Words, "chain "+n) || !last.Does {
			t.Errorf("%s: %+v", n, last)
		}
	}
}

// Whatever the rule: every part says something, or why not, and none says what the
// program would not print.
func TestEveryPartSpeaks(t *testing.T) {
	seen := 0
	for seed := range uint64(3000) {
		g := &gen{Rand: rand.New(rand.NewPCG(seed, 7)), v6: seed%2 == 1}
		f := model.FamilyIPv4
		if g.v6 {
			f = model.FamilyIPv6
		}
		ms, ts := matchForms(), targetForms()
		m, tg := &ms[g.IntN(len(ms))], &ts[g.IntN(len(ts))]
		if !g.fits(m) || !g.fits(tg) {
			continue
		}
		_, text := g.rule(m, tg)
		r := match.Parse(text, f)
		for _, p := range r.Parts() {
			seen++
			if (p.Words == "") == (p.Unknown == "") || strings.ContainsAny(p.Words, "\n") || strings.HasPrefix(p.Words, "not not") {
				t.Fatalf("%s\n  %+v", text, p)
			}
			if p.Text != "" && !strings.Contains(r.String(), p.Text) {
				t.Fatalf("%s\n  %q is not in it", r, p.Text)
			}
		}
	}
	if seen < 3000 {
		t.Errorf("%d parts", seen)
	}
}
