package filter

import (
	"slices"

	"nfscope/model"
)

// entry says of a word what follows it and what it can be asked of.
type entry struct {
	arg   argument
	kinds Kind
}

// argument is what must follow a word.
type argument uint8

const (
	argNone argument = iota
	argProto
	argAddr
	argNet
	argPort
	argPortRange
	argIface
	argMark
	argZone
	argState
	argName
	argRule
	argVerdict
	argDir // src and dst: host, net, port, portrange or an address
)

// qualified is true of what reads an address or a port.
func (a argument) qualified() bool {
	return a >= argAddr && a <= argPortRange || a == argDir
}

const onAll = Packets | Journeys | Flows | Rules | Drops

// vocabulary holds every word but the protocols, the operators and the parentheses.
var vocabulary = map[string]entry{
	"ip":         {argNone, onAll},
	"ip6":        {argNone, onAll},
	"proto":      {argProto, onAll},
	"host":       {argAddr, onAll},
	"net":        {argNet, onAll},
	"port":       {argPort, onAll},
	"portrange":  {argPortRange, onAll},
	"src":        {argDir, onAll},
	"dst":        {argDir, onAll},
	"in":         {argIface, Packets | Journeys | Rules | Drops},
	"out":        {argIface, Packets | Journeys | Rules | Drops},
	"mark":       {argMark, Packets | Journeys | Flows | Drops},
	"zone":       {argZone, Flows | Drops},
	"state":      {argState, Journeys | Flows | Rules | Drops},
	"nat":        {argNone, Journeys | Flows | Rules | Drops},
	"snat":       {argNone, Journeys | Flows | Rules | Drops},
	"dnat":       {argNone, Journeys | Flows | Rules | Drops},
	"masquerade": {argNone, Journeys | Flows | Rules},
	"redirect":   {argNone, Journeys | Flows | Rules},
	"hairpin":    {argNone, Journeys | Flows},
	"chain":      {argName, Journeys | Rules | Flows},
	"table":      {argName, Journeys | Rules | Flows},
	"rule":       {argRule, Journeys | Rules | Flows},
	"stale":      {argNone, Flows},
	"verdict":    {argVerdict, Journeys | Rules},
	"dropped":    {argNone, Journeys | Rules | Drops},
	"reason":     {argName, Journeys | Drops},
}

// protocols are the names that may stand alone.
func protocols() []string {
	return []string{"tcp", "udp", "icmp", "icmpv6", "sctp", "dccp", "udplite", "gre", "esp", "ah", "igmp"}
}

// protoWord reads a protocol's name, not its number.
func protoWord(s string) (model.Proto, bool) {
	p, ok := model.ParseProto(s)
	if !ok || s[0] >= '0' && s[0] <= '9' {
		return 0, false
	}
	return p, true
}

// conditions lists the words that begin a condition.
func conditions() []string {
	words := protocols()
	for w := range vocabulary {
		words = append(words, w)
	}
	slices.Sort(words)
	return append(words, "not", "(")
}

// ctStates are the states of conntrack's match.
func ctStates() []string { return []string{"new", "established", "related", "invalid", "untracked"} }

// states lists what may follow state: conntrack's own, then those of its
// protocols as conntrack(8) prints them.
func states() []string {
	return append(ctStates(), "unreplied", "assured",
		"syn_sent", "syn_recv", "fin_wait", "close_wait", "last_ack", "time_wait", "close", "syn_sent2", "listen",
		"closed", "cookie_wait", "cookie_echoed", "shutdown_sent", "shutdown_recd", "shutdown_ack_sent",
		"heartbeat_sent", "request", "respond", "partopen", "open", "closereq", "closing", "timewait")
}

// verdicts lists what may follow verdict.
func verdicts() []string {
	var s []string
	for v := model.VerdictAccept; v <= model.VerdictStolen; v++ {
		s = append(s, v.String())
	}
	return s
}

// services are the few names a port may have, so that a filter means the same on
// every host.
func services() map[string]uint16 {
	return map[string]uint16{"ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "dns": 53, "domain": 53, "http": 80,
		"pop3": 110, "ntp": 123, "imap": 143, "bgp": 179, "ldap": 389, "https": 443, "mysql": 3306}
}
