package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"nfscope/docs/labs"
	"nfscope/model/compare"
	"nfscope/model/fact"
	"nfscope/model/feed"
	"nfscope/model/journey"
	"nfscope/model/store"
	"nfscope/trace/lab"
	"nfscope/trace/record"
	"nfscope/ui/speech"
)

// verb is a verb of package fmt.
var verb = regexp.MustCompile(`%[#+.\d]*[a-z]`)

// sentences are the texts with a space in them within the declarations of these names, of
// the Go files that a pattern names; what is filled in is a number, or a word.
func sentences(t *testing.T, pattern, names string) (list []string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	wanted := regexp.MustCompile("^(?:" + names + ")$")
	var text func(ast.Expr) string
	text = func(x ast.Expr) string {
		switch x := x.(type) {
		case *ast.BasicLit:
			if s, err := strconv.Unquote(x.Value); err == nil && x.Kind == token.STRING {
				return s
			}
		case *ast.BinaryExpr:
			if x.Op == token.ADD {
				return text(x.X) + text(x.Y)
			}
		case *ast.SelectorExpr:
			if x.Sel.Name == "Missing" { // package fact's
				return ""
			}
		}
		return "x"
	}
	find := func(n ast.Node) bool {
		x, ok := n.(ast.Expr)
		if !ok {
			return true
		}
		s := verb.ReplaceAllStringFunc(text(x), func(v string) string { return map[bool]string{true: "7", false: "x"}[v == "%d"] })
		if strings.Contains(s, " ") {
			list = append(list, s)
			return false
		}
		return true
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if wanted.MatchString(d.Name.Name) {
					ast.Inspect(d.Body, find)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if v, ok := s.(*ast.ValueSpec); ok && wanted.MatchString(v.Names[0].Name) {
						ast.Inspect(v, find)
					}
				}
			}
		}
	}
	return list
}

// TestSaidInChinese: the sentences of the code that a learner meets in a ladder, below it, or
// in the list of labs (what does not work is TestReachesInChinese's) are known to package speech: one that is changed or added without it
// would be English.
func TestSaidInChinese(t *testing.T) {
	t.Parallel()
	ladder, problem := speech.In("zh").Ladder(), speech.In("zh").Problem
	const all, missing = "", "^(?:not known: |the |how |what |when |whether )" // the facts that a condition lacks
	for _, c := range []struct {
		files, names, only string
		least              int
		head               string
		say                func(string) string
	}{
		{"../../trace/lab/*_linux.go", "Lacks|noBridge|CanUserns|refused|resolve", all, 10, "", problem},
		{"../../cmd/nfscope/lessons.go", "canBuild", all, 1, "", problem},
		{"../../model/journey/*.go", "complete|unseen|untaken|unsent|twins|unlisted|rulesMoved", all, 12, "incomplete: ", ladder},
		{"../../model/journey/*.go", "unordered|evenly|byConnection", all, 4, "assumed: ", ladder},
		{"../../model/miss/*.go", "ofNow|rulesGone|oddState|Look", all, 4, "assumed: ", ladder},
		{"../../model/journey/*.go", "inferred", all, 1, "", ladder},
		{"../../model/miss/*.go", "judge", all, 2, "", ladder},
		{"../../model/match/*.go", "questions|cutShort|unseen|about.*", missing, 20, "x is not known: ", ladder},
		{"../../model/nft/eval_*.go", ".*", missing, 20, "x is not known: ", ladder},
	} {
		n := 0
		for _, s := range sentences(t, c.files, c.names) {
			if !regexp.MustCompile(c.only).MatchString(s) {
				continue
			}
			n++
			s = strings.TrimPrefix(s, fact.Missing)
			if said := c.say(c.head + s); strings.HasSuffix(said, s) {
				t.Errorf("%s: %s: %q is %q", c.files, c.names, c.head+s, said)
			}
		}
		if n < c.least {
			t.Errorf("%s: %s: %d sentences", c.files, c.names, n)
		}
	}
}

