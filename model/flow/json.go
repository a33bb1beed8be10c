package flow

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"nfscope/model"
)

// The JSON form of nfscope/flow/1. A pointer marks what is absent where it is not
// known: counters without accounting, ports of a protocol that has none, the start
// of a flow without nf_conntrack_timestamp.
type (
	eventJSON struct {
		Schema string        `json:"schema"`
		Event  string        `json:"event"`
		Time   *model.Moment `json:"time,omitempty"`
		Lost   *uint64       `json:"lost,omitempty"`
		Flows  *int          `json:"flows,omitempty"`
		*flowJSON
	}
	flowJSON struct {
		ID      uint32        `json:"id"`
		Family  model.Family  `json:"family"`
		Proto   string        `json:"proto"`
		State   string        `json:"state"`
		Status  []string      `json:"status"`
		Orig    sideJSON      `json:"orig"`
		Reply   sideJSON      `json:"reply"`
		NAT     natJSON       `json:"nat"`
		Timeout int64         `json:"timeout_ns"`
		Mark    uint32        `json:"mark"`
		Zone    uint16        `json:"zone"`
		Labels  string        `json:"labels"`
		Helper  string        `json:"helper"`
		Start   *model.Moment `json:"start,omitempty"`
		Gone    *model.Moment `json:"gone,omitempty"`
		Offload bool          `json:"offload"`
		rareJSON
	}
	sideJSON struct {
		Src      string  `json:"src"`
		SPort    *uint16 `json:"sport,omitempty"`
		Dst      string  `json:"dst"`
		DPort    *uint16 `json:"dport,omitempty"`
		ICMPType *uint8  `json:"icmp_type,omitempty"`
		ICMPCode *uint8  `json:"icmp_code,omitempty"`
		ICMPID   *uint16 `json:"icmp_id,omitempty"`
		Packets  *uint64 `json:"packets,omitempty"`
		Bytes    *uint64 `json:"bytes,omitempty"`
		Zone     uint16  `json:"zone,omitempty"`
		sideRareJSON
	}
	natJSON struct {
		Class   []Class `json:"class"`
		Client  string  `json:"client"`
		Service string  `json:"service"`
		Backend string  `json:"backend"`
	}
)

