package model

import (
	"fmt"
	"strings"
)

// Verdict is what a rule or a chain's end said of a packet.
type Verdict uint8

// The verdicts. Continue means that the walk went on with the next rule.
const (
	VerdictUnknown Verdict = iota
	VerdictAccept
	VerdictDrop
	VerdictReject
	VerdictContinue
	VerdictJump
	VerdictGoto
	VerdictReturn
	VerdictQueue
	VerdictStolen
)

var verdictNames = [...]string{"unknown", "accept", "drop", "reject", "continue", "jump", "goto", "return", "queue", "stolen"}

// String gives the word used in JSON and on the screen.
func (v Verdict) String() string {
	if int(v) < len(verdictNames) {
		return verdictNames[v]
	}
	return fmt.Sprintf("verdict-%d", uint8(v))
}

// Ends reports whether the packet's way through netfilter ends with v.
func (v Verdict) Ends() bool {
	return v == VerdictDrop || v == VerdictReject || v == VerdictStolen
}

// MarshalText writes the word.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (v *Verdict) UnmarshalText(t []byte) error {
	for i, n := range verdictNames {
		if n == string(t) {
			*v = Verdict(i)
			return nil
		}
	}
	if n, ok := numbered(string(t), "verdict-"); ok {
		*v = Verdict(n)
		return nil
	}
	return fmt.Errorf("unknown verdict %q", t)
}

// TargetVerdict tells what an iptables target does to the walk when its rule
// matched (iptables-extensions(8)). A rule without target goes on. A target that
// nfscope does not know gives VerdictUnknown, never a guess; so does TPROXY, which
// accepts where a socket takes the packet and drops where none does
// (net/netfilter/xt_TPROXY.c). KnownTarget tells the two apart. SYNPROXY is what it
// is for a SYN: it answers in the server's place and keeps the packet
// (net/netfilter/xt_SYNPROXY.c).
func TargetVerdict(target string) Verdict {
	if target == "tproxy" { // nft's goes on, or counts as no match (nft_tproxy.c)
		return VerdictContinue
	}
	switch strings.ToUpper(target) { // nft writes its verdicts in small letters
	case "":
		return VerdictContinue
	case "ACCEPT", "SNAT", "DNAT", "MASQUERADE", "REDIRECT", "NETMAP":
		return VerdictAccept
	case "DROP":
		return VerdictDrop
	case "REJECT":
		return VerdictReject
	case "RETURN":
		return VerdictReturn
	case "QUEUE", "NFQUEUE":
		return VerdictQueue
	case "SYNPROXY", "FWD": // net/netfilter/nft_fwd_netdev.c
		return VerdictStolen
	case "LOG", "NFLOG", "ULOG", "MARK", "CONNMARK", "CT", "NOTRACK", "TRACE", "TOS", "DSCP", "ECN",
		"TTL", "HL", "TCPMSS", "TCPOPTSTRIP", "CLASSIFY", "TEE", "AUDIT", "CHECKSUM", "SECMARK",
		"CONNSECMARK", "IDLETIMER", "LED", "RATEEST", "HMARK", "SET", "DNPT", "SNPT", "CONTINUE", "DUP":
		return VerdictContinue
	}
	return VerdictUnknown
}

// KnownTarget reports whether nfscope knows what a target of iptables does, though
// that may hang on more than the rule.
func KnownTarget(target string) bool {
	return target == "TPROXY" || TargetVerdict(target) != VerdictUnknown
}
