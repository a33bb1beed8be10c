// Package logline is what rules of the user log: copies of packets sent to an NFLOG
// group, and lines of the targets LOG and log in the kernel's own log. It reads such a
// line, and finds the rules that may have written it.
package logline

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"nfscope/model"
)

// Source tells which way a line came.
type Source string

// The sources.
const (
	NFLOG Source = "nflog" // -j NFLOG, nft's "log group"
	Log   Source = "log"   // -j LOG, nft's "log": the kernel's own log
)

// Line is one line.
type Line struct {
	Source Source
	// Time is when the line was read.
	Time time.Time
	// Group is the NFLOG group.
	Group uint16
	// Level is the line's syslog level, 0 to 7; of the kernel's log only.
	Level int
	// Prefix is the rule's own text, "" where it has none.
	Prefix string
	// Family is that of the packet, FamilyUnspec where it is no IP.
	Family model.Family
	// Hook is where the rule stands; the kernel's log does not tell it: HookNone.
	Hook                     model.Hook
	In, Out, PhysIn, PhysOut string
	// Packet is nil where it is no IP, or was not copied.
	Packet *model.Packet
	// UID, GID are those of the process that sent the packet, nil where they are not told.
	UID, GID *uint32
	Mark     uint32
	// Text is the line as the kernel's log has it, "" of NFLOG.
	Text string
}

// From names where the line was read: "group 5", "kernel log".
func (l *Line) From() string {
	if l.Source == NFLOG {
		return "group " + strconv.Itoa(int(l.Group))
	}
	return "kernel log"
}

// Way names the interfaces: "eth0 > eth1", "in eth0", "out eth1", "" where there are none.
func (l *Line) Way() string {
	switch {
	case l.In != "" && l.Out != "":
		return l.In + " > " + l.Out
	case l.In != "":
		return "in " + l.In
	case l.Out != "":
		return "out " + l.Out
	}
	return ""
}

// Owner names who sent the packet: "uid 1000 gid 100", "" where that is not told.
func (l *Line) Owner() string {
	var s []string
	if l.UID != nil {
		s = append(s, "uid "+strconv.FormatUint(uint64(*l.UID), 10))
	}
	if l.GID != nil {
		s = append(s, "gid "+strconv.FormatUint(uint64(*l.GID), 10))
	}
	return strings.Join(s, " ")
}

// What names the packet, or what the kernel wrote where it is none that is understood.
func (l *Line) What() string {
	switch {
	case l.Packet != nil:
		return l.Packet.String()
	case l.Text != "":
		return strings.TrimPrefix(l.Text, l.Prefix)
	}
	return "no IP packet"
}

// Schema names the JSON form of a line.
const Schema = "nfscope/log/1"

// JSON is a line with the rules that may have written it, nfscope/log/1.
func (l *Line) JSON(rules []*Rule) ([]byte, error) {
	type place struct {
		Backend model.Backend `json:"backend"`
		Family  model.Family  `json:"family"`
		Table   string        `json:"table"`
		Chain   string        `json:"chain"`
		Rule    int           `json:"rule"`
		Handle  uint64        `json:"handle"`
		Text    string        `json:"text"`
	}
	o := struct {
		Schema  string        `json:"schema"`
		Time    model.Moment  `json:"time"`
		Source  Source        `json:"source"`
		Group   *uint16       `json:"group,omitempty"`
		Level   *int          `json:"level,omitempty"`
		Prefix  string        `json:"prefix"`
		Family  *model.Family `json:"family,omitempty"`
		Hook    *model.Hook   `json:"hook,omitempty"`
		In      string        `json:"in"`
		Out     string        `json:"out"`
		PhysIn  string        `json:"physin,omitempty"`
		PhysOut string        `json:"physout,omitempty"`
		UID     *uint32       `json:"uid,omitempty"`
		GID     *uint32       `json:"gid,omitempty"`
		Packet  *model.Packet `json:"packet,omitempty"`
		Text    string        `json:"text,omitempty"`
		Rules   []place       `json:"rules"`
	}{Schema: Schema, Time: model.Moment{Time: l.Time}, Source: l.Source, Prefix: l.Prefix, In: l.In, Out: l.Out, PhysIn: l.PhysIn, PhysOut: l.PhysOut,
		UID: l.UID, GID: l.GID, Packet: l.Packet, Text: l.Text, Rules: []place{}}
	if l.Source == NFLOG {
		o.Group = &l.Group
	} else {
		o.Level = &l.Level
	}
	if l.Family != model.FamilyUnspec {
		o.Family = &l.Family
	}
	if l.Hook != model.HookNone {
		o.Hook = &l.Hook
	}
	for _, r := range rules {
		o.Rules = append(o.Rules, place{r.Table.Backend, r.Table.Family, r.Table.Name, r.Chain.Name, r.Rule.Index, r.Rule.Handle, r.Rule.Text})
	}
	return json.Marshal(o)
}
