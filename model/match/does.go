package match

import (
	"strings"

	"nfscope/model"
)

// does says what each target does with the packet.
var does = map[string]string{
	"ACCEPT": "accept: no further rule of this base chain is asked; later chains may still drop it",
	"DROP":   "drop: the packet is gone and nobody is told",
	"RETURN": "go back to behind the rule that led into this chain; in a base chain the policy decides",
	"QUEUE":  "give it to a program, which decides (queue 0)",
	"REJECT": "drop it and tell the sender", "NFQUEUE": "give it to a program, which decides",
	"SYNPROXY": "answer the handshake in the server's place", "TPROXY": "give it to a local socket without changing it",
	"MARK": "set the packet's mark", "CONNMARK": "set the connection's mark", "CT": "tell connection tracking how to treat it",
	"NOTRACK": "leave it out of connection tracking", "TRACE": "trace it through all rules from here on",
	"CLASSIFY": "put it into a class of the queueing discipline", "SECMARK": "set its security mark",
	"CONNSECMARK": "copy the security mark between packet and connection", "HMARK": "make its mark from a hash",
	"SET":  "change a set",
	"SNAT": "rewrite the source of the connection", "DNAT": "rewrite the destination of the connection",
	"MASQUERADE": "rewrite the source of the connection to the outgoing interface's address",
	"REDIRECT":   "rewrite the destination of the connection to this host", "NETMAP": "map addresses one to one",
	"DNPT": "rewrite the destination's prefix, without a connection", "SNPT": "rewrite the source's prefix, without a connection",
	"TOS": "set the type of service", "DSCP": "set the DSCP", "ECN": "change the ECN bits", "TTL": "change the TTL", "HL": "change the hop limit",
	"TCPMSS": "change TCP's maximum segment size", "TCPOPTSTRIP": "take options out of the TCP header", "CHECKSUM": "compute the checksum",
	"LOG": "write a line to the kernel's log", "NFLOG": "send a copy to a program that logs", "TEE": "send a copy to another host",
	"AUDIT": "write it to the audit log", "IDLETIMER": "start a timer anew", "LED": "blink", "RATEEST": "measure its rate",
}

// targetPhrases are to a target's options what phrases are to a match's.
var targetPhrases = map[string]string{
	"REJECT --reject-with": "with %", "NFQUEUE --queue-num": "queue %", "NFQUEUE --queue-balance": "spread over the queues %",
	"NFQUEUE --queue-bypass": "accepted where no program listens", "NFQUEUE --queue-cpu-fanout": "by processor",
	"SYNPROXY --sack-perm": "with SACK", "SYNPROXY --timestamp": "with timestamps", "SYNPROXY --wscale": "window scale %", "SYNPROXY --mss": "segment size %", "SYNPROXY --ecn": "with ECN",
	"TPROXY --on-port": "port %", "TPROXY --on-ip": "address %", "TPROXY --tproxy-mark": "the mark %",
	"MARK --set-xmark": "%", "CONNMARK --set-xmark": "%", "CONNMARK --save-mark": "from the packet's", "CONNMARK --restore-mark": "and give it to the packet instead",
	"CONNMARK --nfmask": "packet's bits %", "CONNMARK --ctmask": "connection's bits %", "CONNMARK --mask": "bits %",
	"CONNMARK --left-shift-mark": "shifted left by %", "CONNMARK --right-shift-mark": "shifted right by %",
	"CT --notrack": "not at all", "CT --helper": "with helper %", "CT --timeout": "with the timeouts %", "CT --ctevents": "events only of %", "CT --expevents": "events of expectations only of %",
	"CT --zone": "in zone %", "CT --zone-orig": "zone % for the original direction", "CT --zone-reply": "zone % for replies",
	"CLASSIFY --set-class": "class %", "SECMARK --selctx": "%", "CONNSECMARK --save": "to the connection", "CONNSECMARK --restore": "to the packet",
	"HMARK --hmark-src-prefix": "source's first % bits", "HMARK --hmark-dst-prefix": "destination's first % bits",
	"HMARK --hmark-sport-mask": "source port's bits %", "HMARK --hmark-dport-mask": "destination port's bits %", "HMARK --hmark-spi-mask": "SPI's bits %",
	"HMARK --hmark-sport": "source port set bits %", "HMARK --hmark-dport": "destination port set bits %", "HMARK --hmark-spi": "SPI set bits %",
	"HMARK --hmark-proto-mask": "protocol's bits %", "HMARK --hmark-rnd": "seed %", "HMARK --hmark-mod": "modulo %", "HMARK --hmark-offset": "plus %", "HMARK --hmark-tuple": "of the connection's original direction (%)",
	"SET --add-set": "add it to %", "SET --exist": "also where it is there already", "SET --timeout": "for % s", "SET --del-set": "take it out of %",
	"SET --map-set": "take from %", "SET --map-mark": "the mark", "SET --map-prio": "the priority", "SET --map-queue": "the queue",
	"SNAT --to-source": "to %", "SNAT --random": "ports by chance", "SNAT --random-fully": "ports wholly by chance", "SNAT --persistent": "the same for the same client",
	"DNAT --to-destination": "to %", "DNAT --random": "ports by chance", "DNAT --persistent": "the same for the same client",
	"MASQUERADE --to-ports": "ports %", "MASQUERADE --random": "ports by chance", "MASQUERADE --random-fully": "ports wholly by chance",
	"REDIRECT --to-ports": "port %", "REDIRECT --random": "ports by chance", "NETMAP --to": "into %",
	"DNPT --src-pfx": "from %", "DNPT --dst-pfx": "to %", "SNPT --src-pfx": "from %", "SNPT --dst-pfx": "to %",
	"TOS --set-tos": "%", "DSCP --set-dscp": "to %", "ECN --ecn-tcp-remove": "none in TCP", "ECN --ecn-tcp-ece": "TCP's ECE to %", "ECN --ecn-tcp-cwr": "TCP's CWR to %", "ECN --ecn-ip-ect": "IP's field to %",
	"TTL --ttl-set": "to %", "TTL --ttl-dec": "down by %", "TTL --ttl-inc": "up by %", "HL --hl-set": "to %", "HL --hl-dec": "down by %", "HL --hl-inc": "up by %",
	"TCPMSS --set-mss": "to %", "TCPMSS --clamp-mss-to-pmtu": "to what the path takes", "TCPOPTSTRIP --strip-options": "numbers %", "CHECKSUM --checksum-fill": "where it was left to the card",
	"LOG --log-prefix": "beginning with %", "LOG --log-level": "level %", "LOG --log-tcp-sequence": "with TCP's sequence numbers", "LOG --log-tcp-options": "with TCP's options",
	"LOG --log-ip-options": "with IP's options", "LOG --log-uid": "with the user", "LOG --log-macdecode": "with the link-layer addresses",
	"NFLOG --nflog-prefix": "marked %", "NFLOG --nflog-group": "group %", "NFLOG --nflog-size": "the first % bytes", "NFLOG --nflog-range": "% bytes (has no effect)", "NFLOG --nflog-threshold": "% at a time",
	"TEE --gateway": "by way of %", "TEE --oif": "out by %", "AUDIT --type": "as %",
	"IDLETIMER --timeout": "of % s", "IDLETIMER --label": "called %", "IDLETIMER --alarm": "that wakes the machine", "IDLETIMER --send_nl_msg": "and tell by netlink",
	"LED --led-trigger-id": "trigger %", "LED --led-delay": "for % ms", "LED --led-always-blink": "even while it is lit",
	"RATEEST --rateest-name": "under the name %", "RATEEST --rateest-interval": "every %", "RATEEST --rateest-ewmalog": "smoothed over %",
}

