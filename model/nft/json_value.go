package nft

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"nfscope/model/jsontree"
)

func millis(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// value gives the text of what an expression is compared with or set to.
func (d *jsonReader) value(v *jsontree.Value, types []valueType) string {
	if d.depth++; d.depth > maxJSONDepth {
		d.fail(v, "too many values inside of each other")
	}
	defer func() { d.depth-- }()
	if v == nil {
		d.fail(v, "a value is missing")
	}
	if d.why != "" {
		return ""
	}
	one := valueType{}
	if len(types) == 1 {
		one = types[0]
	}
	switch v.Kind {
	case jsontree.Array: // flags
		var l []string
		for i := range v.Items {
			l = append(l, d.value(&v.Items[i], types))
		}
		return strings.Join(l, ",")
	case jsontree.Object:
		return d.composed(v, types)
	}
	return d.scalar(v, one, false)
}

// composed gives the text of a value that is an object.
func (d *jsonReader) composed(v *jsontree.Value, types []valueType) string {
	kind, in := v.Only()
	pair := in.Is(jsontree.Array) && len(in.Items) == 2
	switch {
	case kind == "prefix":
		d.known(in, "addr", "len")
		return d.value(in.Get("addr"), types) + "/" + d.num(in.Get("len"), "a prefix length")
	case kind == "range" && pair && len(types) > 0:
		return d.scalar(&in.Items[0], types[0], true) + "-" + d.scalar(&in.Items[1], types[0], true)
	case kind == "set":
		return d.table(in, types, nil)
	case kind == "concat" && in.Is(jsontree.Array):
		var l []string
		for i := range in.Items {
			t := valueType{}
			if i < len(types) {
				t = types[i]
			}
			l = append(l, d.value(&in.Items[i], []valueType{t}))
		}
		return strings.Join(l, " . ")
	case kind == "map" && in.Is(jsontree.Object):
		return d.lookup(in, types)
	case kind == "elem":
		return d.element(v, types)
	case kind == "accept", kind == "drop", kind == "continue", kind == "return", kind == "jump", kind == "goto":
		return d.statement(v)
	}
	if op, ok := d.binary(v); ok && in.Items[0].Kind != jsontree.Object {
		s := d.operand(&in.Items[0], op, types)
		for i := 1; i < len(in.Items); i++ {
			s += " " + op + " " + d.operand(&in.Items[i], op, types)
		}
		return s
	} else if ok {
		if _, nested := d.binary(&in.Items[0]); nested && first(v).Kind != jsontree.Object {
			s := d.operand(&in.Items[0], op, types)
			for i := 1; i < len(in.Items); i++ {
				s += " " + op + " " + d.operand(&in.Items[i], op, types)
			}
			return s
		}
	}
	return d.expr(v)
}

// table gives a set or a map, without a name or by its name. data is nil in a set.
func (d *jsonReader) table(v *jsontree.Value, key, data []valueType) string {
	if name := v.Str(); name != "" {
		return at(d.name(v, "the name of a set"))
	}
	if s := v.Get("set"); s != nil {
		v = s
	}
	if !v.Is(jsontree.Array) {
		if v == nil {
			d.fail(v, "a set is missing")
			return ""
		}
		return "{ " + d.element(v, key) + " }" // a set of one, as people write it
	}
	return "{ " + strings.Join(d.elements(v, key, data), ", ") + " }"
}

// elements gives the elements of a set or a map.
func (d *jsonReader) elements(v *jsontree.Value, key, data []valueType) []string {
	var l []string
	for i := range v.Items {
		e := &v.Items[i]
		if e.Kind == jsontree.Array && len(e.Items) == 2 && data != nil {
			l = append(l, d.element(&e.Items[0], key)+" : "+d.value(&e.Items[1], data))
			continue
		}
		l = append(l, d.element(e, key))
	}
	return l
}

// element gives the key of an element with what stands behind it. types is nil where
// the key is an expression.
func (d *jsonReader) element(v *jsontree.Value, types []valueType) string {
	read := func(v *jsontree.Value) string {
		if v.Str() == "*" {
			return "*"
		}
		if types == nil {
			return d.expr(v)
		}
		return d.value(v, types)
	}
	in := v.Get("elem")
	if !in.Is(jsontree.Object) {
		return read(v)
	}
	s := read(in.Get("val"))
	var timeout, expires, comment, states string
	for i := range in.Members {
		m := &in.Members[i]
		switch m.Name {
		case "val":
		case "timeout":
			timeout = " timeout " + d.seconds(&m.Value)
		case "expires":
			expires = " expires " + d.seconds(&m.Value)
		case "comment":
			comment = " comment " + d.quoted(&m.Value, "a comment")
		case "counter", "limit", "quota", "last", "ct count":
			states += " " + d.stateful(m.Name, &m.Value)
		default:
			d.fail(&m.Value, `the member "`+clip(m.Name)+`" is not known in an element`)
		}
	}
	return s + states + timeout + expires + comment
}

func (d *jsonReader) seconds(v *jsontree.Value) string {
	n, err := strconv.ParseInt(d.num(v, "a number of seconds"), 10, 64)
	if err != nil || n > 1<<31 {
		d.fail(v, "expected a number of seconds")
		return ""
	}
	return span(time.Duration(n) * time.Second)
}

// scalar gives a string, a number or a boolean as nft prints it for the type. In a
// range nft prints numbers where it has names.
func (d *jsonReader) scalar(v *jsontree.Value, t valueType, inRange bool) string {
	switch v.Kind {
	case jsontree.Bool:
		switch {
		case t.t == Integer || t.t == AnyType:
			return map[string]string{"true": "1", "false": "0"}[v.Text]
		case v.Text == "true":
			return "exists"
		}
		return "missing"
	case jsontree.Number:
		n, err := strconv.ParseUint(v.Text, 10, 64)
		if err != nil {
			if strings.Trim(v.Text, "0123456789") != "" {
				d.fail(v, "expected a whole number")
			}
			return v.Text
		}
		return numberOf(t, n, inRange)
	case jsontree.String:
	default:
		d.fail(v, "expected a value")
		return ""
	}
	if inRange {
		if n, ok := t.t.Lookup(v.Text); ok && t.t != Day {
			return numberOf(t, n, inRange)
		}
	}
	if _, ok := t.t.Lookup(v.Text); ok && t.t != Day {
		return v.Text
	}
	if strings.HasPrefix(v.Text, "@") {
		return d.name(v, "the name of a set")
	}
	if t.t.quoted() && t.t != AnyType && t.t != InetService && strings.Trim(v.Text, "0123456789") != "" {
		return d.quoted(v, "a value")
	}
	return d.word(v, "a value")
}

// numberOf prints a number of a type.
func numberOf(t valueType, n uint64, inRange bool) string {
	switch {
	case t.hex:
		return fmt.Sprintf("0x%x", n)
	case t.t == Mark:
		return fmt.Sprintf("0x%08x", n)
	case t.t == DSCP:
		return fmt.Sprintf("0x%02x", n)
	case t.t == EtherType:
		return fmt.Sprintf("0x%04x", n)
	case t.t == TCPFlag, t.t == CTState, t.t == CTStatus, t.t == CTEvent:
		return fmt.Sprintf("0x%x", n)
	case t.t == Time && inRange:
		return strconv.FormatUint(n, 10) + "s"
	case t.t == Time && n < 1<<31:
		return span(time.Duration(n) * time.Second)
	}
	return strconv.FormatUint(n, 10)
}
