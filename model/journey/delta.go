package journey

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"

	"nfscope/model"
)

// Diff lists what is different in b, in the order a header is read in. Fields that
// b's event did not show are left out.
func Diff(a, b *model.Packet) Delta {
	var d Delta
	address := func(field string, a, b netip.Addr) {
		if a != b {
			d = append(d, Change{field, b.String()})
		}
	}
	number := func(seen bool, field string, a, b int) {
		if seen && a != b {
			d = append(d, Change{field, strconv.Itoa(b)})
		}
	}
	bits := func(field string, a, b uint32) {
		if a != b {
			d = append(d, Change{field, fmt.Sprintf("%#x", b)})
		}
	}
	both := a.Transport && b.Transport
	address("src", a.Src, b.Src)
	number(both && b.Proto.Ports(), "sport", int(a.SPort), int(b.SPort))
	address("dst", a.Dst, b.Dst)
	number(both && b.Proto.Ports(), "dport", int(a.DPort), int(b.DPort))
	number(both && b.Proto.ICMP(), "icmp_id", int(a.ICMPID), int(b.ICMPID))
	number(true, "length", a.Length, b.Length)
	number(true, "ttl", int(a.TTL), int(b.TTL))
	bits("tos", uint32(a.TOS), uint32(b.TOS))
	bits("mark", a.Mark, b.Mark)
	return d
}

// text is a number as the field's value, "" where the field is no number.
func (c Change) text(n uint64) string {
	switch c.Field {
	case "sport", "dport", "icmp_id", "length", "ttl":
		return strconv.FormatUint(n, 10)
	case "mark", "tos":
		return fmt.Sprintf("%#x", n)
	}
	return ""
}

// MarshalJSON writes an object, numbers as numbers.
func (d Delta) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, c := range d {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(c.Field)
		if err != nil {
			return nil, err
		}
		b.Write(append(key, ':'))
		if n, err := strconv.ParseUint(c.Value, 0, 32); err == nil && c.Value == c.text(n) {
			b.Write(strconv.AppendUint(nil, n, 10))
			continue
		}
		v, err := json.Marshal(c.Value)
		if err != nil {
			return nil, err
		}
		b.Write(v)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (d *Delta) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	t, err := dec.Token()
	if err != nil {
		return err
	}
	if *d = nil; t == nil {
		return nil
	}
	if t != json.Delim('{') {
		return fmt.Errorf("packet change: expected an object, not %.40s", b)
	}
	for dec.More() {
		k, err := dec.Token()
		if err != nil {
			return err
		}
		c := Change{Field: fmt.Sprint(k)}
		var v any
		if err := dec.Decode(&v); err != nil {
			return err
		}
		switch v := v.(type) {
		case string:
			c.Value = v
		case json.Number:
			n, err := strconv.ParseUint(string(v), 10, 32)
			if c.Value = c.text(n); err != nil || c.Value == "" {
				c.Value = string(v)
			}
		default:
			return fmt.Errorf("packet change %q: expected a text or a number", c.Field)
		}
		*d = append(*d, c)
	}
	_, err = dec.Token()
	return err
}

// Apply puts the changes into a packet. What is no field of a packet is left.
func (d Delta) Apply(p *model.Packet) {
	for _, c := range d {
		switch c.Field {
		case "src", "dst":
			a, err := netip.ParseAddr(c.Value)
			switch {
			case err != nil:
			case c.Field == "src":
				p.Src = a
			default:
				p.Dst = a
			}
			continue
		}
		n, err := strconv.ParseUint(c.Value, 0, 32)
		if err != nil {
			continue
		}
		switch c.Field {
		case "sport":
			p.SPort = uint16(n)
		case "dport":
			p.DPort = uint16(n)
		case "icmp_id":
			p.ICMPID = uint16(n)
		case "length":
			p.Length = int(n)
		case "ttl":
			p.TTL = uint8(n)
		case "tos":
			p.TOS = uint8(n)
		case "mark":
			p.Mark = uint32(n)
		}
	}
}
