package journey

import "nfscope/model"

// synproxy tells what SYNPROXY does to a packet: it answers a SYN in the server's
// place, takes the ACK that answers it in turn and drops any other, and lets the rest
// go on (net/netfilter/xt_SYNPROXY.c, synproxy_tg4).
func synproxy(p *model.Packet) model.Verdict {
	const kind = model.SYN | model.ACK | model.FIN | model.RST
	switch {
	case !p.Transport || p.Proto != model.ProtoTCP || p.Flags&kind == model.ACK:
		return model.VerdictUnknown
	case p.Flags&kind == model.SYN:
		return model.VerdictStolen
	}
	return model.VerdictContinue
}

// fate says in words what a target did beyond its verdict, "" where nothing.
func fate(target string, v model.Verdict, flags model.TCPFlags) string {
	switch target {
	case "SYNPROXY", "synproxy":
		switch {
		case v == model.VerdictStolen && flags&model.ACK != 0:
			return "the ACK was taken by the SYN proxy, which opens the connection to the server itself"
		case v == model.VerdictStolen:
			return "the SYN was answered by the SYN proxy"
		case v == model.VerdictDrop:
			return "it answers nothing that the SYN proxy sent, or is malformed"
		}
	case "TPROXY":
		if v == model.VerdictDrop {
			return "no socket took it"
		}
	}
	return ""
}

// either says what a target does of which no event tells whether it did it.
func either(target string) string {
	switch target {
	case "SYNPROXY":
		return ", which takes an ACK over that answers it, and drops any other"
	case "TPROXY":
		return ", which drops the packet where no socket takes it"
	}
	return "; what that did is not known"
}
