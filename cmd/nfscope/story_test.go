package main

import (
	"bytes"
	"context"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"nfscope/docs/labs"
	"nfscope/model/feed"
	"nfscope/trace/lab"
	"nfscope/trace/record"
)

// Where some packets of a step were answered, one that a rule queued is not told as let
// through: neither one that the kernel dropped, nor one behind the first.
func TestStoryOfSeveralEnds(t *testing.T) {
	t.Parallel()
	data, err := fs.ReadFile(labs.FS, "nfqueue/"+lab.RecordingFile)
	if err != nil {
		t.Fatal(err)
	}
	const unread = 3 // the step whose queue nobody reads: one packet
	for name, leave := range map[string]func(*feed.Item) bool{
		"dropped":          func(*feed.Item) bool { return false },
		"behind the first": func(it *feed.Item) bool { return it.Drop != nil || it.Lab != nil && it.Lab.Current == unread },
	} {
		var out bytes.Buffer
		s := newStory(&out, 0, "zh")
		r, err := record.NewReader(name, bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		err = r.Play(context.Background(), record.NewClock(0), func(it feed.Item) {
			if leave(&it) {
				return
			}
			if it.Lab != nil {
				if it.Lab.Current > unread { // a packet of unknown end is waited for
					it.Time = it.Time.Add(time.Minute)
				}
				l := *it.Lab
				l.Steps = slices.Clone(l.Steps)
				l.Steps[unread].Result = "48 answered, 1 timed out"
				it.Lab = &l
			}
			s.put(it)
		})
		if err == nil {
			err = s.end()
		}
		if err != nil {
			t.Fatal(err)
		}
		if want := "filter/INPUT 的规则 2 把它放进队列，队列另一头没有放行它。"; !strings.Contains(out.String(), want) {
			t.Errorf("%s: the story does not say %q:\n%s", name, want, out.String())
		}
	}
}
