// Package top adds connections up: who has the most of them, and who sends the most.
package top

import (
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"
	"time"

	"nfscope/model"
	"nfscope/model/flow"
)

// Schema names the JSON form of a Row.
const Schema = "nfscope/top/1"

// By is what connections are added up by.
type By string

// What there is to add up by.
const (
	Client      By = "client"
	Destination By = "destination" // the address that the client speaks to
	Service     By = "service"     // that address with protocol and port
	Backend     By = "backend"     // who answers, with protocol and port
	NATAddress  By = "nat"         // the address that the source is translated to
	Proto       By = "proto"
	State       By = "state"
	Zone        By = "zone"
	Mark        By = "mark"
	Class       By = "class" // of NAT
)

// All lists them, in the order of the help.
func All() []By {
	return []By{Client, Destination, Service, Backend, NATAddress, Proto, State, Zone, Mark, Class}
}

// Parse finds one by its name.
func Parse(s string) (By, error) {
	for _, b := range All() {
		if string(b) == s {
			return b, nil
		}
	}
	var l []string
	for _, b := range All() {
		l = append(l, string(b))
	}
	return "", fmt.Errorf("%q is nothing to add connections up by: expected %s", s, strings.Join(l, ", "))
}

// Row is what connections with one thing in common have together.
type Row struct {
	By By
	// Name is what they have in common: 10.0.0.5, tcp 203.0.113.9:443.
	Name  string
	Flows int
	// Unreplied of them have seen no reply.
	Unreplied      int
	Packets, Bytes uint64
	// Counted is false where the kernel counts no packets of any of them.
	Counted bool
	// Rate is bytes a second, of those whose rate is known; Rated is how many these are.
	Rate  float64
	Rated int
}

// key is what is in common, without making texts.
type key struct {
	addr  netip.Addr
	port  uint16
	proto model.Proto
	n     uint32
	text  string
}

func (b By) key(l *flow.Look) (k key, ok bool) {
	end := func(a netip.Addr, port uint16, p model.Proto) key {
		k := key{addr: a, proto: p}
		if p.Ports() {
			k.port = port
		}
		return k
	}
	switch b {
	case Client:
		k.addr = l.Orig.Src
	case Destination:
		k.addr = l.Orig.Dst
	case Service:
		k = end(l.Orig.Dst, l.Orig.DPort, l.Orig.Proto)
	case Backend:
		k = end(l.Reply.Src, l.Reply.SPort, l.Reply.Proto)
	case NATAddress:
		if l.Status&flow.SrcNAT == 0 {
			return k, false
		}
		k.addr = l.Reply.Dst
	case Proto:
		k.proto = l.Orig.Proto
	case State:
		if k.text = l.State; k.text == "" {
			k.text = "none"
		}
		k.proto = l.Orig.Proto
	case Zone:
		if k.n = uint32(l.Zone); k.n == 0 {
			k.n = uint32(l.OrigZone)
		}
	case Mark:
		k.n = l.Mark
	case Class:
		k.n = uint32(l.Classes)
	default:
		return k, false
	}
	return k, true
}

func (b By) name(k key) string {
	switch b {
	case Client, Destination, NATAddress:
		return k.addr.String()
	case Service, Backend:
		return k.proto.String() + " " + model.Tuple{Proto: k.proto, Src: k.addr, SPort: k.port}.SrcString()
	case Proto:
		return k.proto.String()
	case State:
		return k.proto.String() + " " + k.text
	case Zone:
		return fmt.Sprintf("zone %d", k.n)
	case Mark:
		return fmt.Sprintf("mark %#x", k.n)
	}
	if k.n == 0 {
		return "none"
	}
	return flow.NAT{Class: flow.Classes(k.n).List()}.String()
}

// Count adds flows up and gives the n rows with the most: by rate where rates are known,
// then by bytes, then by connections. Those that are gone do not count. of is how many
// rows there would be.
func Count(flows iter.Seq[*flow.Look], by By, n int) (rows []Row, of int) {
	sums := map[key]*Row{}
	for l := range flows {
		k, ok := by.key(l)
		if !ok || l.Gone {
			continue
		}
		r := sums[k]
		if r == nil {
			r = &Row{By: by}
			sums[k] = r
		}
		r.Flows++
		if l.Status&flow.SeenReply == 0 {
			r.Unreplied++
		}
		if l.Counted {
			r.Counted = true
			r.Packets += l.Packets()
			r.Bytes += l.Bytes()
		}
		if l.Counted && l.Rate > 0 {
			r.Rate += l.Rate
			r.Rated++
		}
	}
	keys := make([]key, 0, len(sums))
	for k := range sums {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b key) int {
		x, y := sums[a], sums[b]
		return cmp.Or(cmp.Compare(y.Rate, x.Rate), cmp.Compare(y.Bytes, x.Bytes), cmp.Compare(y.Flows, x.Flows), a.addr.Compare(b.addr),
			cmp.Compare(a.proto, b.proto), cmp.Compare(a.port, b.port), cmp.Compare(a.n, b.n), cmp.Compare(a.text, b.text))
	})
	of = len(keys)
	for _, k := range keys[:min(n, of)] {
		r := *sums[k]
		r.Name = by.name(k)
		rows = append(rows, r)
	}
	return rows, of
}

// JSON gives the row as nfscope/top/1. Counters are absent without accounting, the rate
// where it is not known.
func (r *Row) JSON(at time.Time, rank int) ([]byte, error) {
	j := struct {
		Schema    string    `json:"schema"`
		Time      time.Time `json:"time"`
		By        By        `json:"by"`
		Rank      int       `json:"rank"`
		Name      string    `json:"name"`
		Flows     int       `json:"flows"`
		Unreplied int       `json:"unreplied"`
		Packets   *uint64   `json:"packets,omitempty"`
		Bytes     *uint64   `json:"bytes,omitempty"`
		Rate      *float64  `json:"bytes_per_second,omitempty"`
	}{Schema: Schema, Time: at, By: r.By, Rank: rank, Name: r.Name, Flows: r.Flows, Unreplied: r.Unreplied}
	if r.Counted {
		j.Packets, j.Bytes = &r.Packets, &r.Bytes
	}
	if r.Rated > 0 {
		j.Rate = &r.Rate
	}
	return json.Marshal(j)
}
