package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"nfscope/model/feed"
	"nfscope/trace/record"
	"nfscope/ui/component/line"
)

// replayInfo prints what is in a recording, as text or as an nfscope/recording-info/1
// object.
func (a *app) replayInfo(name string, asJSON bool) error {
	f, file, err := a.openRecording(name)
	if err != nil {
		return err
	}
	defer file.Close()
	in, err := f.Info(a.ctx)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(a.objects(asJSON))
	if asJSON {
		err = json.NewEncoder(out).Encode(struct {
			Schema string `json:"schema"`
			*record.Info
			Namespace *namespaceJSON `json:"namespace"`
		}{"nfscope/recording-info/1", in, newNamespaceJSON(in.Host)})
	} else {
		err = printInfo(out, in)
	}
	if err != nil {
		return err
	}
	return out.Flush()
}

// namespaceJSON is a recording's host in nfscope/recording-info/1, by the names that other
// objects have. Its `host` says the same with Go's names: what has landed stays.
type namespaceJSON struct {
	Name   string      `json:"name"`
	Source string      `json:"source"`
	Kernel string      `json:"kernel"`
	Local  []string    `json:"local"`
	Routes []routeJSON `json:"routes,omitzero"` // not there where they were not read
	Policy bool        `json:"routes_policy,omitempty"`
	Facts  []factJSON  `json:"facts"`
}

type routeJSON struct {
	To     string `json:"to"`
	Device string `json:"device"`
	Metric int    `json:"metric"`
}

type factJSON struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func newNamespaceJSON(h *feed.Host) *namespaceJSON {
	if h == nil {
		return nil
	}
	out := &namespaceJSON{Name: h.Name, Source: h.Source, Kernel: h.Kernel, Local: append([]string{}, h.Local...), Facts: []factJSON{}}
	if h.Routes != nil {
		out.Policy = h.Routes.Policy
		out.Routes = []routeJSON{}
		for _, r := range h.Routes.List {
			out.Routes = append(out.Routes, routeJSON{r.To.String(), r.Device, r.Metric})
		}
	}
	for _, f := range h.Facts {
		out.Facts = append(out.Facts, factJSON(f))
	}
	return out
}

func printInfo(w *bufio.Writer, in *record.Info) error {
	say := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-12s %s\n", name, line.Clean(fmt.Sprintf(format, args...)))
	}
	say("title", "%s", in.Title)
	say("form", "%s, by nfscope %s, %s", in.Form, in.Version, in.Created.Format(time.RFC3339))
	if in.Redacted {
		say("redacted", "addresses and names stand for others")
	}
	say("time", "%v from %s", in.Duration().Round(time.Millisecond), in.First.Format(time.RFC3339Nano))
	end := in.Ended
	if in.Cut != "" {
		end = in.Cut
	}
	if end != "" {
		say("ended", "%s", end)
	}
	if h := in.Host; h != nil {
		say("namespace", "%s, %s", h.Name, h.Source)
		say("kernel", "%s", h.Kernel)
		if len(h.Local) > 0 {
			say("addresses", "%s", strings.Join(h.Local, " "))
		}
		for _, f := range h.Facts {
			say("fact", "%s %s", f.Name, f.Value)
		}
	}
	for _, r := range in.Rules {
		say("rules", "%s: %s in %s, generation %s", r.At.Sub(in.First.Time).Round(time.Millisecond), plural(uint64(r.Rules), "rule"), plural(uint64(r.Chains), "chain"), r.Generation)
	}
	var kinds []string
	for k := range in.Items {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	for _, k := range kinds {
		say("items", "%d %s", in.Items[k], k)
	}
	say("lost", "%s, %s of unknown size, %s dropped by the recording itself", plural(in.Lost, "event"), plural(in.Gaps, "gap"), plural(in.Dropped, "item"))
	for _, p := range in.Problems {
		say("problem", "%s", p)
	}
	return w.Flush()
}
