package match

import "strings"

// word is a word of a rule, quotes and escapes resolved.
type word struct {
	text   string
	quoted bool
}

// split parts a line as iptables-restore does (xshared.c, add_param_to_argv): blanks
// part words, double quotes hold them together, a backslash counts inside quotes
// only, and a quote in a word's middle begins another word.
func split(s string) []word {
	ws := make([]word, 0, 16)
	for i := 0; i < len(s); {
		switch s[i] {
		case ' ', '\t', '\r', '\n':
			i++
			continue
		case '"':
			var b strings.Builder
			for i++; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' && i+1 < len(s) {
					i++
				}
				b.WriteByte(s[i])
			}
			i++
			ws = append(ws, word{b.String(), true})
			continue
		}
		end := strings.IndexAny(s[i:], " \t\r\n\"")
		if end < 0 {
			end = len(s) - i
		}
		ws = append(ws, word{text: s[i : i+end]})
		i += end
	}
	return ws
}

// String prints a word so that split gives it back.
func (w word) String() string {
	if w.quoted || w.text == "" || strings.ContainsAny(w.text, " \t\r\n\"") {
		return quote(w.text)
	}
	return w.text
}

// dash tells whether getopt would take the word for an option, and bang whether it
// negates one. Quotes do not matter to either: they are gone when getopt looks.
func (w word) dash() bool { return len(w.text) > 1 && w.text[0] == '-' }
func (w word) bang() bool { return w.text == "!" }

var escaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func quote(s string) string { return `"` + escaper.Replace(s) + `"` }

// verbatim prints words with a blank between.
func verbatim(ws []word) string {
	var b strings.Builder
	for i, w := range ws {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w.String())
	}
	return b.String()
}
