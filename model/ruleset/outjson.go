package ruleset

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"

	"nfscope/model"
)

// Schema names the JSON form of a ruleset.
const Schema = "nfscope/ruleset/1"

// The JSON objects, in the order of the contract's fields. What is absent by contract
// is a pointer; what the contract does not name comes last.
type (
	rulesetJSON struct {
		Schema     string `json:"schema"`
		Netns      string `json:"netns"`
		Generation string `json:"generation"`
		// Terse says that the sets in extra are without their elements.
		Terse bool `json:"terse,omitempty"`
	}
	tableJSON struct {
		Backend model.Backend `json:"backend"`
		Family  model.Family  `json:"family"`
		Name    string        `json:"name"`
		Handle  uint64        `json:"handle,omitempty"`
		Flags   string        `json:"flags,omitempty"`
		Extra   []string      `json:"extra,omitempty"`
	}
	chainJSON struct {
		Name     string          `json:"name"`
		Hook     *model.Hook     `json:"hook,omitempty"`
		Priority *model.Priority `json:"priority,omitempty"`
		Policy   string          `json:"policy,omitempty"`
		Packets  *uint64         `json:"packets,omitempty"`
		Bytes    *uint64         `json:"bytes,omitempty"`
		Rules    []ruleJSON      `json:"rules"`
		Type     string          `json:"type,omitempty"`
		Device   string          `json:"device,omitempty"`
		Handle   uint64          `json:"handle,omitempty"`
		Extra    []string        `json:"extra,omitempty"`
	}
	ruleJSON struct {
		Index   int     `json:"index"`
		Handle  uint64  `json:"handle"`
		Text    string  `json:"text"`
		Target  string  `json:"target"`
		Jump    string  `json:"jump"`
		Packets *uint64 `json:"packets,omitempty"`
		Bytes   *uint64 `json:"bytes,omitempty"`
		Comment string  `json:"comment"`
		Goto    bool    `json:"goto,omitempty"`
		Marked  string  `json:"marked,omitempty"`
	}
)

// WriteJSON prints a ruleset as one line of nfscope/ruleset/1. counts may be nil: then
// the numbers are those that came with the text.
func WriteJSON(w io.Writer, rs *model.Ruleset, counts *model.Counts) error {
	j := newJSONWriter(w)
	j.open(rulesetJSON{Schema, rs.Netns, rs.Generation, rs.Terse})
	j.raw(`,"tables":[`)
	for i, t := range rs.Tables {
		j.comma(i)
		j.open(tableJSON{t.Backend, t.Family, t.Name, t.Handle, t.Flags, t.Extra})
		j.raw(`,"chains":[`)
		for k, c := range t.Chains {
			j.comma(k)
			j.value(makeChainJSON(t, c, counts))
		}
		j.raw("]}")
	}
	j.raw(`],"warnings":`)
	warnings := rs.Warnings
	if warnings == nil {
		warnings = []string{}
	}
	j.value(warnings)
	j.raw("}\n")
	if j.err != nil {
		return j.err
	}
	return j.w.Flush()
}

func makeChainJSON(t *model.Table, c *model.Chain, counts *model.Counts) chainJSON {
	j := chainJSON{Name: c.Name, Type: c.Type, Device: c.Device, Handle: c.Handle, Extra: c.Extra,
		Rules: make([]ruleJSON, len(c.Rules))}
	if c.Base() {
		j.Hook, j.Priority, j.Policy = &c.Hook, &c.Priority, c.Policy
	}
	if n := chainCounters(c, counts); n.Valid {
		j.Packets, j.Bytes = &n.Packets, &n.Bytes
	}
	for i := range c.Rules {
		r := &c.Rules[i]
		j.Rules[i] = ruleJSON{Index: r.Index, Handle: r.Handle, Text: r.Text, Target: r.Target, Jump: r.Jump,
			Comment: r.Comment, Goto: r.Goto, Marked: Doubt(t, r)}
		if n := ruleCounters(r, counts); n.Valid {
			j.Rules[i].Packets, j.Rules[i].Bytes = &n.Packets, &n.Bytes
		}
	}
	return j
}

// jsonWriter streams one large object: a chain at a time is in memory, not all.
type jsonWriter struct {
	w   *bufio.Writer
	buf bytes.Buffer
	enc *json.Encoder
	err error
}

func newJSONWriter(w io.Writer) *jsonWriter {
	j := &jsonWriter{w: bufio.NewWriterSize(w, 64<<10)}
	j.enc = json.NewEncoder(&j.buf)
	j.enc.SetEscapeHTML(false)
	return j
}

func (j *jsonWriter) raw(s string) { _, _ = j.w.WriteString(s) } // Flush gives the error

func (j *jsonWriter) comma(i int) {
	if i > 0 {
		j.raw(",")
	}
}

func (j *jsonWriter) value(v any) { j.put(v, 1) }

// open writes an object without its closing brace.
func (j *jsonWriter) open(v any) { j.put(v, 2) }

// put leaves out the last bytes: the encoder ends with a line break.
func (j *jsonWriter) put(v any, without int) {
	j.buf.Reset()
	if err := j.enc.Encode(v); err != nil {
		j.err = err
		return
	}
	_, _ = j.w.Write(j.buf.Bytes()[:j.buf.Len()-without])
}