// part says what the target does, and with what.
func (t *Target) part(say model.Say) model.Part {
	p := model.Part{Text: t.String(), Does: true}
	switch {
	case t.Name == "" && len(t.Options) > 0:
		p.Text = optionsText(t.Options)
	case t.Name == "":
		p.Words = say.Of("only count: the next rule goes on")
		return p
	case t.Chain && t.Goto:
		p.Words = say.Of("go on in chain %s; where that decides nothing, do not come back here", t.Name)
	case t.Chain:
		p.Words = say.Of("go on in chain %s, and come back where that decides nothing", t.Name)
	case does[t.Name] != "":
		p.Words = say.Word(does[t.Name])
	default:
		p.Unknown = "a target that nfscope does not know"
	}
	var l []string
	for i := range t.Options {
		o := &t.Options[i]
		if o.Unknown != "" {
			p.Unknown = optionText(o) + ": " + o.Unknown
			continue
		}
		v := ""
		switch {
		case o.Name == "--set-xmark" || o.Name == "--tproxy-mark" || o.Name == "--set-tos":
			v = bitsWords(say, o.Value, o.Name == "--set-tos")
		case o.Value != nil:
			v = valueWords(say, o.Value)
		}
		l = append(l, filled(say, targetPhrases[t.Name+" "+o.Name], o.Name, v))
	}
	if p.Words != "" && len(l) > 0 {
		p.Words = say.Of("%s: %s", p.Words, strings.Join(l, say.Of(", ")))
	}
	if p.Words != "" && !t.Chain && model.TargetVerdict(t.Name) == model.VerdictContinue {
		p.Words = say.Of("%s; then the next rule", p.Words)
	}
	return p
}

// bitsWords says what becomes of a mark or a type of service: the bits of the mask are
// cleared, then those of the value turned over (xt_mark.c, mark_tg).
func bitsWords(say model.Say, v Value, small bool) string {
	m, ok := v.(Masked)
	if !ok {
		return v.String()
	}
	full := ^uint32(0)
	if small {
		full = 0xff
	}
	value, mask := Number{uint64(m.Value), m.Form}.String(), Number{uint64(m.Mask), m.Form}.String()
	switch {
	case m.Mask == full:
		return say.Of("to %s", value)
	case m.Mask == 0 && m.Value == 0:
		return say.Of("left as it is")
	case m.Mask == 0:
		return say.Of("with the bits %s turned over", value)
	case m.Value == 0:
		return say.Of("with the bits %s cleared", mask)
	case m.Value&^m.Mask == 0:
		return say.Of("to %s in the bits %s", value, mask)
	}
	return say.Of("with the bits %s cleared, then %s turned over", mask, value)
}
