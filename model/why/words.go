package why

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/journey"
)

// sentence is the verdict in one.
func (v *verdict) sentence(s *Seen, words drop.Dictionary) string {
	name := v.talk.name() + v.talk.translated()
	if v.borne {
		return v.losses(name) + v.end(s, words) + v.besides()
	}
	if v.came {
		return name + ": the request was " + v.arrival() + ", and a reply came, which was not traced"
	}
	switch v.kind {
	case Works:
		if v.talk.requests.Seen == 0 {
			return "nothing is wrong here: the reply of " + name + " came through"
		}
		if v.idle != "" {
			return name + ": nothing of it was lost here, but " + v.idle
		}
		if v.partly {
			return name + ": the request was " + v.arrival() + ", and the reply came back; how the connection went on was not seen whole"
		}
		return "nothing is wrong here: the request " + name + " was " + v.arrival() + ", and the reply came back"
	case Refused:
		return v.refused(s, name)
	case Stalled:
		return v.stalled(name)
	case NoReply:
		return v.silence(s, name)
	case Backlog:
		out := name + " was dropped by the kernel, no rule did it: the queue of the listening socket is full"
		if k := s.Socket; k != nil && k.Full() {
			out = fmt.Sprintf("%s was dropped by the kernel, no rule did it: the accept queue of %s is full (%s, the limit is %d)", name, k.At, plural(k.Waiting, "connection waits", "connections wait"), k.Most)
		}
		return out
	}
	return v.whose(name) + v.end(s, words) + v.mixed()
}

// losses says of a flow that works how much of it is lost.
func (v *verdict) losses(name string) string {
	of := ""
	if v.side == Reply {
		of = " of the reply"
	}
	were := "was "
	if len(v.like) > 1 {
		were = "were "
	}
	return fmt.Sprintf("%s works, but %d of %d packets%s %s", name, len(v.like), v.counts().Seen, of, were)
}

// besides counts, of a flow that works, the other packets that are lost.
func (v *verdict) besides() string {
	n := v.talk.requests.Dropped + v.talk.replies.Dropped - len(v.like)
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s dropped otherwise)", plural(n, "more was", "more were"))
}

// counts are those of the packets of the verdict's side.
func (v *verdict) counts() Counts {
	if v.side == Reply {
		return v.talk.replies
	}
	return v.talk.requests
}

// whose names what is dropped: the flow, or the reply of it.
func (v *verdict) whose(name string) string {
	if v.side == Request {
		return name + " was "
	}
	switch t := v.talk; {
	case v.long:
		return fmt.Sprintf("%s: packets that are too long for the way on are dropped here, and the ICMP error from %s that tells the client was ", name, v.by.packet.Src)
	case v.by.about:
		return fmt.Sprintf("%s: the request was %s, and the ICMP error about it from %s, %s, was ", name, v.arrival(), v.by.packet.Src, errorWords(v.by.packet))
	case t.requests.Delivered > 0:
		return name + ": the request was " + v.arrival() + ", the reply was "
	case t.requests.Seen > 0:
		return name + ": the request was seen, the reply was "
	}
	return "the reply of " + name + " was "
}

// end says what became of the packet.
func (v *verdict) end(s *Seen, words drop.Dictionary) string {
	x := v.by
	const kernel = "dropped by the kernel, no rule did it: "
	switch v.kind {
	case Rule, Policy:
		return x.journey.Outcome.Sentence
	case Queue:
		rule := "a rule"
		if x.journey != nil && x.journey.Outcome.By.Table != "" {
			rule = x.journey.Outcome.By.Words()
		}
		return "queued to user space, where no program reads, and so dropped by " + rule
	case Conntrack:
		switch {
		case len(v.counters) > 0:
			return "dropped by conntrack, no rule did it: likely " + words.Of(v.counters[0].Reason).Says
		case !x.noRule():
			return "dropped by conntrack: " + x.words.Words
		}
		return "dropped by conntrack, no rule did it: " + x.words.Without
	case Netfilter:
		if v.cut != nil {
			return v.notFound(s)
		}
		return v.byNetfilter(s)
	case Kernel:
		if n := v.waits; n != nil {
			return fmt.Sprintf("not delivered, no rule did it: likely it waits for the next hop %s on %s, which does not answer %s (%s)", n.Addr, n.Dev, asking(n.Addr), n.State)
		}
		if len(v.counters) > 0 {
			return kernel + "likely " + suspicion(v.counters, words)
		}
		return kernel + x.words.Words + " (" + x.drop.Cause() + ")"
	case Unknown:
		if len(v.counters) > 0 {
			return "likely dropped by netfilter or the kernel, which of the two cannot be told without eBPF: " + suspicion(v.counters, words)
		}
	}
	if x == nil || x.journey == nil {
		return "seen, and is still under way"
	}
	return x.journey.Outcome.Sentence
}

