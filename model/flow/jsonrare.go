package flow

import (
	"encoding/hex"
	"fmt"
	"time"

	"nfscope/model"
)

// The part of nfscope/flow/1 that only some flows have: each name is absent where there is
// nothing to say.
type (
	rareJSON struct {
		TimeoutMax int64             `json:"timeout_max_ns,omitempty"`
		Stop       *model.Moment     `json:"stop,omitempty"`
		Use        uint32            `json:"use,omitempty"`
		HelperInfo string            `json:"helper_info,omitempty"`
		Master     *tupleJSON        `json:"master,omitempty"`
		Synproxy   *synproxyJSON     `json:"synproxy,omitempty"`
		DCCP       *dccpJSON         `json:"dccp,omitempty"`
		Context    string            `json:"secctx,omitempty"`
		Expects    []expectationJSON `json:"expects,omitempty"`
		Rate       *float64          `json:"bytes_per_second,omitempty"`
		Unknown    []attributeJSON   `json:"unknown,omitempty"`
	}
	sideRareJSON struct {
		Adjust *seqMoveJSON `json:"seqadj,omitempty"`
		Scale  uint8        `json:"wscale,omitempty"`
		Flags  uint8        `json:"tcp_flags,omitempty"`
		VTag   uint32       `json:"vtag,omitempty"`
	}
	// tupleJSON is a side with its protocol.
	tupleJSON struct {
		Proto string `json:"proto"`
		sideJSON
	}
	seqMoveJSON struct {
		Position uint32 `json:"position"`
		Before   int32  `json:"before"`
		After    int32  `json:"after"`
	}
	synproxyJSON struct {
		ISN    uint32 `json:"isn"`
		ITS    uint32 `json:"its"`
		Offset uint32 `json:"offset"`
	}
	dccpJSON struct {
		Role     uint8  `json:"role"`
		Sequence uint64 `json:"sequence"`
	}
	expectationJSON struct {
		ID       uint32    `json:"id"`
		Tuple    tupleJSON `json:"tuple"`
		Mask     tupleJSON `json:"mask"`
		Zone     *uint16   `json:"zone"` // nil where an nfscope wrote it that did not ask for zones
		AnyZone  bool      `json:"zone_unknown,omitempty"`
		Timeout  int64     `json:"timeout_ns"`
		Helper   string    `json:"helper"`
		Function string    `json:"function,omitempty"`
		Flags    uint32    `json:"flags"`
		Class    uint32    `json:"class"`
	}
	attributeJSON struct {
		Type uint32 `json:"type"`
		Data string `json:"data"`
	}
)

func (f *Flow) rare() rareJSON {
	j := rareJSON{TimeoutMax: int64(f.TimeoutMax), Stop: known(f.Stop), Use: f.Use, HelperInfo: hex.EncodeToString(f.HelperInfo),
		Context: f.Context}
	if f.Rated() {
		j.Rate = &f.Rate
	}
	if f.Master.Src.IsValid() {
		m := tupleOf(f.Master)
		j.Master = &m
	}
	if f.Synproxy != (Synproxy{}) {
		j.Synproxy = (*synproxyJSON)(&f.Synproxy)
	}
	if f.DCCP != (DCCP{}) {
		j.DCCP = (*dccpJSON)(&f.DCCP)
	}
	for _, x := range f.Expects {
		j.Expects = append(j.Expects, expectationJSON{x.ID, tupleOf(x.Tuple), tupleOf(x.Mask), &x.Zone, !x.ZoneKnown, int64(x.Timeout), x.Helper, x.Function, x.Flags, x.Class})
	}
	for _, a := range f.Unknown {
		j.Unknown = append(j.Unknown, attributeJSON{a.Type, hex.EncodeToString(a.Data)})
	}
	return j
}

// put sets what rare gave.
func (j *rareJSON) put(f *Flow) (err error) {
	f.TimeoutMax, f.Use, f.Context, f.Rate = time.Duration(j.TimeoutMax), j.Use, j.Context, -1
	if j.Rate != nil {
		f.Rate = *j.Rate
	}
	if j.Stop != nil {
		f.Stop = j.Stop.Time
	}
	if f.HelperInfo, err = hexBytes(j.HelperInfo); err != nil {
		return fmt.Errorf("flow: helper_info: %w", err)
	}
	if j.Master != nil {
		if f.Master, err = j.Master.tuple(); err != nil {
			return fmt.Errorf("flow: master: %w", err)
		}
	}
	if j.Synproxy != nil {
		f.Synproxy = Synproxy(*j.Synproxy)
	}
	if j.DCCP != nil {
		f.DCCP = DCCP(*j.DCCP)
	}
	for _, x := range j.Expects {
		e := Expectation{ID: x.ID, Master: f.Orig.Tuple, Timeout: time.Duration(x.Timeout), Helper: x.Helper,
			Function: x.Function, Flags: x.Flags, Class: x.Class}
		if x.Zone != nil {
			e.Zone, e.ZoneKnown = *x.Zone, !x.AnyZone
		}
		if e.Tuple, err = x.Tuple.tuple(); err == nil {
			e.Mask, err = x.Mask.tuple()
		}
		if err != nil {
			return fmt.Errorf("flow: expects: %w", err)
		}
		f.Expects = append(f.Expects, e)
	}
	for _, a := range j.Unknown {
		data, err := hexBytes(a.Data)
		if err != nil {
			return fmt.Errorf("flow: unknown: %w", err)
		}
		f.Unknown = append(f.Unknown, Attribute{a.Type, data})
	}
	return nil
}

func hexBytes(s string) ([]byte, error) {
	if s == "" {
		return nil, nil
	}
	return hex.DecodeString(s)
}

func tupleOf(t model.Tuple) tupleJSON {
	s := Side{Tuple: t}
	return tupleJSON{t.Proto.String(), s.json()}
}

func (j *tupleJSON) tuple() (model.Tuple, error) {
	p, ok := model.ParseProto(j.Proto)
	if !ok {
		return model.Tuple{}, fmt.Errorf("unknown protocol %q", j.Proto)
	}
	s, err := j.side(p)
	return s.Tuple, err
}

func (s *Side) rare() sideRareJSON {
	j := sideRareJSON{Scale: s.TCP.Scale, Flags: s.TCP.Flags, VTag: s.VTag}
	if s.Adjust != (SeqMove{}) {
		j.Adjust = (*seqMoveJSON)(&s.Adjust)
	}
	return j
}

func (j *sideRareJSON) put(s *Side) {
	s.TCP, s.VTag = TCPSide{j.Scale, j.Flags}, j.VTag
	if j.Adjust != nil {
		s.Adjust = SeqMove(*j.Adjust)
	}
}
