package record

import (
	"context"
	"slices"
	"time"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/flow"
)

// Info is what is in a recording.
type Info struct {
	Title    string       `json:"title"`
	Form     string       `json:"form"`
	Version  string       `json:"version"`
	Created  model.Moment `json:"created"`
	Redacted bool         `json:"redacted"`
	First    model.Moment `json:"first"`
	Last     model.Moment `json:"last"`
	// Ended says what ended it, Cut where it ends without an end; "" where not known.
	Ended string     `json:"ended"`
	Cut   string     `json:"cut,omitempty"`
	Host  *feed.Host `json:"host"`
	Rules []Rules    `json:"rules"`
	// Items counts by kind.
	Items    map[string]uint64 `json:"items"`
	Lost     uint64            `json:"lost"`
	Gaps     uint64            `json:"gaps"`
	Dropped  uint64            `json:"dropped"`
	Problems []string          `json:"problems"`
}

// Rules is one ruleset of a recording.
type Rules struct {
	At         model.Moment `json:"at"`
	Generation string       `json:"generation"`
	Chains     int          `json:"chains"`
	Rules      int          `json:"rules"`
}

// Duration is how long the recording is.
func (i *Info) Duration() time.Duration { return i.Last.Sub(i.First.Time) }

// mostProblems bounds how many sentences an Info has.
const mostProblems = 100

// Info reads all of the recording and tells what is in it.
func (f *File) Info(ctx context.Context) (*Info, error) {
	in := &Info{Title: f.Title, Form: f.Schema, Version: f.Version, Created: model.Moment{Time: f.Created}, Redacted: f.Redacted, Cut: f.Cut,
		Rules: []Rules{}, Items: map[string]uint64{}, Problems: []string{}}
	in.First.Time, in.Last.Time = f.Span()
	if f.End != nil {
		in.Ended, in.Dropped = f.End.Why, f.End.Dropped
	}
	for i := range f.Blocks() {
		list, err := f.Block(i)
		if err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		for k := range list {
			in.count(&list[k])
		}
	}
	return in, nil
}

func (i *Info) count(it *feed.Item) {
	i.Items[kind(it)]++
	switch {
	case it.Host != nil:
		i.Host = it.Host
	case it.Rules != nil:
		chains, rules := it.Rules.Size()
		i.Rules = append(i.Rules, Rules{model.Moment{Time: it.Time}, it.Rules.Generation, chains, rules})
	case it.Event != nil:
		i.loss(it.Event.Lost, it.Event.Source.String() == "gap")
	case it.Sight != nil:
		i.loss(it.Sight.Lost, false)
	case it.Flow != nil && it.Flow.Type == flow.EventGap:
		i.loss(it.Flow.Lost, true)
	case it.Problem != "" && len(i.Problems) < mostProblems && !slices.Contains(i.Problems, it.Problem):
		i.Problems = append(i.Problems, it.Problem)
	}
}

func (i *Info) loss(n uint64, gap bool) {
	i.Lost += n
	if gap && n == 0 {
		i.Gaps++
	}
}

// kind names what an item says.
func kind(it *feed.Item) string {
	switch {
	case it.Rules != nil:
		return "rules"
	case it.Beside != nil:
		return "rules of other namespaces"
	case it.Counts != nil, it.Partial != nil:
		return "counters"
	case it.Event != nil:
		return "events"
	case it.Flow != nil:
		return "flows"
	case it.Drop != nil:
		return "drops"
	case it.Sight != nil:
		return "sights"
	case it.Drops != nil:
		return "watching of drops"
	case it.Table != nil:
		return "conntrack"
	case it.Trace != nil:
		return "trace"
	case it.Lab != nil:
		return "lab"
	case it.Heard != nil:
		return "how far the reading was"
	case it.Host != nil:
		return "host"
	case it.Problem != "":
		return "problems"
	}
	return "other"
}