// byNetfilter says where netfilter dropped what was not traced, and which rule it likely was.
func (v *verdict) byNetfilter(s *Seen) string {
	who := "netfilter"
	if h := v.untraced().Hook; h != model.HookNone {
		who += " in the " + h.String() + " hook"
	}
	if c := v.only(s); c != nil {
		return "dropped by " + who + ", likely by " + c.Words()
	}
	return "dropped by " + who + ", by a rule or a policy that was not traced"
}

// suspicion names what rose.
func suspicion(list []*drop.Drop, words drop.Dictionary) string {
	var out []string
	for _, d := range list[:min(2, len(list))] {
		m := words.Of(d.Reason)
		out = append(out, fmt.Sprintf("%s (%s)", m.Says, d.Reason))
	}
	s := strings.Join(out, ", or ")
	if n := len(list) - 2; n > 0 {
		s += ", or " + plural(n, "other cause", "other causes")
	}
	return s
}

// arrival says how far a request came.
func (v *verdict) arrival() string {
	for _, x := range v.talk.sights {
		if x.reply || x.fate != arrived {
			continue
		}
		switch {
		case here(x):
			return "delivered"
		case x.journey.Path == journey.PathOutput && x.journey.Out != "":
			return "sent out of " + x.journey.Out
		case x.journey.Out != "":
			return "delivered (sent out of " + x.journey.Out + ")"
		}
		return "delivered"
	}
	return "delivered"
}

// refused says who did not want it.
func (v *verdict) refused(s *Seen, name string) string {
	p := v.by.packet
	switch {
	case !v.by.reply && !v.by.about: // the probe's socket heard it
		return fmt.Sprintf("%s: the request was %s, and an error came back: %s", name, v.arrival(), s.Probe.Result)
	case p.Proto == model.ProtoTCP && v.talk.opened():
		return fmt.Sprintf("%s: nothing of it was lost here, but a TCP reset from %s ended the connection before an answer came: its program, or a firewall there, broke it off", name, p.Src)
	case p.Proto == model.ProtoTCP:
		return fmt.Sprintf("%s: the request was %s, and %s refused it by a TCP reset: nobody listens at that port, or a firewall there rejects it", name, v.arrival(), p.Src)
	}
	if v.talk.replies.Seen > 0 {
		return fmt.Sprintf("%s: it was answered, and behind that an ICMP error came back from %s: %s", name, p.Src, errorWords(p))
	}
	return fmt.Sprintf("%s: the request was %s, and an ICMP error came back from %s: %s", name, v.arrival(), p.Src, errorWords(p))
}

// silence says to whom the request went that nothing came back from.
func (v *verdict) silence(s *Seen, name string) string {
	head := name + ": the request was " + v.arrival() + ", and no reply came"
	if !here(v.by) {
		to := v.by.packet.Dst.String()
		if n := v.by.journey.NAT; n != nil && len(n.Dst) == 2 {
			to = n.Dst[1]
		}
		if v.hairpin(s) {
			return fmt.Sprintf("%s back in %s: hairpin without SNAT, %s answers %s on %s directly, so that the reply comes from an address that was not asked", head, span(s.Looked), v.by.to().Addr(), v.by.packet.Src, v.by.journey.Out)
		}
		if v.talk.unheard(s) {
			return v.unheardOf(s, name)
		}
		return fmt.Sprintf("%s back in %s: look at %s and at the way there", head, span(s.Looked), to)
	}
	k := s.Socket
	switch {
	case v.stranded(s):
		return head + ": no route of this host leads back to " + v.by.packet.Src.String()
	case v.talk.unheard(s):
		return v.unheardOf(s, name)
	case k == nil && s.NoEcho != "" && echo(v.by.packet):
		return head + ": this host answers no echo, " + s.NoEcho + " is 1"
	case k == nil && echo(v.by.packet):
		return head + " in " + span(s.Looked) + ": the kernel of this host answers an echo, and did not"
	case k == nil:
		return head + " in " + span(s.Looked) + ": no socket of a program is known to have taken it"
	case k.Proto == model.ProtoUDP && k.Waiting > 0:
		return fmt.Sprintf("%s: the server's socket %s holds %d bytes that its program does not read", head, k.At, k.Waiting)
	}
	if p := v.by.packet; p.Proto == model.ProtoTCP && p.Flags&(model.SYN|model.ACK) == model.SYN {
		return fmt.Sprintf("%s: the socket %s listens, and the kernel of this host did not answer the SYN", head, k.At)
	}
	return fmt.Sprintf("%s: the server's socket %s took it, and its program sends nothing back", head, k.At)
}

// echo reports whether a packet asks for an echo.
func echo(p *model.Packet) bool {
	return p.Transport && (p.Proto == model.ProtoICMP && p.ICMPType == 8 || p.Proto == model.ProtoICMPv6 && p.ICMPType == 128)
}

// unheardOf says no more of what came back than that it was not traced.
func (v *verdict) unheardOf(s *Seen, name string) string {
	return fmt.Sprintf("%s: the request was %s, and no reply was traced in %s", name, v.arrival(), span(s.Looked))
}

