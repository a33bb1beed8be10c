package drop

import (
	"encoding/json"

	"nfscope/model"
)

// Schema names the JSON object of a drop.
const Schema = "nfscope/drop/1"

type tupleJSON struct {
	Proto string  `json:"proto"`
	Src   string  `json:"src"`
	SPort *uint16 `json:"sport,omitempty"`
	Dst   string  `json:"dst"`
	DPort *uint16 `json:"dport,omitempty"`
}

func tupleOf(t model.Tuple) *tupleJSON {
	if !t.Src.IsValid() {
		return nil
	}
	j := &tupleJSON{Proto: t.Proto.String(), Src: t.Src.String(), Dst: t.Dst.String()}
	if t.Proto.Ports() {
		j.SPort, j.DPort = &t.SPort, &t.DPort
	}
	return j
}

type dropJSON struct {
	Schema   string        `json:"schema"`
	Time     model.Moment  `json:"time"`
	Reason   string        `json:"reason"`
	Words    string        `json:"reason_words"`
	Facts    []string      `json:"facts,omitempty"`
	Do       string        `json:"do,omitempty"`
	By       By            `json:"by"`
	Usual    bool          `json:"usual,omitempty"`
	Location string        `json:"location"`
	Callers  []string      `json:"callers,omitempty"`
	Station  string        `json:"station"`
	Hook     string        `json:"hook"`
	In       string        `json:"in"`
	Out      string        `json:"out"`
	Packet   *model.Packet `json:"packet,omitempty"`
	ARP      string        `json:"arp,omitempty"`
	SrcMAC   string        `json:"src_mac,omitempty"`
	DstMAC   string        `json:"dst_mac,omitempty"`
	Orig     *tupleJSON    `json:"orig,omitempty"`
	Reply    *tupleJSON    `json:"reply,omitempty"`
	State    string        `json:"ct_state,omitempty"`
	Zone     uint16        `json:"zone,omitempty"`
	Count    uint64        `json:"count"`
	Source   Step          `json:"source"`
	Netns    string        `json:"netns"`
	Inode    uint32        `json:"netns_inode,omitempty"`
}

// JSON is the drop as nfscope/drop/1, with the words of the dictionary. netns is the
// name of the namespace that is watched.
func (d *Drop) JSON(words Dictionary, netns string) ([]byte, error) {
	e := words.Explain(d)
	j := dropJSON{Schema: Schema, Time: model.Moment{Time: d.Time}, Reason: d.Reason, Words: e.Words, Facts: e.Facts, Do: e.Do, By: e.By, Usual: e.Grade == Usual, Location: d.Place, Callers: d.Callers,
		Station: d.Station.String(), Hook: d.Hook.String(), In: d.In, Out: d.Out, ARP: d.ARP, SrcMAC: d.SrcMAC, DstMAC: d.DstMAC, Orig: tupleOf(d.Orig), Reply: tupleOf(d.Reply),
		State: d.State, Zone: d.Zone, Count: d.Count, Source: d.Source, Netns: netns, Inode: d.Netns}
	if d.HasPacket() {
		j.Packet = &d.Packet
	}
	return json.Marshal(j)
}
