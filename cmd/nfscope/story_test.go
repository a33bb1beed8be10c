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
// through: of one that the kernel dropped that is told, of one behind the first that what user
// space did is not known.
func TestStoryOfSeveralEnds(t *testing.T) {
	t.Parallel()
	data, err := fs.ReadFile(labs.FS, "nfqueue/"+lab.RecordingFile)
	if err != nil {
		t.Fatal(err)
	}
	const unread = 3 // the step whose queue nobody reads: one packet
	for _, c := range []struct {
		name  string
		leave func(*feed.Item) bool
		want  string
	}{
		{"dropped", func(*feed.Item) bool { return false }, "被丢弃：input 的一条规则把它交给用户态（NFQUEUE），而没有程序读那个队列"},
		{"behind the first", func(it *feed.Item) bool { return it.Drop != nil || it.Lab != nil && it.Lab.Current == unread },
			"由 filter/INPUT (iptables-legacy) 的规则 2：-A INPUT -p udp -m udp --dport 123 -j NFQUEUE --queue-num 99；用户态怎样处理它，不得而知"},
	} {
		var out bytes.Buffer
		s := newStory(&out, 0, "zh")
		r, err := record.NewReader(c.name, bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		err = r.Play(context.Background(), record.NewClock(0), func(it feed.Item) {
			if c.leave(&it) {
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
		if !strings.Contains(out.String(), c.want) {
			t.Errorf("%s: the story does not say %q:\n%s", c.name, c.want, out.String())
		}
	}
}

// TestStoryUnmet: of a step whose packets met no rule it is told that they came.
func TestStoryUnmet(t *testing.T) {
	t.Parallel()
	data, err := fs.ReadFile(labs.FS, "load-balance/"+lab.RecordingFile)
	if err != nil {
		t.Fatal(err)
	}
	for lang, want := range map[string]string{"en": "\n3 packets of it seen: no rule is asked\n", "zh": "\n看到它的 3 个报文：不问任何规则\n"} {
		var out bytes.Buffer
		s := newStory(&out, 0, lang)
		r, err := record.NewReader("load-balance", bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Play(context.Background(), record.NewClock(0), func(it feed.Item) { s.put(it) }); err != nil {
			t.Fatal(err)
		}
		if err := s.end(); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(out.String(), want); got != 1 {
			t.Errorf("%s: %d times %q:\n%s", lang, got, want, out.String())
		}
	}
}

// TestStoryQueued: where nobody tells what the kernel dropped, a packet that waits for user
// space when its step is over is told there all the same, and once.
func TestStoryQueued(t *testing.T) {
	t.Parallel()
	data, err := fs.ReadFile(labs.FS, "nfqueue/"+lab.RecordingFile)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	s := newStory(&out, 0, "en")
	r, err := record.NewReader("nfqueue", bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Play(context.Background(), record.NewClock(0), func(it feed.Item) {
		if it.Drop == nil {
			s.put(it)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.end(); err != nil {
		t.Fatal(err)
	}
	_, step, _ := strings.Cut(out.String(), "\n== 4. ")
	step, later, _ := strings.Cut(step, "\n== 5. ")
	const want = "--dport 123 -j NFQUEUE --queue-num 99"
	if !strings.Contains(step, want) || strings.Contains(later, want) {
		t.Errorf("step 4 and behind it:\n%s\n--\n%s", step, later)
	}
}
