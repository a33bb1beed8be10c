package nft

import (
	"strconv"
	"strings"
)

// fieldWords says a field in plain words, and where it has none, by nft's name.
func fieldWords(f Field) string {
	name := f.String()
	if w := fieldNames[name]; w != "" {
		return w
	}
	switch f := f.(type) {
	case *Payload:
		// The header is said too: in an inet table it is a condition of its own.
		of := ""
		if f.Header != "th" {
			of = strings.ToUpper(f.Header) + " "
		}
		switch f.Name {
		case "sport":
			return "the " + of + "source port"
		case "dport":
			return "the " + of + "destination port"
		}
		return "the " + f.Header + " header's " + f.Name
	case *Raw:
		base := map[string]string{"ll": "link-layer header", "nh": "network header", "th": "transport header", "ih": "data"}[f.Base]
		return strconv.Itoa(int(f.Len)) + " bits at bit " + strconv.Itoa(int(f.Offset)) + " of the " + base
	case *Exthdr:
		if f.Name == "" {
			return "the extension header " + f.Header
		}
		return "the extension header " + f.Header + "'s " + f.Name
	case *Option:
		of := map[string]string{"tcp": "TCP option ", "ip": "IP option ", "dccp": "DCCP option ", "sctp": "SCTP chunk "}[f.Of]
		if f.Name == "" {
			return "the " + of + f.Kind
		}
		return "the " + of + f.Kind + "'s " + f.Name
	case *Meta:
		return "the packet's " + f.Key
	case *CT:
		return ctWords(f)
	case *FIB:
		return fibWords(f)
	case *Route:
		return "the route's " + words(f.Family, f.Key)
	case *Socket:
		if f.Level != "" {
			return "its socket's " + f.Key + " at level " + f.Level
		}
		return "its socket's " + f.Key
	case *OSF:
		if f.Key == "version" {
			return "the operating system's version, guessed from the SYN"
		}
		return "the operating system, guessed from the SYN"
	case *IPsec:
		w := "the IPsec policy's " + words(f.Family, f.Key) + " on the way " + f.Dir
		if f.Num != "" {
			w += ", number " + f.Num
		}
		return w
	case *Numgen:
		w := "a number that goes round from "
		if f.Mode == "random" {
			w = "a random number from "
		}
		return w + strconv.FormatUint(uint64(f.Offset), 10) + " to " + strconv.FormatUint(uint64(f.Offset)+max(uint64(f.Mod), 1)-1, 10)
	case *Hash:
		w := "a hash over the packet"
		if f.Of != nil {
			w = "a hash over " + exprWords(f.Of)
		}
		return w + ", from " + strconv.FormatUint(uint64(f.Offset), 10) + " to " + strconv.FormatUint(uint64(f.Offset)+max(uint64(f.Mod), 1)-1, 10)
	}
	return name
}

// fieldNames are plain words for the fields that rules are full of.
var fieldNames = map[string]string{
	"ip saddr": "the IPv4 source", "ip daddr": "the IPv4 destination", "ip6 saddr": "the IPv6 source", "ip6 daddr": "the IPv6 destination",
	"ip protocol": "the IPv4 protocol", "ip6 nexthdr": "the first header behind IPv6's", "meta l4proto": "the protocol",
	"meta nfproto": "the IP version", "meta protocol": "the link layer's protocol",
	"iifname": "the interface it came in by", "oifname": "the interface it goes out by", "iif": "the interface it came in by", "oif": "the interface it goes out by",
	"meta mark": "the packet's mark", "meta length": "the packet's length", "meta pkttype": "the way it was sent on the link",
	"meta skuid": "the user who sent it", "meta skgid": "the group that sent it", "meta priority": "its class of the queueing discipline",
	"meta cgroup": "the class of its cgroup", "meta cpu": "the processor that handles it", "meta random": "a random number",
	"meta time": "the time", "meta day": "the day of the week", "meta hour": "the time of day", "meta nftrace": "whether it is traced",
	"meta ibrname": "the bridge it came in by", "meta obrname": "the bridge it goes out by",
	"ether saddr": "the sender's link-layer address", "ether daddr": "the link-layer destination", "ether type": "the link layer's protocol",
	"vlan id": "the VLAN", "tcp flags": "the set of TCP flags", "tcp option maxseg size": "TCP's maximum segment size",
	"icmp type": "the ICMP type", "icmp code": "the ICMP code", "icmpv6 type": "the ICMPv6 type", "icmpv6 code": "the ICMPv6 code",
	"ip ttl": "the TTL", "ip6 hoplimit": "the hop limit", "ip dscp": "the IPv4 DSCP", "ip6 dscp": "the IPv6 DSCP", "ip length": "the IPv4 packet's length",
	"socket transparent": "a transparent socket for it", "symhash": "a hash over the packet",
}

func ctWords(c *CT) string {
	key := map[string]string{"state": "connection's state", "mark": "connection's mark", "status": "connection's status", "direction": "direction within the connection",
		"helper": "connection's helper", "zone": "connection tracking zone", "label": "connection's set of labels", "bytes": "connection's bytes",
		"packets": "connection's packets", "avgpkt": "connection's bytes a packet", "expiration": "connection's time left", "id": "connection's id",
		"saddr": "source", "daddr": "destination", "proto-src": "source port", "proto-dst": "destination port", "protocol": "connection's protocol", "l3proto": "connection's IP version",
		"count": "number of connections", "event": "connection's events", "secmark": "connection's security mark"}[c.Key]
	if key == "" {
		key = "connection's " + c.Key
	}
	switch c.Dir {
	case "original":
		return "the " + key + " of the connection's first direction"
	case "reply":
		return "the " + key + " of the connection's replies"
	}
	return "its " + key
}

func fibWords(f *FIB) string {
	by := strings.Join(f.Keys, ", ")
	for _, w := range []struct{ from, to string }{{"saddr", "the source"}, {"daddr", "the destination"}} {
		by = strings.ReplaceAll(by, w.from, w.to)
	}
	switch f.Result {
	case "type":
		return "the type of address (by " + by + ")"
	case "oif", "oifname":
		return "the interface of the route (by " + by + ")"
	}
	return "the route's " + f.Result + " (by " + by + ")"
}