// mixed says where packets of the same side had other ends.
func (v *verdict) mixed() string {
	c, n := v.counts(), len(v.like)
	if n == 0 || n >= c.Seen {
		return ""
	}
	out := fmt.Sprintf(" (%d of %d packets", n, c.Seen)
	if c.Delivered > 0 {
		out += fmt.Sprintf("; %d came through", c.Delivered)
	}
	unknown, vague := 0, 0
	for _, x := range v.talk.sights {
		switch {
		case x.reply != (v.side == Reply) || slices.Contains(v.like, x):
		case x.fate == open:
			unknown++
		case x.lost() && x.vague():
			vague++
		}
	}
	if rest := c.Seen - n - c.Delivered - unknown - vague; rest > 0 {
		out += fmt.Sprintf("; %d had another end", rest)
	}
	if vague > 0 {
		out += fmt.Sprintf("; of %d that netfilter dropped the rule is not certain", vague)
	}
	if unknown > 0 {
		out += fmt.Sprintf("; what became of %d is not known", unknown)
	}
	return out + ")"
}

// nothing is the answer where no packet of the flow was seen.
func nothing(s *Seen, words drop.Dictionary) *Answer {
	a := &Answer{Kind: Nothing, Side: Request, Confidence: Certain, Flows: s.Flows}
	a.Sentence = fmt.Sprintf("nothing of this flow was seen here in %s: %s", span(s.Looked), s.Filter)
	switch {
	case s.Began.IsZero():
		a.Confidence, a.Because = Open, "it ended before anything was armed"
	case s.Lost > 0 || s.Gaps > 0:
		a.Confidence, a.Because = Likely, "events were lost, packets of it may be among them"
	case s.Held > 0:
		a.Confidence, a.Because = Likely, "the rate limit held packets back"
	case !s.Over:
		a.Confidence, a.Because = Likely, "it may still come"
	case s.Bridge != "":
		a.Confidence, a.Because = Likely, "nothing was lost, but packets that the bridge "+s.Bridge+" only passes on may meet no hook that is traced"
		a.Do = "net.bridge.bridge-nf-call-iptables=1 (bridge-nf-call-ip6tables for IPv6), of the module br_netfilter, shows it to the hooks, whose rules filter it then; what the bridge drops is among the drops"
	case s.XDP != "":
		a.Confidence, a.Because = Likely, "nothing was lost, but an XDP program has what comes by "+s.XDP+" before anything here sees it, and may drop it"
		a.Do = "ip -d link show dev " + s.XDP
	case s.Watch.Step != drop.StepBPF: // at a device, say
		a.Confidence, a.Because = Likely, "nothing was lost, but of packets that are dropped before prerouting nothing is told here"
	default:
		a.Because = "nothing was lost"
	}
	p := s.Probe
	if p != nil && p.Refused && !p.Unsent {
		a.Confidence, a.Because = Likely, "the probe was answered ("+p.Result+"), so its packets are none that the filter matches"
	}
	if p != nil && p.Unsent {
		a.Kind, a.Confidence, a.Because = Kernel, Certain, "the probe's socket was told so, and no packet of it came to a hook"
		a.Sentence = fmt.Sprintf("the probe (%s) was not sent, the kernel of this host refused it: %s", p.What, p.Result)
		a.Do = "ip route get the destination; ip rule; an interface that is down has no routes"
	} else if j := s.Simulated; j != nil {
		a.Simulated, a.Journeys = j, []*journey.Journey{j}
		if to := j.Packet.Dst; j.Path != journey.PathInput && s.Routes.Lack(to) {
			a.Sentence += "; no route of this host leads to " + to.String()
			a.Do = "ip route get " + to.String() + "; what a program here sends there is refused before it comes to a rule"
		}
		a.Sentence += "; " + reckoned(j)
	}
	a.deaf(s)
	a.meanwhile(s, words)
	a.where(s)
	return a
}

// reckoned says what the rules would do.
func reckoned(j *journey.Journey) string {
	switch o := j.Outcome; o.Verdict {
	case journey.Dropped, journey.Rejected:
		return "by the rules it would be " + o.Sentence + " (simulated)"
	case journey.Accepted:
		return "the rules would let it through (simulated)"
	default:
		return "what the rules would do with it is not known (simulated)"
	}
}

// told lists counters that rose and drops without packets.
func told(list []*drop.Drop, words drop.Dictionary, since time.Time) (out []string) {
	n := map[string]uint64{}
	var names []string
	for _, d := range list {
		if d.HasPacket() || d.ARP != "" || d.Time.Before(since) || words.Explain(d).Grade == drop.Usual {
			continue
		}
		if n[d.Reason] == 0 {
			names = append(names, d.Reason)
		}
		n[d.Reason] += d.Count
	}
	for _, name := range names[:min(4, len(names))] {
		out = append(out, fmt.Sprintf("%s rose by %d", name, n[name]))
	}
	return out
}

// span is a time as it is told: 10 s, 2.5 s, 300 ms.
func span(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	s := fmt.Sprintf("%.1f", d.Seconds())
	return strings.TrimSuffix(s, ".0") + " s"
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
