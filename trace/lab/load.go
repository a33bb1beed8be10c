package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxFile bounds lab.yaml; a lab is written by hand.
const maxFile = 1 << 20

// Load reads the lab in folder name of fsys ("." is fsys itself) and validates it.
// Every error names file and line.
func Load(fsys fs.FS, name string) (*Lab, error) {
	dir, err := fs.Sub(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("lab %q: %w", name, err)
	}
	l, err := readFolder(dir, name, true)
	if err != nil {
		return nil, err
	}
	return l, Validate(l)
}

// LoadFolder is Load for a folder of the user's; errors name its files as the user does.
func LoadFolder(folder string) (*Lab, error) {
	l, err := readFolder(os.DirFS(folder), filepath.ToSlash(filepath.Clean(folder)), false)
	if err != nil {
		return nil, err
	}
	l.own = true
	return l, Validate(l)
}

// Own tells whether the lab is a folder of the user's.
func (l *Lab) Own() bool { return l.own }

// readFolder reads a lab without judging it; named asks that it be called as its folder.
func readFolder(dir fs.FS, name string, named bool) (*Lab, error) {
	file := path.Join(name, "lab.yaml")
	data, err := fs.ReadFile(dir, "lab.yaml")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("no lab %q: there is no %s", name, file)
	case err != nil:
		return nil, fmt.Errorf("lab %q: %w", name, err)
	case len(data) > maxFile:
		return nil, fmt.Errorf("%s: larger than 1 MiB; a lab file is a page or two", file)
	}
	l, err := parse(file, data)
	if err != nil {
		return nil, err
	}
	if base := path.Base(name); named && base != "." && l.Name != base {
		return nil, l.where.at("$.name", fmt.Sprintf("the lab calls itself %q, but its folder is %q", l.Name, base))
	}
	l.files, l.folder = dir, name
	for lang, to := range map[string]*string{"en": &l.Lesson.En, "zh": &l.Lesson.Zh} {
		text, err := fs.ReadFile(dir, "lesson."+lang+".md")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: %w", path.Join(name, "lesson."+lang+".md"), err)
		}
		*to = string(text)
	}
	if l.Lesson == (Text{}) {
		return nil, fmt.Errorf("%s: the lab has no lesson.en.md or lesson.zh.md beside it", file)
	}
	return l, nil
}

// RecordingFile is the name of a lab's recording in its folder.
const RecordingFile = "recording.nfs"

// Recording reads the recording of a live run of the lab, where its folder has one.
func (l *Lab) Recording() ([]byte, error) {
	b, err := fs.ReadFile(l.files, RecordingFile)
	if err != nil {
		return nil, fmt.Errorf("the recording of lab %s: %w", l.Name, err)
	}
	return b, nil
}

// path is a file of the lab's folder as the user would name it.
func (l *Lab) path(file string) string { return path.Join(l.folder, file) }

// parse decodes lab.yaml strictly: an unknown or doubled key is an error. The YAML
// library panics on some of what is no lab (a list that is a tagged number, FuzzLoad);
// that is an error of the file too.
func parse(file string, data []byte) (l *Lab, err error) {
	defer func() {
		if r := recover(); r != nil {
			l, err = nil, fmt.Errorf("%s: this is no YAML that can be read (%v)", file, oneLine(fmt.Sprint(r)))
		}
	}()
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, positioned(file, err)
	}
	l = &Lab{}
	where := &source{file: file, tree: tree}
	switch {
	case len(tree.Docs) == 0 || tree.Docs[0].Body == nil:
		return nil, fmt.Errorf("%s:1: the file is empty; expected a lab: name, title, hosts, links, steps", file)
	case len(tree.Docs) > 1:
		return nil, fmt.Errorf("%s: more than one YAML document; expected one lab", file)
	}
	if err := yaml.UnmarshalWithOptions(data, l, yaml.Strict()); err != nil {
		return nil, positioned(file, err)
	}
	l.where = where // not before: a document that is null empties the lab
	for i := range l.Steps {
		s := &l.Steps[i]
		if s.TimeoutText == "" {
			continue
		}
		if s.Timeout, err = time.ParseDuration(s.TimeoutText); err != nil {
			return nil, l.where.at(fmt.Sprintf("$.steps[%d].timeout", i), fmt.Sprintf("timeout %q: expected a duration such as 300ms", s.TimeoutText))
		}
	}
	return l, nil
}

// positioned turns an error of the YAML library into one line that begins with file
// and line.
func positioned(file string, err error) error {
	var e interface {
		GetMessage() string
		GetToken() *token.Token
	}
	if errors.As(err, &e) && e.GetToken() != nil && e.GetToken().Position != nil {
		p, text := e.GetToken().Position, e.GetMessage()
		if strings.Contains(text, "'\t'") { // it would be shown as a blank
			text = "a tab where YAML wants spaces; indent with spaces"
		}
		return fmt.Errorf("%s:%d:%d: %s", file, p.Line, p.Column, oneLine(text))
	}
	return fmt.Errorf("%s: %s", file, oneLine(err.Error()))
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// source remembers where in the file a value of the lab stands.
type source struct {
	file string
	tree *ast.File
}

// at makes an error about the value at a YAML path ("$.hosts[0].name"), or about what
// holds it where the value itself is missing. A nil source names the path alone.
func (s *source) at(where, text string) error {
	if s == nil {
		return fmt.Errorf("%s: %s", strings.TrimPrefix(where, "$."), text)
	}
	for w := where; w != ""; {
		if p, err := yaml.PathString(w); err == nil {
			if n, err := p.FilterFile(s.tree); err == nil && n != nil && n.GetToken() != nil {
				return fmt.Errorf("%s:%d: %s", s.file, line(n), text)
			}
		}
		w = w[:max(0, strings.LastIndexAny(w, ".["))]
	}
	return fmt.Errorf("%s: %s", s.file, text)
}

// line is where a node begins: a mapping's own token is the colon of its first key.
func line(n ast.Node) int {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
		n = m.Values[0].Key
	}
	return n.GetToken().Position.Line
}
