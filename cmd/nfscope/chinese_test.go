package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/charmbracelet/x/ansi"

	"nfscope/docs/labs"
	"nfscope/trace/lab"
	"nfscope/ui/component/line"
	"nfscope/ui/component/markdown"
	"nfscope/ui/theme"
)

var han = regexp.MustCompile(`\p{Han}`)

// spokenChinese are the Chinese texts of the program: lessons, the words of the labs, and
// what stands in the code, by where they stand.
func spokenChinese(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, name := range labs.Names() {
		l, err := lab.Load(labs.FS, name)
		if err != nil {
			t.Fatal(err)
		}
		texts[name+" lesson"], texts[name+" title"] = l.Lesson.Zh, l.Title.Zh
		for _, s := range l.Steps {
			texts[name+" "+s.Name+" title"], texts[name+" "+s.Name+" asks"], texts[name+" "+s.Name+" says"] = s.Title.Zh, s.Asks.Zh, s.Says.Zh
		}
	}
	inCode := 0
	for _, dir := range []string{"cmd", "model", "trace", "ui"} {
		err := filepath.WalkDir("../../"+dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/uitest/") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if b, ok := n.(*ast.BasicLit); ok && b.Kind == token.STRING && han.MatchString(b.Value) {
					text, err := strconv.Unquote(b.Value)
					if err != nil {
						t.Error(path, b.Value, err)
					}
					texts[path+" "+b.Value] = text
					inCode++
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if inCode < 100 || len(texts) < inCode+200 {
		t.Fatalf("%d Chinese texts, %d of them in the code", len(texts), inCode)
	}
	return texts
}

// narrow finds the marks in a Chinese text that are as narrow as Latin ones. Code,
// addresses, ports and lists of numbers keep theirs, and so does a key that is named.
func narrow(text string) (found []string) {
	var prose strings.Builder
	for l := range strings.Lines(text) {
		if strings.HasPrefix(l, "    ") || strings.HasPrefix(l, "<!--") { // code, or a drawing
			l = "\n"
		}
		prose.WriteString(l)
	}
	flat := []rune(" " + regexp.MustCompile("`[^`]*`").ReplaceAllString(prose.String(), "`") + " ")
	within := func(r rune) bool { return r < 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
	for i, r := range flat {
		if !strings.ContainsRune(",:;?!()", r) {
			continue
		}
		a, b := flat[i-1], flat[i+1]
		switch {
		case r != '(' && r != ')' && within(a) && within(b) && (r != ',' || unicode.IsDigit(b)):
		case r == ',' && a == ' ' && b == ' ':
		default:
			found = append(found, string(flat[max(i-8, 0):min(i+8, len(flat))]))
		}
	}
	return found
}

// TestChineseMarks: Chinese texts have Chinese marks, which are as wide as a character.
func TestChineseMarks(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"规则 3:-A", "丢弃(policy)", "能通吗?", "一,二", "**甲**;**b**", "INPUT,OUTPUT", "`a`:乙"} {
		if narrow(bad) == nil {
			t.Errorf("%q is not found", bad)
		}
	}
	for _, good := range []string{"203.0.113.1:80 与 `f(a, b)`", "22,80,8000:8010", "规则 3：-A（甲）", ". 与 , 单步"} {
		if n := narrow(good); n != nil {
			t.Errorf("%q: %q", good, n)
		}
	}
	for where, text := range spokenChinese(t) {
		for _, n := range narrow(text) {
			t.Errorf("%s: a narrow mark in %q", where, n)
		}
	}
}

// TestChineseClient: a client is no customer, in lessons as in explanations, and none owns a port.
func TestChineseClient(t *testing.T) {
	t.Parallel()
	for where, text := range spokenChinese(t) {
		if strings.Contains(strings.ReplaceAll(text, "客户端", ""), "客户") || strings.Contains(text, "客户端口") {
			t.Errorf("%s: a client is called a customer: %q", where, text)
		}
	}
}

// TestChineseLessons: lessons call things as the screen beside them does: an interface is no network
// card, what conntrack keeps is an entry, and what is sent back is a reply.
func TestChineseLessons(t *testing.T) {
	t.Parallel()
	for where, text := range spokenChinese(t) {
		if strings.Contains(where, ".go ") { // what stands in the code is held by TestTerms
			continue
		}
		for _, word := range []string{"网卡", "回包", "条目", "记录"} {
			if strings.Contains(text, word) {
				t.Errorf("%s: %s: %q", where, word, text)
			}
		}
	}
}

// TestChineseLines: of whatever width, no line of a Chinese text begins with a mark that
// closes or ends with one that opens.
func TestChineseLines(t *testing.T) {
	t.Parallel()
	th := theme.New(theme.Options{})
	const closing = "。，、；：？！）”"
	for where, text := range spokenChinese(t) {
		if strings.IndexAny(text, closing) == 0 { // a part of a text
			continue
		}
		for w := 24; w <= 90; w += 11 {
			lines := line.Wrap(text, w)
			if strings.HasSuffix(where, " lesson") {
				lines = markdown.Lines(th, text, w)
			}
			for _, l := range lines {
				l = strings.TrimSpace(ansi.Strip(l))
				if strings.IndexAny(l, closing) == 0 || strings.HasSuffix(l, "（") || strings.HasSuffix(l, "“") {
					t.Errorf("%s, %d cells: the line %q", where, w, l)
				}
			}
		}
	}
}
