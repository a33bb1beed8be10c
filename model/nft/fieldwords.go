package nft

import (
	"strings"

	"nfscope/model"
)

// fieldWords says a field in plain words, and where it has none, by nft's name.
func fieldWords(say model.Say, f Field) string {
	name := f.String()
	if w := fieldNames[name]; w != "" {
		return say.Word(w)
	}
	switch f := f.(type) {
	case *Payload:
		// The header is said too: in an inet table it is a condition of its own.
		switch th := f.Header == "th"; {
		case f.Name == "sport" && th:
			return say.Of("the source port")
		case f.Name == "sport":
			return say.Of("the %s source port", strings.ToUpper(f.Header))
		case f.Name == "dport" && th:
			return say.Of("the destination port")
		case f.Name == "dport":
			return say.Of("the %s destination port", strings.ToUpper(f.Header))
		}
		return say.Of("the %s header's %s", f.Header, f.Name)
	case *Raw:
		base := map[string]string{"ll": "link-layer header", "nh": "network header", "th": "transport header", "ih": "data"}[f.Base]
		return say.Of("%d bits at bit %d of the %s", f.Len, f.Offset, say.Word(base))
	case *Exthdr:
		if f.Name == "" {
			return say.Of("the extension header %s", f.Header)
		}
		return say.Of("the extension header %s's %s", f.Header, f.Name)
	case *Option:
		of := say.Of(map[string]string{"tcp": "the TCP option %s", "ip": "the IP option %s", "dccp": "the DCCP option %s", "sctp": "the SCTP chunk %s"}[f.Of], f.Kind)
		if f.Name == "" {
			return of
		}
		return say.Of("%s's %s", of, f.Name)
	case *Meta:
		return say.Of("the packet's %s", f.Key)
	case *CT:
		return ctWords(say, f)
	case *FIB:
		return fibWords(say, f)
	case *Route:
		return say.Of("the route's %s", words(f.Family, f.Key))
	case *Socket:
		if f.Level != "" {
			return say.Of("its socket's %s at level %s", f.Key, f.Level)
		}
		return say.Of("its socket's %s", f.Key)
	case *OSF:
		if f.Key == "version" {
			return say.Of("the operating system's version, guessed from the SYN")
		}
		return say.Of("the operating system, guessed from the SYN")
	case *IPsec:
		w := say.Of("the IPsec policy's %s on the way %s", words(f.Family, f.Key), f.Dir)
		if f.Num != "" {
			w += say.Of(", number %s", f.Num)
		}
		return w
	case *Numgen:
		w := "a number that goes round from %d to %d"
		if f.Mode == "random" {
			w = "a random number from %d to %d"
		}
		return say.Of(w, uint64(f.Offset), uint64(f.Offset)+max(uint64(f.Mod), 1)-1)
	case *Hash:
		w := say.Of("a hash over the packet")
		if f.Of != nil {
			w = say.Of("a hash over %s", exprWords(say, f.Of))
		}
		return say.Of("%s, from %d to %d", w, uint64(f.Offset), uint64(f.Offset)+max(uint64(f.Mod), 1)-1)
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

func ctWords(say model.Say, c *CT) string {
	key, ok := map[string]string{"state": "connection's state", "mark": "connection's mark", "status": "connection's status", "direction": "direction within the connection",
		"helper": "connection's helper", "zone": "connection tracking zone", "label": "connection's set of labels", "bytes": "connection's bytes",
		"packets": "connection's packets", "avgpkt": "connection's bytes a packet", "expiration": "connection's time left", "id": "connection's id",
		"saddr": "source", "daddr": "destination", "proto-src": "source port", "proto-dst": "destination port", "protocol": "connection's protocol", "l3proto": "connection's IP version",
		"count": "number of connections", "event": "connection's events", "secmark": "connection's security mark"}[c.Key]
	if key = say.Word(key); !ok {
		key = say.Of("connection's %s", c.Key)
	}
	switch c.Dir {
	case "original":
		return say.Of("the %s of the connection's first direction", key)
	case "reply":
		return say.Of("the %s of the connection's replies", key)
	}
	return say.Of("its %s", key)
}

func fibWords(say model.Say, f *FIB) string {
	var keys []string
	for _, k := range f.Keys {
		switch k {
		case "saddr":
			k = say.Of("the source")
		case "daddr":
			k = say.Of("the destination")
		}
		keys = append(keys, k)
	}
	by := say.List(keys)
	switch f.Result {
	case "type":
		return say.Of("the type of address (by %s)", by)
	case "oif", "oifname":
		return say.Of("the interface of the route (by %s)", by)
	}
	return say.Of("the route's %s (by %s)", f.Result, by)
}
