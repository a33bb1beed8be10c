package ruleset

import (
	"strings"

	"nfscope/model"
)

// doubt says why it is not certain that a command runs, or what it reads; "" where it is.
func (p *shellParser) doubt(c shellLine) string {
	switch {
	case !c.sure, c.here != nil && c.here.read && !c.here.sure:
		return "it holds what only the shell can work out"
	case c.unsure != "":
		return c.unsure
	case p.depth > 0:
		return "it stands inside of " + p.block + ", so whether it runs is not known"
	}
	return ""
}

// restore does iptables-restore with the text that stands below it.
func (p *shellParser) restore(c shellLine, program string, args []shellWord) {
	if why := p.doubt(c); why != "" {
		p.report(c, nil, why)
		return
	}
	key := tableKey{backend: model.BackendLegacy, family: model.FamilyIPv4}
	if strings.HasPrefix(program, "ip6") {
		key.family = model.FamilyIPv6
	}
	if strings.Contains(program, "-nft") {
		key.backend = model.BackendIptablesNFT
	}
	keep, only := false, ""
	for i := 0; i < len(args); i++ {
		switch w := args[i].text; {
		case w == "-n" || w == "--noflush":
			keep = true
		case w == "-t" || w == "--test":
			return // it changes nothing
		case (w == "-T" || w == "--table") && i+1 < len(args):
			i++
			only = args[i].text
		case strings.HasPrefix(w, "--table="):
			only = w[len("--table="):]
		case w == "-w" || w == "--wait" || w == "-W" || w == "--wait-interval":
			if i+1 < len(args) && strings.Trim(args[i+1].text, "0123456789.") == "" {
				i++
			}
		case w == "-c" || w == "--counters" || w == "-v" || w == "--verbose" || strings.HasPrefix(w, "-w") || strings.HasPrefix(w, "--wait="):
		default:
			p.report(c, nil, "what it reads, "+w+", is not in the text")
			return
		}
	}
	if c.here == nil || !c.here.read {
		p.report(c, nil, "what it reads is not below it")
		return
	}
	p.restored(c.here, key, keep, only)
}

// restored does the lines of iptables-save's text on the tables that are there: without
// keep those that it names are emptied before.
func (p *shellParser) restored(h *hereDoc, key tableKey, keep bool, only string) {
	var sub *saveParser
	skip := false // the table is not asked for, or there is none of its name
	n := h.line - 1
	for raw := range strings.Lines(h.body) {
		n++
		raw = strings.TrimSuffix(raw, "\n")
		line := trimBlank(raw)
		col := len(raw) - len(line) + 1
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '*':
			key.name = strings.TrimSpace(line[1:])
			if !knownTable(key.name) {
				p.add(n, col, "there is no table %s, expected filter, nat, mangle, raw or security", clip(key.name))
			}
			if skip = !knownTable(key.name) || only != "" && key.name != only; skip {
				continue
			}
			if sub = p.table(key); !keep {
				sub.onAll("-F")
				sub.onAll("-X")
			}
		case strings.TrimRight(line, " \t") == "COMMIT":
			sub, skip = nil, false
		case skip:
		case sub == nil:
			p.add(n, col, "a line outside of any table, expected a line such as \"*filter\" before")
		default:
			sub.line, sub.rest, sub.cut = n, raw, false
			sub.read(raw)
		}
	}
}

// nftCommand does one command of nft, or the script that stands below nft -f -.
func (p *shellParser) nftCommand(c shellLine, args []shellWord) {
	why := p.doubt(c)
	var text []string
	file := ""
	for i := 0; i < len(args); i++ {
		w := args[i].text
		switch {
		case len(text) > 0 || !strings.HasPrefix(w, "-"):
			text = append(text, w)
		case strings.HasPrefix(w, "--check") || w == "-c":
			return // it changes nothing
		case w == "-j" || w == "--json":
			why = "JSON is read from files of its own"
		case (w == "-f" || w == "--file") && i+1 < len(args):
			i++
			file = args[i].text
		case strings.HasPrefix(w, "-f") && len(w) > 2:
			file = w[2:]
		}
	}
	stdin := file == "-" || file == "/dev/stdin"
	switch {
	case len(text) > 0 && (text[0] == "list" || text[0] == "monitor" || text[0] == "describe"):
		return
	case why != "":
	case file != "" && !stdin:
		why = "what it reads, " + file + ", is not in the text"
	case stdin && (c.here == nil || !c.here.read):
		why = "what it reads is not below it"
	case file == "" && len(text) == 0:
		return
	}
	if why != "" {
		p.report(c, nil, why)
		return
	}
	if stdin {
		p.script(c.here.body, c.here.line)
	} else {
		p.script(strings.Join(text, " "), c.words[0].line)
	}
}

// script does nft's commands, whose first line is that one of the file.
func (p *shellParser) script(text string, line int) {
	if p.nft == nil {
		p.nft = &nftParser{problems: problems{name: p.name}, nftEdit: newNFTEdit()}
	}
	n := p.nft
	n.nftScanner, n.vars = nftScanner{s: text}, nil // names hold in one file
	had := len(n.list)
	n.ruleset()
	kept := n.list[:had]
	for _, q := range n.list[had:] {
		if q.Line == 0 {
			continue // that there is no table yet
		}
		q.Line = min(q.Line+line-1, p.lex.line) // the end of a text that nothing ends
		kept = append(kept, q)
	}
	n.list = kept
}
