package path

import (
	"strings"

	"nfscope/model"
)

// Brief puts a rule's conditions in few words: what its chain, its target and its
// module names say elsewhere is left out. The comment stands at the end.
func Brief(r *model.Rule) string {
	var out []string
	if strings.HasPrefix(r.Text, "-A ") {
		out = briefSave(words(r.Text))
	} else {
		out = briefNFT(words(r.Text), r)
	}
	if r.Goto {
		out = append([]string{"goto"}, out...)
	}
	if r.Comment != "" {
		out = append(out, "# "+r.Comment)
	}
	return strings.Join(out, " ")
}

// longer are the options that read as well under a shorter name.
var longer = map[string]string{
	"--destination-port": "dport", "--source-port": "sport", "--to-destination": "to", "--to-source": "to",
	"--to-ports": "to port", "--ctstate": "ct", "--reject-with": "with", "--destination-ports": "dports", "--source-ports": "sports",
}

func briefSave(ws []string) []string {
	var out []string
	for i := 0; i < len(ws); i++ {
		w := ws[i]
		next := ""
		if i+1 < len(ws) {
			next = ws[i+1]
		}
		switch w {
		case "-A", "-j", "-g", "-m", "--comment":
			i++
		case "-p":
			out = append(out, next)
			i++
		case "-s", "-d":
			out = append(out, w, strings.TrimSuffix(strings.TrimSuffix(next, "/32"), "/128"))
			i++
		default:
			if l := longer[w]; l != "" {
				w = l
			}
			out = append(out, strings.TrimPrefix(w, "--"))
		}
	}
	return out
}

func briefNFT(ws []string, r *model.Rule) []string {
	var out []string
	for i := 0; i < len(ws); i++ {
		switch w := ws[i]; {
		case w == "counter":
			if i+4 < len(ws) && ws[i+1] == "packets" {
				i += 4
			}
		case w == "comment" && i == len(ws)-2:
			i++
		case (w == "jump" || w == "goto") && i+1 < len(ws) && ws[i+1] == r.Jump:
			i++
		case strings.EqualFold(w, r.Target):
		default:
			out = append(out, w)
		}
	}
	return out
}

// words splits at spaces, but not inside quotes; the quotes go.
func words(s string) []string {
	var out []string
	var b strings.Builder
	open, some := false, false
	for i := 0; i < len(s); i++ {
		switch ch := s[i]; {
		case ch == '\\' && open && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case ch == '"':
			open, some = !open, true
		case ch == ' ' && !open:
			if some || b.Len() > 0 {
				out = append(out, b.String())
			}
			b.Reset()
			some = false
		default:
			b.WriteByte(ch)
		}
	}
	if some || b.Len() > 0 {
		out = append(out, b.String())
	}
	return out
}

// plain reports whether a rule neither decides nor leads anywhere: it counts, or sets a
// mark by an expression.
func plain(r *model.Rule) bool { return r.Jump == "" && r.Target == "" }

// target is the word in a rule's target column; of a plain rule its text.
func target(r *model.Rule) string {
	switch {
	case r.Jump != "":
		return r.Jump
	case r.Target != "":
		return r.Target
	}
	s := strings.TrimSpace(Brief(r))
	if r.Comment != "" {
		s = strings.TrimSpace(strings.TrimSuffix(s, "# "+r.Comment))
	}
	if s == "" {
		s = "counter" // what every rule does
	}
	if r.Comment != "" {
		s += " # " + r.Comment
	}
	return s
}
