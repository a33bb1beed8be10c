package input

import (
	"testing"

	tea "charm.land/bubbletea/v2"

	"nfscope/ui/component/line"
	"nfscope/ui/theme"
)

func key(r rune) tea.Msg { return tea.KeyPressMsg{Code: r, Text: string(r)} }

func TestTypingReplacesWhatIsSelected(t *testing.T) {
	in := New("tcp port 80")
	in.Update(key('u'))
	in.Update(key('d'))
	if got := in.Value(); got != "ud" {
		t.Errorf("typed over: %q", got)
	}
	in = New("tcp")
	in.Update(tea.KeyPressMsg{Code: tea.KeyEnd})
	in.Update(key('!'))
	if got := in.Value(); got != "tcp!" {
		t.Errorf("a cursor key keeps the text: %q", got)
	}
	in = New("tcp")
	in.Update(tea.PasteMsg{Content: "udp\nport 53"})
	if got := in.Value(); got != "udp port 53" {
		t.Errorf("pasted: %q", got)
	}
}

func TestViewIsExact(t *testing.T) {
	th := theme.New(theme.Options{Color: true})
	for _, text := range []string{"", "a", "tcp and host 10.0.0.1", "公网入口 web 公网入口"} {
		for _, back := range []int{0, 1, 5} {
			for w := range 30 {
				for _, touched := range []bool{false, true} {
					in := New(text)
					if touched {
						in.Update(tea.KeyPressMsg{Code: tea.KeyEnd})
						for range back {
							in.Update(tea.KeyPressMsg{Code: tea.KeyLeft})
						}
					}
					if got := line.Width(in.View(th, w, "a hint")); got != w {
						t.Fatalf("%q, %d back, width %d: %d wide", text, back, w, got)
					}
				}
			}
		}
	}
}
