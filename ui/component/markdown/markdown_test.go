package markdown

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"nfscope/ui/component/line"
	"nfscope/ui/theme"
)

const lesson = "# 关上门 Close the door\n\nDrop everything to X, then open **22** with `-I` and\n80 with `-A`.\n\n1. ssh passes\n   at rule 1\n2. port 80 dies\n\n```sh\niptables -A INPUT -j DROP\n```\n> why?\n- one\n- two\n"

func TestLesson(t *testing.T) {
	th := theme.New(theme.Options{})
	want := `关上门 Close the door

Drop everything to X, then open 22 with -I
and 80 with -A.

1. ssh passes at rule 1
2. port 80 dies

  iptables -A INPUT -j DROP
│ why?
- one
- two`
	if got := ansi.Strip(strings.Join(Lines(th, lesson, 42), "\n")); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A block that four spaces or a tab indent stands as it was written.
func TestIndentedCode(t *testing.T) {
	th := theme.New(theme.Options{})
	src := "Two ports:\n\n    iptables -A INPUT -d 203.0.113.10 -j DROP\n    iptables -A INPUT   -p tcp\n\tnft list ruleset\n\nSo:\n\n- one\n\n    goes on\n"
	want := `Two ports:

  iptables -A INPUT -d 203.0.113.10
      -j DROP
  iptables -A INPUT   -p tcp
  nft list ruleset

So:

- one

goes on`
	if got := ansi.Strip(strings.Join(Lines(th, src, 36), "\n")); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A list item is one paragraph, however its source is broken; a line break between two
// Chinese characters is no space.
func TestItemsAreParagraphs(t *testing.T) {
	th := theme.New(theme.Options{})
	src := "- the notes say\n  that it is *open* now\n- 规则的位置就\n  是含义\n\n2 * 3 * 4\n"
	want := "- the notes say that it\n  is open now\n- 规则的位置就是含义\n\n2 * 3 * 4"
	if got := ansi.Strip(strings.Join(Lines(th, src, 24), "\n")); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestNoLineIsTooWide(t *testing.T) {
	th := theme.New(theme.Options{Color: true, Dark: true})
	for w := 2; w < 60; w++ {
		for _, l := range Lines(th, lesson, w) {
			if line.Width(l) > w {
				t.Fatalf("width %d: %q", w, ansi.Strip(l))
			}
		}
	}
}

func FuzzLines(f *testing.F) {
	f.Add(lesson, 40)
	f.Add("a\n\n    iptables -A INPUT -d 203.0.113.10 -j DROP\n\tnft\n", 20)
	f.Add("**a `b** c`\n\n# \n- \n|x|", 3)
	f.Fuzz(func(t *testing.T, src string, w int) {
		if w < 1 || w > 300 {
			return
		}
		for _, l := range Lines(theme.New(theme.Options{}), src, w) {
			if line.Width(l) > w {
				t.Fatalf("width %d: %q is %d wide", w, l, line.Width(l))
			}
		}
	})
}

// An emphasis that goes on behind a line break between Chinese characters has no mark left.
func TestEmphasisOverLines(t *testing.T) {
	t.Parallel()
	th := theme.New(theme.Options{})
	for _, src := range []string{"规则 3 被规则 2 *遮蔽之后永远不会*（shadowed），计数器", "甲乙丙**丁戊己庚辛壬癸**子丑", "一 * 二三四五六七八九十"} {
		for w := 8; w < 40; w++ {
			lines := Lines(th, src, w)
			got := strings.Join(lines, "")
			if want := strings.Count(src, " * "); strings.Count(got, "*") != want {
				t.Errorf("%d cells: %q", w, lines)
			}
			for _, l := range lines {
				if line.Width(l) > w {
					t.Errorf("%d cells: %q", w, l)
				}
			}
		}
	}
}

// The marks of emphasis take no room, a bold phrase may go on in the next line, and no line
// begins with what closes, though bold stood before it.
func TestMarksTakeNoRoom(t *testing.T) {
	for _, c := range []struct {
		src   string
		width int
		want  string
	}{
		{"**one** *two* `six` go", 14, "one two six go"},
		{"now **once for a connection** and", 12, "now once for\na connection\nand"},
		{"use `iptables -S` now", 14, "use\niptables -S\nnow"},
		{"**看到的是转换后**：也就", 14, "看到的是转换\n后：也就"},
		{"第一行，\n第二行。\nn 个（\n甲）\nb“\n乙", 40, "第一行，第二行。n 个（甲）b“乙"},
		{"one,\ntwo", 40, "one, two"},
		{"它的\nACCEPT", 40, "它的 ACCEPT"},
		{"规则 2 *遮蔽之后*\n不会", 40, "规则 2 遮蔽之后不会"},
		{"规则 2\n*遮蔽*", 40, "规则 2 遮蔽"},
		{"被遮蔽\n**永远**\n不会", 40, "被遮蔽永远不会"},
		{"it is\n*never*\nmet", 40, "it is never met"},
	} {
		if got := ansi.Strip(strings.Join(Lines(theme.New(theme.Options{}), c.src, c.width), "\n")); got != c.want {
			t.Errorf("%q in %d cells:\n%s\nwant\n%s", c.src, c.width, got, c.want)
		}
	}
}
