package health

import "fmt"

// Warning is something that is wrong with conntrack, or soon will be.
type Warning struct {
	// Bad is true where packets are lost now.
	Bad bool
	// Words say what and why in a sentence, Do which sysctl to look at and what it does.
	Words, Do string
}

// The shares of the table from which a warning is given.
const (
	Filling = 0.8
	Full    = 0.95
)

// Warnings says what is wrong, the worst first. Statistics count where they rose in the
// last interval.
func (v *View) Warnings() (out []Warning) {
	rose := func(k Kind) bool { return v.Rates[k] > 0 }
	limit := fmt.Sprintf("net.netfilter.nf_conntrack_max is %d", v.Max)
	if v.Shared {
		limit += "; it is set in the first namespace and holds for each namespace"
	}
	timeouts := "; shorter net.netfilter.nf_conntrack_*_timeout* let go of entries sooner"
	// A packet whose entry clashes counts as drop too (__nf_conntrack_confirm).
	if refused := v.Rates[Drop] - v.Rates[InsertFailed] - v.Rates[ChainTooLong]; refused > 0 {
		out = append(out, Warning{true, fmt.Sprintf("conntrack makes no entries for new connections and drops their packets: %s; the table has %d of %d entries", rate(refused), v.Count, v.Max), limit + timeouts})
	}
	switch full := v.Full(); {
	case full >= Full:
		out = append(out, Warning{true, fmt.Sprintf("the connection table is %.0f %% full (%d of %d): when it is full the kernel drops new connections", full*100, v.Count, v.Max), limit + timeouts})
	case full >= Filling:
		out = append(out, Warning{false, fmt.Sprintf("the connection table is %.0f %% full (%d of %d)", full*100, v.Count, v.Max), limit})
	}
	if rose(EarlyDrop) {
		out = append(out, Warning{true, "conntrack throws out entries to make room for new ones: " + rate(v.Rates[EarlyDrop]), limit})
	}
	if rose(InsertFailed) {
		out = append(out, Warning{true, "new connections could not be entered, and their packets were dropped: " + rate(v.Rates[InsertFailed]) +
			"; their reply tuple was another's already", "look at the pools of NAT ports: one may be full. Two packets of one new UDP connection at the same time do it too"})
	}
	if rose(ChainTooLong) {
		out = append(out, Warning{true, "new connections could not be entered, since a chain of the hash table is too long: " + rate(v.Rates[ChainTooLong]),
			fmt.Sprintf("net.netfilter.nf_conntrack_buckets is %d; a fourth of nf_conntrack_max or more is usual", v.Buckets)})
	}
	if rose(Error) {
		out = append(out, Warning{false, "conntrack could not make sense of ICMP errors or had no memory: " + rate(v.Rates[Error]), ""})
	}
	if rose(Invalid) {
		out = append(out, Warning{false, "packets fit no connection and are INVALID: " + rate(v.Rates[Invalid]),
			"net.netfilter.nf_conntrack_log_invalid=255 logs why; where they are TCP out of window, net.netfilter.nf_conntrack_tcp_be_liberal lets them through"})
	}
	return out
}

func rate(n float64) string {
	if n < 10 {
		return fmt.Sprintf("%.1f/s", n)
	}
	return fmt.Sprintf("%.0f/s", n)
}
