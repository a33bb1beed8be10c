package line

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
)

func TestFitIsExact(t *testing.T) {
	for _, s := range []string{"", "abc", "公网入口 web", "\x1b[31mred\x1b[0m and more", "e\u0301tude", "▶▶▶"} {
		for w := range 20 {
			for _, tail := range []string{"…", "~", "..."} {
				if got := Width(Fit(s, w, tail)); got != w {
					t.Errorf("Fit(%q, %d, %q) is %d wide", s, w, tail, got)
				}
				if got := Width(Right(s, w, tail)); got != w {
					t.Errorf("Right(%q, %d, %q) is %d wide", s, w, tail, got)
				}
				if got := Width(Spread(s, "99", w, tail)); got != w {
					t.Errorf("Spread(%q, %d) is %d wide", s, w, got)
				}
			}
		}
	}
}

func TestCleanKeepsTheTerminalSafe(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                "plain",
		"a\x1b[2Jb":            "a?[2Jb",
		"a\tb\nc":              "a b c",
		"abc\u202edef":         "abc?def",
		"公网":                   "公网",
		"bad\xff":              "bad?",
		"\u009b31m c1 control": "?31m c1 control",
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestWrapLosesNothing(t *testing.T) {
	const s = `-A FORWARD -m comment --comment "禁止直接发信" -j REJECT --reject-with icmp-port-unreachable`
	for w := 2; w < 60; w++ {
		got := ""
		for _, l := range Wrap(s, w) {
			if Width(l) > w {
				t.Fatalf("width %d: %q", w, l)
			}
			got += strings.ReplaceAll(l, " ", "")
		}
		if want := strings.ReplaceAll(s, " ", ""); got != want {
			t.Fatalf("width %d: %q", w, got)
		}
	}
}

// Chinese has no spaces: a line breaks between any two characters, but a mark that closes
// stays with what is before it, one that opens with what is behind it, and a wide mark parts
// what has no space there.
func TestWrapChinese(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"它的 4000 端口还没人用，所以端口不变。nat 只看（首个）报文", 16, "它的 4000 端口还|没人用，所以端口|不变。nat 只看|（首个）报文"},
		{"INPUT，FORWARD；OUTPUT", 14, "INPUT，|FORWARD；|OUTPUT"},
		{"jump（-j WEB）到", 7, "jump|（-j|WEB）到"},
		{"说“放行”了", 4, "说|“放|行”|了"},
		{"abcdefgh），甲", 8, "abcdefg|h），甲"},
		{"已发送……", 7, "已发|送……"},
	} {
		if got := strings.Join(Wrap(c.text, c.width), "|"); got != c.want {
			t.Errorf("%q in %d cells: %s, want %s", c.text, c.width, got, c.want)
		}
	}
}

func FuzzFit(f *testing.F) {
	f.Add("公网\x1b[31m\u202e\xff e\u0301", 5)
	f.Fuzz(func(t *testing.T, s string, w int) {
		if w < 0 || w > 300 {
			return
		}
		c := Clean(s)
		if strings.ContainsAny(c, "\x1b\n\r\t\a") {
			t.Fatalf("Clean(%q) = %q", s, c)
		}
		if got := Width(Fit(c, w, "…")); got != w {
			t.Fatalf("Fit(%q, %d) is %d wide", c, w, got)
		}
		for _, l := range Wrap(c, w) {
			if w > 0 && Width(l) > w {
				t.Fatalf("Wrap(%q, %d): %q", c, w, l)
			}
		}
	})
}

// What is measured by hand is as wide as it is measured otherwise.
func TestSimpleWidth(t *testing.T) {
	parts := []string{"a", "~", " ", "\x1b[1;38;2;12;34;56m", "\x1b[m", "─", "▶", "…", "│", "┼", "╿", "公", "e\u0301", "\u0301", "\ufe0f", "\u200d", "☺", "●", "▲", "\x1b[2J", "\x1b]8;;x\x07", "\x1b[", "\x1b", "\xe2", "\xe2\x94", "\t", "\x7f", "🇩🇪", "\u0600"}
	known := 0
	for i := range 1 << 16 {
		s, n := "", uint32(i)*2654435761
		for range 1 + i%5 {
			s += parts[n%uint32(len(parts))]
			n = n/uint32(len(parts)) ^ n*747796405
		}
		if got, want := simple(s), ansi.StringWidth(s); got >= 0 && got != want {
			t.Fatalf("%q is %d wide, measured %d", s, want, got)
		} else if got >= 0 {
			known++
		}
	}
	if known < 1000 {
		t.Errorf("%d texts were simple", known)
	}
	for r := rune(0x2500); r < 0x2580; r++ {
		if s := string(r); simple(s) != ansi.StringWidth(s) {
			t.Errorf("%q is %d wide, measured %d", s, ansi.StringWidth(s), simple(s))
		}
	}
}
