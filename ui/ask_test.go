package ui

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"nfscope/ui/keys"
	"nfscope/ui/page"
	"nfscope/ui/theme"
)

// curious is a page that asks, and takes a typed text.
type curious struct {
	want     []string
	answered []string
	taken    []string
}

func (*curious) Name() string { return "Rules" }

func (*curious) Do(a keys.Action, _ *page.Frame) tea.Cmd {
	if a == keys.Inspect {
		return page.Send(page.TypeRequest{Prompt: "is in s:", Hint: "an address", Says: "the kernel looks"})
	}
	return nil
}

func (c *curious) View(f *page.Frame) string {
	return strings.Repeat(strings.Repeat(" ", f.Width)+"\n", max(0, f.Height-1)) + strings.Repeat(" ", f.Width)
}

func (c *curious) Ask(*page.Frame) func() any {
	if len(c.want) == 0 {
		return nil
	}
	q := c.want[0]
	c.want = c.want[1:]
	return func() any { return errors.New(q) }
}

func (c *curious) Answered(a any, _ *page.Frame) { c.answered = append(c.answered, fmt.Sprint(a)) }

func (c *curious) Take(text string, _ *page.Frame) tea.Cmd {
	c.taken = append(c.taken, text)
	return nil
}

// TestAsker: all that a page asks is answered after one message, also while another page
// is shown; what is typed for it comes to it, and nothing else does.
func TestAsker(t *testing.T) {
	s := newScreen(t, theme.Options{}, 100, 30)
	c := &curious{want: []string{"a", "b", "c"}}
	s.opt.Pages[1] = c
	s.at = s.at.Add(1)
	s.send(nil)
	if strings.Join(c.answered, "") != "abc" {
		t.Errorf("answered: %q", c.answered)
	}
	c.want = []string{"d"}
	run := c.Ask(nil)
	s.press("1")
	s.send(answeredMsg{c, run()})
	if strings.Join(c.answered, "") != "abcd" {
		t.Errorf("with another page shown: %q", c.answered)
	}
	s.press("2", "i")
	if got := s.text(); !strings.Contains(got, "is in s: ") || !strings.Contains(got, "the kernel looks") || !strings.Contains(got, "an address") {
		t.Errorf("the bar:\n%s", got)
	}
	s.press("q", "esc", "i", "1", "0", ".", "1", "enter", "i", "enter")
	if len(c.taken) != 1 || c.taken[0] != "10.1" {
		t.Errorf("taken: %q", c.taken)
	}
	if s.filters["Rules"] != "" {
		t.Errorf("the text became a filter: %q", s.filters["Rules"])
	}
}
