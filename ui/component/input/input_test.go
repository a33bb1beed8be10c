package input

import (
	"math/rand/v2"
	"testing"

	tea "charm.land/bubbletea/v2"

	"nfscope/ui/component/line"
	"nfscope/ui/theme"
)

func press(r rune) tea.Msg { return tea.KeyPressMsg{Code: r, Text: string(r)} }

func TestTypingReplacesWhatIsSelected(t *testing.T) {
	in := New("tcp port 80")
	in.Update(press('u'))
	in.Update(press('d'))
	if got := in.Value(); got != "ud" {
		t.Errorf("typed over: %q", got)
	}
	in = New("tcp")
	in.Update(tea.KeyPressMsg{Code: tea.KeyEnd})
	in.Update(press('!'))
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
	for _, text := range []string{"", "a", "tcp and host 10.0.0.1", "公网入口 web 公网入口", "e\u0301\u0301 👩‍👧 x\u0301"} {
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

// TestWordsAreTakenAway: the word right of the cursor goes, also the last rune of the text,
// at which the line editor below this one panics.
func TestWordsAreTakenAway(t *testing.T) {
	for _, k := range []tea.KeyPressMsg{{Code: 'd', Mod: tea.ModAlt}, {Code: tea.KeyDelete, Mod: tea.ModAlt}, {Code: tea.KeyDelete, Mod: tea.ModCtrl}} {
		for _, c := range []struct {
			text string
			back int // of the cursor from the end
			want string
		}{{"tcp port 80", 0, "tcp port 80"}, {"tcp port 80", 1, "tcp port 8"}, {"tcp port 80", 3, "tcp port"},
			{"tcp port 80", 11, " port 80"}, {"tcp  ", 2, "tcp"}, {"", 0, ""}, {"端口 八", 1, "端口 "}} {
			in := New(c.text)
			in.Update(tea.KeyPressMsg{Code: tea.KeyEnd})
			for range c.back {
				in.Update(tea.KeyPressMsg{Code: tea.KeyLeft})
			}
			at := in.Position()
			if changed := in.Update(k); in.Value() != c.want || changed != (c.want != c.text) || in.Position() != at {
				t.Errorf("%s, %d before the end of %q: %q, %v, cursor at %d", k, c.back, c.text, in.Value(), changed, in.Position())
			}
		}
	}
}

// TestAnyKeyIsTaken: no key and no paste brings the editor down, wherever the cursor stands.
func TestAnyKeyIsTaken(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 11))
	codes := []rune{tea.KeyLeft, tea.KeyRight, tea.KeyHome, tea.KeyEnd, tea.KeyBackspace, tea.KeyDelete, tea.KeyUp, tea.KeyDown, tea.KeyTab,
		'a', 'b', 'd', 'e', 'f', 'h', 'k', 'n', 'p', 't', 'u', 'w', ' ', '中', 0x301}
	th := theme.New(theme.Options{})
	in := New("")
	for i := range 20000 {
		k := tea.KeyPressMsg{Code: codes[r.IntN(len(codes))], Mod: []tea.KeyMod{0, 0, tea.ModAlt, tea.ModCtrl}[r.IntN(4)]}
		if k.Mod == 0 && k.Code < tea.KeyExtended && k.Code != tea.KeyBackspace && k.Code != tea.KeyTab {
			k.Text = string(k.Code)
		}
		in.Update(k)
		if r.IntN(50) == 0 {
			in.Update(tea.PasteMsg{Content: "a 中\nb\x1b"})
		}
		if got := line.Width(in.View(th, 20, "")); got != 20 {
			t.Fatalf("after %d keys, %q with the cursor at %d: %d wide", i+1, in.Value(), in.Position(), got)
		}
	}
}
