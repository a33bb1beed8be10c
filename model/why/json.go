package why

import (
	"bytes"
	"encoding/json"
	"time"

	"nfscope/model/journey"

	"nfscope/model"
)

// Schema names the JSON object of an answer.
const Schema = "nfscope/why/1"

type lossJSON struct {
	Lost uint64 `json:"lost"`
	Gaps uint64 `json:"gaps"`
	Held uint64 `json:"held"`
	// Untold are drops that are known by reason and place alone.
	Untold uint64 `json:"untold"`
}

type answerJSON struct {
	Schema     string           `json:"schema"`
	Time       model.Moment     `json:"time"`
	Filter     string           `json:"filter"`
	Kind       Kind             `json:"kind"`
	Side       Side             `json:"side"`
	Dropped    bool             `json:"dropped"`
	Sentence   string           `json:"sentence"`
	Confidence Confidence       `json:"confidence"`
	Because    string           `json:"because"`
	Flow       string           `json:"flow"`
	By         *journey.Culprit `json:"by,omitempty"`
	Reason     string           `json:"reason,omitempty"`
	Evidence   []string         `json:"evidence"`
	Do         string           `json:"do,omitempty"`
	Requests   Counts           `json:"requests"`
	Replies    Counts           `json:"replies"`
	Journeys   []string         `json:"journeys"`
	Simulated  bool             `json:"simulated"`
	Probe      *Probe           `json:"probe,omitempty"`
	Looked     time.Duration    `json:"looked_ns"`
	Drops      string           `json:"drops_by"`
	Loss       lossJSON         `json:"loss"`
	Netns      string           `json:"netns"`
}

// JSON is the answer as nfscope/why/1.
func (a *Answer) JSON(s *Seen, at time.Time) ([]byte, error) {
	j := answerJSON{Schema: Schema, Time: model.Moment{Time: at}, Filter: s.Filter.String(), Kind: a.Kind, Side: a.Side, Dropped: a.Dropped(), Sentence: a.Sentence, Confidence: a.Confidence, Because: a.Because,
		Flow: a.Flow, Reason: a.Reason, Evidence: a.Evidence, Do: a.Do, Requests: a.Requests, Replies: a.Replies, Journeys: []string{}, Simulated: a.Simulated != nil, Probe: s.Probe,
		Looked: s.Looked, Drops: string(s.Watch.Step), Loss: lossJSON{s.Lost, s.Gaps, s.Held, s.Watch.Untold()}, Netns: s.Place}
	if a.By.Kind != "" {
		j.By = &a.By
	}
	for _, x := range a.Journeys {
		j.Journeys = append(j.Journeys, x.ID)
	}
	if j.Evidence == nil {
		j.Evidence = []string{}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // a flow has a > in it
	err := e.Encode(j)
	return bytes.TrimSpace(b.Bytes()), err
}