// TestOutcomesInChinese: what became of every packet of the recordings, and how each differs
// from the one after it, is said without a word of English but for rules and the kernel's names.
func TestOutcomesInChinese(t *testing.T) {
	t.Parallel()
	english := regexp.MustCompile(`\b(?:the|a|by|was|were|of|is|it|not|no|and|or|at|comes|goes|does|queued|sent|seen)\b`)
	for _, name := range labs.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := fs.ReadFile(labs.FS, name+"/"+lab.RecordingFile)
			if err != nil {
				t.Fatal(err)
			}
			r, err := record.NewReader(name, bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			s := store.New(journey.Options{})
			if err := r.Play(t.Context(), record.NewClock(0), func(it feed.Item) {
				s.Tick(it.Time)
				s.Apply(&it)
			}); err != nil {
				t.Fatal(err)
			}
			s.End()
			say := speech.In("zh").Ladder()
			var rules []string
			check := func(sentence string) {
				said := strings.NewReplacer(rules...).Replace(say(sentence))
				if left := english.FindString(said); left != "" || !han.MatchString(said) {
					t.Errorf("%q is %q: %q", sentence, said, left)
				}
			}
			list := s.Journeys()
			for i, j := range list {
				for _, s := range j.Steps {
					if s.Text != "" {
						rules = append(rules, s.Text, "-", strings.TrimPrefix(s.Text, "-A "+s.Chain+" "), "-")
					}
				}
				if check(j.Outcome.Sentence); i > 0 {
					check(compare.Journeys(list[i-1], j).Sentence)
				}
			}
			if len(list) == 0 {
				t.Error("no packet")
			}
		})
	}
}

// TestOutcomeWords: the words of every sentence that says what became of a packet or of a flow, how
// two differ, or how a connection goes, stand in package speech: one that is changed or added without it would be English.
func TestOutcomeWords(t *testing.T) {
	t.Parallel()
	known := ""
	for _, file := range []string{"outcome.go", "ladder.go", "connection.go", "why.go"} {
		source, err := os.ReadFile("../../ui/speech/" + file)
		if err != nil {
			t.Fatal(err)
		}
		known += strings.ReplaceAll(string(source), `\`, "")
	}
	for _, c := range []struct {
		files, names string
		least        int
	}{
		{"../../model/journey/*.go", "outcome|falls|render|walked|ending|arrived|left|accepted|vanished|either|fate", 40},
		{"../../model/drop/place.go", "At", 7},
		{"../../model/compare/sentence.go", "sentence|parting|matched|why|apart|unsure|reordered|unseenByNAT", 20},
		{"../../model/why/*.go", ".*", 180},
		{"../../ui/why.go", "lines", 4},
		{"../../model/journey/conversation.go", "About", 2},
		{"../../model/flow/nat.go", "Explain|sourceNote", 15},
		{"../../model/nat/stale.go", "Stale|dropped|otherwise", 12},
		{"../../model/nat/finder.go", "Look|beyond", 4},
		{"../../model/nat/mapping.go", "String", 4},
		{"../../ui/page/connections/nature.go", "lines", 5},
		{"../../ui/page/connections/explain.go", "explain", 3},
		{"../../ui/page/connections/rare.go", "rare|told|awaited", 10},
	} {
		n := 0
		for _, s := range sentences(t, c.files, c.names) {
			for _, part := range regexp.MustCompile(`#?(?:\b|_)(?:x+|7)\b`).Split(s, -1) {
				if part = strings.Trim(part, " .,;:()"); !strings.Contains(part, " ") {
					continue
				}
				if n++; !strings.Contains(known, part) {
					t.Errorf("%s: %q of %q", c.files, part, s)
				}
			}
		}
		if n < c.least {
			t.Errorf("%s: %d words", c.files, n)
		}
	}
}

// TestProblemInChinese: what keeps a lab from standing as its files say is told in the story
// of a Chinese lesson, in Chinese.
func TestProblemInChinese(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	newStory(&out, 80, "zh").put(feed.Item{Problem: "the program nft is missing: lab gateway runs with iptables-nft instead"})
	if want := "! 缺少程序 nft：实验 gateway 改用 iptables-nft\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
