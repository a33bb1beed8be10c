package match

import (
	"slices"
	"strconv"
	"strings"

	"nfscope/model"
)

// Proto is an IP protocol's number.
type Proto uint8

// Number gives the model's protocol.
func (p Proto) Number() model.Proto { return model.Proto(p) }

// String prints the name that iptables prints: its own, or that of /etc/protocols; a
// number where neither has one. (iptables 1.8.10 and later print the number where
// they have no name of their own.)
func (p Proto) String() string {
	if int(p) < len(protoText) && protoText[p] != "" {
		return protoText[p]
	}
	return strconv.Itoa(int(p))
}

var protoText = func() (t [256]string) {
	for n, p := range protoNumbers {
		if !slices.Contains(otherNames, n) {
			t[p] = n
		}
	}
	return t
}()

// otherNames are read but not printed.
var otherNames = []string{"all", "ip", "hopopt", "ip-encap", "icmpv6", "icmp6", "ipv6-mh", "mh"}

// protoNumbers are iptables' own names and those of /etc/protocols.
var protoNumbers = map[string]Proto{
	"all": 0, "ip": 0, "hopopt": 0, "icmp": 1, "igmp": 2, "ggp": 3, "ipencap": 4, "ip-encap": 4, "st": 5, "tcp": 6, "egp": 8, "igp": 9, "pup": 12,
	"udp": 17, "hmp": 20, "xns-idp": 22, "rdp": 27, "iso-tp4": 29, "dccp": 33, "xtp": 36, "ddp": 37,
	"idpr-cmtp": 38, "ipv6": 41, "ipv6-route": 43, "ipv6-frag": 44, "idrp": 45, "rsvp": 46, "gre": 47,
	"esp": 50, "ah": 51, "skip": 57, "ipv6-icmp": 58, "icmpv6": 58, "icmp6": 58, "ipv6-nonxt": 59, "ipv6-opts": 60,
	"rspf": 73, "vmtp": 81, "eigrp": 88, "ospf": 89, "ax.25": 93, "ipip": 94, "etherip": 97, "encap": 98,
	"pim": 103, "ipcomp": 108, "vrrp": 112, "l2tp": 115, "isis": 124, "sctp": 132, "fc": 133,
	"mobility-header": 135, "ipv6-mh": 135, "mh": 135, "udplite": 136, "mpls-in-ip": 137, "manet": 138, "hip": 139,
	"shim6": 140, "wesp": 141, "rohc": 142, "ethernet": 143,
}

// protoModules are the modules that an option without -m loads.
var protoModules = map[Proto]string{
	1: "icmp", 6: "tcp", 17: "udp", 33: "dccp", 50: "esp", 51: "ah", 58: "icmp6", 108: "ipcomp", 132: "sctp", 135: "mh", 136: "udplite",
}

func parseProto(s string) (Proto, bool) {
	if n, ok := number(s, 255); ok {
		return Proto(n), true
	}
	n, ok := protoNumbers[strings.ToLower(s)]
	return n, ok
}

var proto = one(func(s string) (Value, bool) {
	p, ok := parseProto(s)
	return p, ok
})

// iface reads an interface's name, which may end in + and is at most 15 bytes long.
var iface = one(func(s string) (Value, bool) { return Iface(s), s != "" && len(s) <= 15 })

// Iface is an interface's name; one that ends in + stands for all that begin so.
type Iface string

// String prints the name.
func (i Iface) String() string { return Name(i).String() }

// Has tells whether the name of an interface fits.
func (i Iface) Has(name string) bool {
	if p, ok := strings.CutSuffix(string(i), "+"); ok {
		return strings.HasPrefix(name, p)
	}
	return string(i) == name
}

var baseOptions = &extension{
	options: []option{
		opt("-s --source --src", nets).not(),
		opt("-d --destination --dst", nets).not(),
		opt("-i --in-interface", iface).not(),
		opt("-o --out-interface", iface).not(),
		opt("-p --protocol", proto).not(),
		flag("-f --fragments").not(),
	},
	finish: func(r *Rule, o []Option) []Option {
		return drop(o, func(o *Option) bool { // what says yes to every packet
			switch v := o.Value.(type) {
			case Nets:
				return !o.Negated && len(v) == 1 && v[0].Bits() == 0
			case Iface:
				return !o.Negated && v == "+"
			case Proto:
				return !o.Negated && v == 0
			}
			return false
		})
	},
}

// noOptions is an extension without options.
var noOptions = &extension{}

// drop leaves out options. A use that is not wholly understood is left as it is: with
// -p 0 left out of -p 0 -p tcp, the second would be the first.
func drop(o []Option, what func(o *Option) bool) []Option {
	if slices.ContainsFunc(o, func(o Option) bool { return o.Unknown != "" }) {
		return o
	}
	return slices.DeleteFunc(o, func(o Option) bool { return what(&o) })
}

// dropValue leaves out one option where it has a value that iptables does not print.
func dropValue(o []Option, name string, v Value) []Option {
	return drop(o, func(o *Option) bool { return o.Name == name && !o.Negated && o.Value == v })
}

// add gives an option that iptables prints though nobody wrote it. A use that is not
// wholly understood is left as it is.
func add(o []Option, name string, v Value) []Option {
	for i := range o {
		if o[i].Name == name || o[i].Unknown != "" {
			return o
		}
	}
	return append(o, Option{Name: name, Value: v})
}

// hasAny tells whether one of the options is there.
func hasAny(o []Option, names ...string) bool {
	for _, n := range names {
		if find(o, n) != nil {
			return true
		}
	}
	return false
}
