package nat

import (
	"encoding/json"
	"time"

	"nfscope/model"
)

// PoolSchema names the JSON form of a Pool.
const PoolSchema = "nfscope/pool/1"

type (
	poolJSON struct {
		Schema  string       `json:"schema"`
		Time    model.Moment `json:"time"`
		Address string       `json:"address"`
		Family  model.Family `json:"family"`
		Proto   string       `json:"proto"`
		To      *endJSON     `json:"destination,omitempty"`
		Ports   portsJSON    `json:"ports"`
		Used    int          `json:"used"`
		Closing int          `json:"closing"`
		Size    int          `json:"available"`
		Share   float64      `json:"share"`
		Growth  *float64     `json:"growth_per_second,omitempty"`
		Full    int64        `json:"full_in_ns,omitempty"`
		Rules   []ruleJSON   `json:"rules"`
	}
	endJSON struct {
		Addr string  `json:"address"`
		Port *uint16 `json:"port,omitempty"`
	}
	portsJSON struct {
		First uint16 `json:"first"`
		Last  uint16 `json:"last"`
		// From is rule, or kernel for the range that the kernel takes where no rule names one.
		From string `json:"from"`
	}
	ruleJSON struct {
		Backend model.Backend `json:"backend"`
		Family  model.Family  `json:"family"`
		Table   string        `json:"table"`
		Chain   string        `json:"chain"`
		Rule    int           `json:"rule"`
		Text    string        `json:"text"`
	}
)

// JSON gives the pool as nfscope/pool/1; watched says that its growth is known.
func (p *Pool) JSON(at time.Time, watched bool) ([]byte, error) {
	j := poolJSON{Schema: PoolSchema, Time: model.Moment{Time: at}, Address: p.Addr.String(), Family: model.FamilyIPv4, Proto: "", Ports: portsJSON{p.Ports.First, p.Ports.Last, "kernel"},
		Used: p.Used, Closing: p.Closing, Size: p.Ports.Size(), Share: p.Share(), Full: int64(p.Full), Rules: []ruleJSON{}}
	if p.Proto != 0 {
		j.Proto = p.Proto.String()
	}
	if p.Addr.Is6() {
		j.Family = model.FamilyIPv6
	}
	if p.Given {
		j.Ports.From = "rule"
	}
	if p.To.IsValid() {
		j.To = &endJSON{Addr: p.To.String()}
		if p.Proto.Ports() {
			j.To.Port = &p.ToPort
		}
	}
	if watched {
		j.Growth = &p.Growth
	}
	for _, r := range p.Rules {
		j.Rules = append(j.Rules, ruleJSON{r.Table.Backend, r.Table.Family, r.Table.Name, r.Chain.Name, r.Rule.Index, r.Rule.Text})
	}
	return json.Marshal(j)
}

// Destination is the far end in words: "10.2.0.2:80", "any".
func (p *Pool) Destination() string {
	if !p.To.IsValid() {
		return "any"
	}
	return model.Tuple{Proto: p.Proto, Src: p.To, SPort: p.ToPort}.SrcString()
}
