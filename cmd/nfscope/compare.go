package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"nfscope/model/compare"
	"nfscope/model/journey"
	"nfscope/model/miss"
	"nfscope/model/store"
	"nfscope/trace/record"
	"nfscope/ui/component/ladder"
	"nfscope/ui/component/line"
)

// replayCompare compares two packets of a recording, which are named by their numbers.
func (a *app) replayCompare(name, which string, o replayFlags) error {
	x, y, ok := strings.Cut(which, ",")
	n, err := strconv.Atoi(strings.TrimSpace(x))
	m, err2 := strconv.Atoi(strings.TrimSpace(y))
	if !ok || err != nil || err2 != nil || n == m {
		return usagef("--compare %s: expected the numbers of two packets, such as 3,7", which)
	}
	st, list, playErr, err := a.journeysOf(name, o)
	if err != nil {
		return err
	}
	var two [2]*journey.Journey
	for i, want := range []int{n, m} {
		for _, j := range list {
			if j.Number == want {
				two[i] = j
			}
		}
		if two[i] == nil {
			return usagef("--compare: %s has no packet %d; it has %s", name, want, numbers(list))
		}
	}
	find := miss.New(miss.In(st.Snapshot(two[0].Start))) // why one of them did not match
	c := compare.Journeys(find.Look(two[0], 0), find.Look(two[1], 0))
	out := bufio.NewWriter(a.objects(o.json))
	if o.json {
		err = json.NewEncoder(out).Encode(compareJSON(c))
	} else {
		err = printComparison(out, c, a.width())
	}
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return err
	}
	return usage(playErr)
}

func numbers(list []*journey.Journey) string {
	if len(list) == 0 {
		return "none"
	}
	return fmt.Sprintf("%d to %d", list[0].Number, list[len(list)-1].Number)
}

// manyKept is how many packets of a recording are kept where all are needed together.
const manyKept = 1 << 16

// journeysOf gives the state at the end of a recording, its journeys, and why it has no
// more.
func (a *app) journeysOf(name string, o replayFlags) (st *store.Store, list []*journey.Journey, playErr, err error) {
	f, err := a.openInput(name)
	if err != nil {
		return nil, nil, nil, err
	}
	defer f.Close()
	rr, err := record.NewReader(name, f)
	if err != nil {
		return nil, nil, nil, usage(err)
	}
	left := 0
	keep := journey.Options{Keep: fewKept, Closed: func(j *journey.Journey) {
		if !o.within(j, rr.First()) {
			return
		}
		if list = append(list, j); len(list) >= 2*o.keep {
			left += len(list) - o.keep
			list = slices.Delete(list, 0, len(list)-o.keep)
		}
	}}
	st, playErr, err = a.foldRecording(rr, o, keep, func(*store.Store) error { return nil })
	if err != nil {
		return nil, nil, nil, err
	}
	if n := max(0, len(list)-o.keep); left+n > 0 {
		fmt.Fprintf(a.err, "nfscope: %s has more packets than are kept at once: the first %d are left out; --from and --to choose others\n", name, left+n)
		list = list[n:]
	}
	slices.SortFunc(list, func(a, b *journey.Journey) int { return a.Number - b.Number })
	return st, list, playErr, nil
}

// sideJSON is a row of nfscope/comparison/1: indexes of the journeys' steps, -1 for none.
type sideJSON struct {
	A       int      `json:"a"`
	B       int      `json:"b"`
	Differs []string `json:"differs"`
}

type fieldJSON struct {
	Name string `json:"name"`
	A    string `json:"a"`
	B    string `json:"b"`
}

func fieldsJSON(list []compare.Field) []fieldJSON {
	out := []fieldJSON{}
	for _, f := range list {
		out = append(out, fieldJSON(f))
	}
	return out
}

func compareJSON(c *compare.Comparison) any {
	rows := []sideJSON{}
	for _, r := range c.Rows {
		rows = append(rows, sideJSON{r.A, r.B, append([]string{}, r.Differs...)})
	}
	return struct {
		Schema   string           `json:"schema"`
		A        *journey.Journey `json:"a"`
		B        *journey.Journey `json:"b"`
		Part     int              `json:"part"`
		Rows     []sideJSON       `json:"rows"`
		Fields   []fieldJSON      `json:"fields"`
		At       []fieldJSON      `json:"at"`
		Sentence string           `json:"sentence"`
	}{"nfscope/comparison/1", c.A, c.B, c.Part, rows, fieldsJSON(c.Fields), fieldsJSON(c.At), c.Sentence}
}

// printComparison prints the sentence, what differs in the packets, and the two ladders
// side by side.
func printComparison(w *bufio.Writer, c *compare.Comparison, width int) error {
	if width == 0 { // no terminal: whoever reads it breaks the lines
		width = 1 << 16
	}
	for _, l := range line.Wrap(line.Clean(c.Sentence), width) {
		fmt.Fprintln(w, l)
	}
	for _, j := range []*journey.Journey{c.A, c.B} {
		fmt.Fprintln(w, line.Clean(ladder.Headline(j)+": "+j.Outcome.Sentence))
	}
	for _, f := range c.Fields {
		fmt.Fprintf(w, "  %-10s %s | %s\n", f.Name, line.Clean(cmp.Or(f.A, "-")), line.Clean(cmp.Or(f.B, "-")))
	}
	fmt.Fprintln(w)
	wide := 24
	left, right := texts(c.A), texts(c.B)
	for _, t := range left {
		wide = max(wide, line.Width(t))
	}
	wide = min(wide, max(width-5, 20)/2)
	for i, r := range c.Rows {
		if i != c.Part && missed(c.A, r.A) && missed(c.B, r.B) {
			continue // neither matched it
		}
		mark := " "
		switch {
		case i == c.Part:
			mark = ">"
		case !r.Same():
			mark = "*"
		}
		row := mark + " " + line.Fit(stepText(left, r.A), wide, "~") + " | "
		fmt.Fprintln(w, strings.TrimRight(row+line.Cut(stepText(right, r.B), max(width-wide-5, 10), "~"), " "))
	}
	return nil
}

// missed reports whether a step is none, or a rule that did not match.
func missed(j *journey.Journey, i int) bool { return i < 0 || j.Steps[i].Kind == journey.KindMiss }

func stepText(list []string, i int) string {
	if i < 0 {
		return ""
	}
	return list[i]
}

// texts are a journey's steps, a line each.
func texts(j *journey.Journey) []string {
	out := make([]string, len(j.Steps))
	for i := range j.Steps {
		s := &j.Steps[i]
		t := ladder.Place(s.Backend, s.Family, s.Table, s.Chain) + " "
		if t += string(s.Kind); s.Rule != 0 {
			t = strings.TrimSuffix(t, string(s.Kind)) + strconv.Itoa(s.Rule) + " " + strings.TrimPrefix(s.Text, "-A "+s.Chain+" ")
		}
		if s.Kind == journey.KindMiss {
			t += " (no match)"
		} else {
			t += ": " + s.Verdict.String()
		}
		if d := ladder.Changes(s.Packet); d != "" {
			t += " [" + d + "]"
		}
		out[i] = strings.Repeat("  ", s.Depth) + line.Clean(t)
	}
	return out
}
