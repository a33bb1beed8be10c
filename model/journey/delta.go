package journey

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"nfscope/model"
)

// Diff lists what is different in b, in the order a header is read in. Fields that
// b's event did not show are left out.
func Diff(a, b *model.Packet) Delta {
	var d Delta
	add := func(changed bool, field, value string) {
		if changed {
			d = append(d, Change{field, value})
		}
	}
	num := func(n int) string { return strconv.Itoa(n) }
	ports := a.Transport && b.Transport && b.Proto.Ports()
	add(a.Src != b.Src, "src", b.Src.String())
	add(ports && a.SPort != b.SPort, "sport", num(int(b.SPort)))
	add(a.Dst != b.Dst, "dst", b.Dst.String())
	add(ports && a.DPort != b.DPort, "dport", num(int(b.DPort)))
	add(a.Transport && b.Transport && b.Proto.ICMP() && a.ICMPID != b.ICMPID, "icmp_id", num(int(b.ICMPID)))
	add(a.Length != b.Length, "length", num(b.Length))
	add(a.TTL != b.TTL, "ttl", num(int(b.TTL)))
	add(a.TOS != b.TOS, "tos", fmt.Sprintf("%#x", b.TOS))
	add(a.Mark != b.Mark, "mark", fmt.Sprintf("%#x", b.Mark))
	return d
}

// numeric tells the fields whose JSON value is a number.
var numeric = map[string]bool{"sport": true, "dport": true, "icmp_id": true, "length": true, "ttl": true}

// MarshalJSON writes an object, numbers as numbers.
func (d Delta) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, c := range d {
		if i > 0 {
			b.WriteByte(',')
		}
		v := []byte(c.Value)
		if !numeric[c.Field] {
			if n, err := strconv.ParseUint(c.Value, 0, 32); err == nil && (c.Field == "mark" || c.Field == "tos") {
				v = strconv.AppendUint(nil, n, 10)
			} else {
				v, _ = json.Marshal(c.Value)
			}
		}
		fmt.Fprintf(&b, "%q:%s", c.Field, v)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (d *Delta) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("packet change: expected an object")
	}
	*d = nil
	for dec.More() {
		k, err := dec.Token()
		if err != nil {
			return err
		}
		v, err := dec.Token()
		if err != nil {
			return err
		}
		field, value := fmt.Sprint(k), fmt.Sprint(v)
		if field == "mark" || field == "tos" {
			if n, err := strconv.ParseUint(value, 10, 32); err == nil {
				value = fmt.Sprintf("%#x", n)
			}
		}
		*d = append(*d, Change{field, value})
	}
	_, err := dec.Token()
	return err
}