// MarshalJSON writes the event as nfscope/flow/1.
func (e Event) MarshalJSON() ([]byte, error) {
	j := eventJSON{Schema: Schema, Event: e.Type.String(), Time: known(e.Time)}
	switch e.Type {
	case EventGap:
		j.Lost = &e.Lost
	case EventDumpEnd:
		j.Flows = &e.Flows
	case EventDumpBegin:
		if e.Flows > 0 {
			j.Flows = &e.Flows
		}
	}
	if e.Flow != nil {
		j.flowJSON = e.Flow.json()
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what MarshalJSON wrote. Flow.Seen becomes the event's time.
func (e *Event) UnmarshalJSON(b []byte) error {
	j := eventJSON{flowJSON: &flowJSON{}}
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	if j.Schema != Schema {
		return fmt.Errorf("flow: schema %q: expected %s", j.Schema, Schema)
	}
	n := slices.Index(eventNames[1:], j.Event)
	if n < 0 {
		return fmt.Errorf("flow: unknown event %q", j.Event)
	}
	*e = Event{Type: EventType(n + 1)}
	if j.Time != nil {
		e.Time = j.Time.Time
	}
	if j.Lost != nil {
		e.Lost = *j.Lost
	}
	if j.Flows != nil {
		e.Flows = *j.Flows
	}
	switch e.Type {
	case EventGap, EventDumpBegin, EventDumpEnd:
		return nil
	}
	if j.flowJSON == nil || j.Proto == "" {
		return fmt.Errorf("flow: event %q without a flow", j.Event)
	}
	f, err := j.flowJSON.flow()
	if err != nil {
		return err
	}
	f.Seen = e.Time
	e.Flow = f
	return nil
}

func known(t time.Time) *model.Moment {
	if t.IsZero() {
		return nil
	}
	return &model.Moment{Time: t}
}

func (f *Flow) json() *flowJSON {
	return &flowJSON{
		ID: f.ID, Family: f.Family, Proto: f.Orig.Tuple.Proto.String(), State: f.State, Status: f.Status.List(),
		Orig: f.Orig.json(), Reply: f.Reply.json(),
		NAT:     natJSON{append([]Class{}, f.NAT.Class...), f.NAT.Client, f.NAT.Service, f.NAT.Backend},
		Timeout: int64(f.Timeout), Mark: f.Mark, Zone: f.Zone, Labels: hex.EncodeToString(f.Labels), Helper: f.Helper,
		Start: known(f.Start), Gone: known(f.Gone), Offload: f.Status&(Offload|HWOffload) != 0,
		rareJSON: f.rare(),
	}
}

func (j *flowJSON) flow() (*Flow, error) {
	f := &Flow{ID: j.ID, Family: j.Family, State: j.State, Timeout: time.Duration(j.Timeout),
		Mark: j.Mark, Zone: j.Zone, Helper: j.Helper, NAT: NAT{Client: j.NAT.Client, Service: j.NAT.Service, Backend: j.NAT.Backend}}
	if len(j.NAT.Class) > 0 {
		f.NAT.Class = j.NAT.Class
	}
	proto, ok := model.ParseProto(j.Proto)
	if !ok {
		return nil, fmt.Errorf("flow: unknown protocol %q", j.Proto)
	}
	var err error
	if f.Status, err = ParseStatus(j.Status); err != nil {
		return nil, fmt.Errorf("flow: %w", err)
	}
	if j.Labels != "" {
		if f.Labels, err = hex.DecodeString(j.Labels); err != nil {
			return nil, fmt.Errorf("flow: labels: %w", err)
		}
	}
	if f.Orig, err = j.Orig.side(proto); err != nil {
		return nil, fmt.Errorf("flow: orig: %w", err)
	}
	if f.Reply, err = j.Reply.side(proto); err != nil {
		return nil, fmt.Errorf("flow: reply: %w", err)
	}
	if j.Start != nil {
		f.Start = j.Start.Time
	}
	if j.Gone != nil {
		f.Gone = j.Gone.Time
	}
	return f, j.rareJSON.put(f)
}

func (s *Side) json() sideJSON {
	t := s.Tuple
	j := sideJSON{Src: address(t.Src), Dst: address(t.Dst), Zone: s.Zone}
	switch {
	case t.Proto.ICMP():
		typ, code := uint8(t.DPort>>8), uint8(t.DPort)
		j.ICMPType, j.ICMPCode, j.ICMPID = &typ, &code, &t.SPort
	case t.Proto.Ports() || t.SPort != 0 || t.DPort != 0: // GRE keeps its keys here
		j.SPort, j.DPort = &t.SPort, &t.DPort
	}
	if s.Count.Valid {
		j.Packets, j.Bytes = &s.Count.Packets, &s.Count.Bytes
	}
	j.sideRareJSON = s.rare()
	return j
}

func address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func (j *sideJSON) side(p model.Proto) (Side, error) {
	s := Side{Tuple: model.Tuple{Proto: p}, Zone: j.Zone}
	for _, a := range []struct {
		to   *netip.Addr
		text string
	}{{&s.Tuple.Src, j.Src}, {&s.Tuple.Dst, j.Dst}} {
		if a.text == "" {
			continue
		}
		v, err := netip.ParseAddr(a.text)
		if err != nil {
			return s, err
		}
		*a.to = v
	}
	if j.SPort != nil && j.DPort != nil {
		s.Tuple.SPort, s.Tuple.DPort = *j.SPort, *j.DPort
	}
	if j.ICMPType != nil && j.ICMPCode != nil && j.ICMPID != nil {
		s.Tuple.SPort, s.Tuple.DPort = *j.ICMPID, uint16(*j.ICMPType)<<8|uint16(*j.ICMPCode)
	}
	if j.Packets != nil && j.Bytes != nil {
		s.Count = model.Counters{Packets: *j.Packets, Bytes: *j.Bytes, Valid: true}
	}
	j.sideRareJSON.put(&s)
	return s, nil
}
