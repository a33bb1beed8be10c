package jsontree_test

import (
	"encoding/json"
	"strings"
	"testing"

	"nfscope/model/jsontree"
)

func TestParse(t *testing.T) {
	text := " {\"a\": [1, -2.5e3, \"x\\\"<\\u00e9\", true, null],\n\"b\": {}} {\"c\":1}"
	l, err := jsontree.Parse(text)
	if err != nil || len(l) != 2 {
		t.Fatal(l, err)
	}
	if got := l[0].Compact(); got != `{"a":[1,-2.5e3,"x\"<é",true,null],"b":{}}` {
		t.Error(got)
	}
	a := l[0].Get("a")
	for i, want := range []string{"1", "-2.5e3", `"x\"<\u00e9"`, "true", "null"} {
		if v := a.Items[i]; text[v.Begin:v.End] != want {
			t.Errorf("item %d is %q", i, text[v.Begin:v.End])
		}
	}
	if b := l[0].Get("b"); text[b.Begin:b.End] != "{}" || l[0].Get("z").Get("y").Is(jsontree.Object) {
		t.Error(b)
	}
	if k, v := l[1].Only(); k != "c" || v.Text != "1" {
		t.Error(k, v)
	}
}

func TestBroken(t *testing.T) {
	for _, tt := range []struct {
		text, tree, msg string
		at              int
	}{
		{`{"a":[1,{"b":2`, `{"a":[1,{"b":2}]}`, "unexpected end of JSON input", 14},
		{`{"a":1,}`, `{"a":1}`, "invalid character '}'", 7},
		{`{"a":1 "b":2}`, `{"a":1}`, "invalid character '\"'", 7},
		{`[1,2}`, `[1,2]`, "invalid character '}'", 4},
		{`[1, x]`, `[1]`, "invalid character 'x'", 4},
		{`{"a":"un`, `{}`, "unexpected end", 8},
		{"", "", "", 0},
		{strings.Repeat("[", 300), "[", "more than 256", 256},
	} {
		l, err := jsontree.Parse(tt.text)
		var got string
		for _, v := range l {
			got += v.Compact()
			if !v.Cut {
				t.Errorf("%q: not marked as cut", tt.text)
			}
		}
		if got != tt.tree && !(tt.tree == "[" && strings.HasPrefix(got, "[")) {
			t.Errorf("%q: tree %s, wanted %s", tt.text, got, tt.tree)
		}
		switch {
		case tt.msg == "" && err != nil, tt.msg != "" && err == nil:
			t.Errorf("%q: %v", tt.text, err)
		case err != nil && (!strings.Contains(err.Msg, tt.msg) || err.At != tt.at):
			t.Errorf("%q: %d %s, wanted %d %s", tt.text, err.At, err.Msg, tt.at, tt.msg)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"a":[1,"x",true,null,{"b":-1e9}]}`)
	f.Add(`{"a":[1,{"b":2`)
	f.Fuzz(func(t *testing.T, text string) {
		l, err := jsontree.Parse(text)
		if err != nil {
			if err.At < 0 || err.At > len(text) {
				t.Fatal(err.At)
			}
			return
		}
		for _, v := range l {
			if !json.Valid([]byte(v.Compact())) {
				t.Fatalf("%q", v.Compact())
			}
			if v.Begin < 0 || v.End > len(text) || !json.Valid([]byte(text[v.Begin:v.End])) {
				t.Fatalf("%d %d", v.Begin, v.End)
			}
		}
	})
}
