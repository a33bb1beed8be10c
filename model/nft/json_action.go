package nft

import (
	"strings"

	"nfscope/model"
	"nfscope/model/jsontree"
)

func (d *jsonReader) log(v *jsontree.Value) string {
	d.known(v, "prefix", "group", "snaplen", "queue-threshold", "level", "flags")
	s := "log"
	if p := v.Get("prefix"); p != nil {
		s += " prefix " + d.quoted(p, "the prefix")
	}
	for _, k := range []string{"group", "snaplen", "queue-threshold"} {
		if n := v.Get(k); n != nil {
			s += " " + k + " " + d.num(n, "a number")
		}
	}
	if l := v.Get("level"); l != nil && l.Str() != "warn" {
		s += " level " + d.name(l, "a level")
	}
	flags := d.list(v.Get("flags"), "a flag")
	for i, f := range flags {
		if f == "tcp options" && i > 0 && flags[i-1] == "tcp sequence" {
			s += ",options"
			continue
		}
		s += " flags " + f
	}
	return s
}

func (d *jsonReader) reject(v *jsontree.Value) string {
	d.known(v, "type", "expr")
	kind, code := v.Get("type").Str(), v.Get("expr")
	if kind == "" {
		return "reject"
	}
	d.word(v.Get("type"), "a kind of answer")
	types := map[string]Type{"icmp": ICMPCode, "icmpv6": ICMPv6Code, "icmpx": ICMPXCode}
	family := map[model.Family]string{model.FamilyIPv4: "icmp", model.FamilyIPv6: "icmpv6"}[d.family]
	if code.Str() == "port-unreachable" && (kind == "icmpx" || kind == family) {
		return "reject" // what nft takes where nothing is said
	}
	if code == nil {
		return "reject with " + kind
	}
	return "reject with " + kind + " " + d.value(code, []valueType{{t: types[kind]}})
}

func (d *jsonReader) queue(v *jsontree.Value) string {
	d.known(v, "num", "flags")
	s := "queue"
	if f := d.list(v.Get("flags"), "a flag"); len(f) > 0 {
		s += " flags " + strings.Join(f, ",")
	}
	if n := v.Get("num"); n != nil {
		s += " to " + d.value(n, []valueType{{t: Integer}})
	}
	return s
}

func (d *jsonReader) nat(kind string, v *jsontree.Value) string {
	d.known(v, "family", "addr", "port", "flags", "type_flags")
	s, prefix := kind, ""
	if f := v.Get("family"); f != nil {
		s += " " + d.name(f, "ip or ip6")
	}
	for _, f := range d.list(v.Get("type_flags"), "a flag") {
		if f == "prefix" {
			prefix = " prefix"
		}
	}
	addr, port := v.Get("addr"), v.Get("port")
	if s += prefix; addr != nil || port != nil {
		s += " to "
		if addr != nil {
			s += d.address(addr, port != nil || kind == "tproxy")
		}
		if port != nil {
			s += ":" + d.value(port, []valueType{{t: InetService}})
		}
	}
	var flags []string
	for _, f := range d.list(v.Get("flags"), "a flag") {
		if f != "netmap" || prefix == "" {
			flags = append(flags, f)
		}
	}
	return words(s, strings.Join(flags, ","))
}

// address gives what an address becomes; before a port IPv6 stands in brackets.
func (d *jsonReader) address(v *jsontree.Value, port bool) string {
	if r := v.Get("range"); r.Is(jsontree.Array) && len(r.Items) == 2 {
		return d.address(&r.Items[0], port) + "-" + d.address(&r.Items[1], port)
	}
	s := d.value(v, []valueType{{t: AnyType}})
	if port && v.Kind == jsontree.String && strings.Contains(s, ":") {
		return "[" + s + "]"
	}
	return s
}

func (d *jsonReader) forward(kind string, v *jsontree.Value) string {
	d.known(v, "addr", "dev", "family")
	addr, dev := v.Get("addr"), v.Get("dev")
	device := []valueType{{t: IfName}}
	to := device
	if dev != nil {
		to = []valueType{{t: AnyType}}
	}
	switch {
	case addr == nil: // fwd
		return kind + " to " + d.value(dev, device)
	case dev == nil && d.family != model.FamilyNetdev:
		to = []valueType{{t: AnyType}}
	}
	s := kind
	if f := v.Get("family"); f != nil {
		s += " " + d.name(f, "ip or ip6")
	}
	s += " to " + d.value(addr, to)
	if dev != nil {
		s += " device " + d.value(dev, device)
	}
	return s
}

// update gives the text of a statement that changes a set or a map.
func (d *jsonReader) update(kind string, v *jsontree.Value) string {
	d.known(v, "op", "elem", "data", kind, "stmt")
	s := d.name(v.Get("op"), "add, update or delete") + " " + at(d.name(v.Get(kind), "the name of the "+kind)) +
		" { " + d.element(v.Get("elem"), nil) + d.inElement(v.Get("stmt"))
	if data := v.Get("data"); data != nil {
		s += " : " + d.value(data, []valueType{{t: AnyType}})
	}
	return s + " }"
}

// inElement gives the statements that each element gets.
func (d *jsonReader) inElement(v *jsontree.Value) string {
	s := ""
	switch {
	case v == nil:
	case v.Kind == jsontree.Array:
		for i := range v.Items {
			s += " " + d.statement(&v.Items[i])
		}
	default:
		s = " " + d.statement(v)
	}
	return s
}

func (d *jsonReader) meter(v *jsontree.Value) string {
	d.known(v, "name", "key", "stmt", "size")
	s := "meter " + d.name(v.Get("name"), "the meter's name")
	if n := v.Get("size"); n != nil {
		s += " size " + d.num(n, "a number")
	}
	return s + " { " + d.element(v.Get("key"), nil) + d.inElement(v.Get("stmt")) + " }"
}
