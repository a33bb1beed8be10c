package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docPages are the written pages, from the module's root.
func docPages(t *testing.T) []string {
	t.Helper()
	list, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(list) < 5 {
		t.Fatalf("docs: %v, %v", list, err)
	}
	return append(list, "../../README.md")
}

// TestDocsLinks: what a page points at is there, the heading behind # too.
func TestDocsLinks(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	fence := regexp.MustCompile("(?s)```.*?```")
	for _, page := range docPages(t) {
		text := readPage(t, page)
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			to, heading, _ := strings.Cut(m[1], "#")
			if strings.Contains(to, "://") {
				continue
			}
			target := page
			if to != "" {
				target = filepath.Join(filepath.Dir(page), to)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: the link %s: %v", page, m[1], err)
				continue
			}
			if heading != "" && !anchors(readPage(t, target))[heading] {
				t.Errorf("%s: the link %s: no such heading", page, m[1])
			}
		}
	}
}

func readPage(t *testing.T, page string) string {
	t.Helper()
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// anchors are the names that GitHub gives a page's headings.
func anchors(text string) map[string]bool {
	drop := regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	list := map[string]bool{}
	for _, l := range strings.Split(text, "\n") {
		if h := strings.TrimLeft(l, "#"); h != l && strings.HasPrefix(h, " ") {
			list[strings.ReplaceAll(drop.ReplaceAllString(strings.ToLower(strings.TrimSpace(h)), ""), " ", "-")] = true
		}
	}
	return list
}

// TestDocsCommands: every command has its part of docs/cli.md, and every flag of it
// is named there.
func TestDocsCommands(t *testing.T) {
	t.Parallel()
	text := readPage(t, "../../docs/cli.md")
	parts := map[string]string{}
	for i, part := range strings.Split(text, "\n## ") {
		title, body, _ := strings.Cut(part, "\n")
		for _, name := range strings.Split(title, ", ") {
			if i > 0 {
				parts[name] = body
			}
		}
	}
	common := parts["Flags of every command"]
	var out bytes.Buffer
	a := &app{ctx: context.Background(), out: &out, err: &out}
	root := a.command()
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd("bash")
	flag := regexp.MustCompile(`(?m)^ +(?:(-\w), )?(--[\w-]+)`)
	check := func(command, usages, part string) {
		for _, m := range flag.FindAllStringSubmatch(usages, -1) {
			if m[2] != "--help" && !strings.Contains(part, "`"+m[2]) || m[1] != "" && m[1] != "-h" && !strings.Contains(part, "`"+m[1]+"`") {
				t.Errorf("docs/cli.md does not tell of %s %s of %s", m[1], m[2], command)
			}
		}
	}
	check("every command", root.PersistentFlags().FlagUsages(), common)
	for _, c := range append(root.Commands(), root) {
		if c.Hidden {
			continue
		}
		part, ok := parts[c.Name()]
		if !ok || !strings.Contains(part, "nfscope") {
			t.Errorf("docs/cli.md has no part for %s", c.CommandPath())
			continue
		}
		check(c.CommandPath(), c.LocalNonPersistentFlags().FlagUsages(), part)
		if c == root || c.Name() == "completion" {
			continue // looked at by themselves; cobra's own
		}
		for _, s := range c.Commands() {
			if s.Hidden {
				continue
			}
			if !strings.Contains(part, c.Name()+" "+s.Name()) {
				t.Errorf("docs/cli.md does not tell of %s", s.CommandPath())
			}
			check(s.CommandPath(), s.LocalNonPersistentFlags().FlagUsages(), part)
		}
	}
}
