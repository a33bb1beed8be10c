package rules

import (
	"bytes"
	"strings"
	"unsafe"

	"nfscope/model"
	"nfscope/model/ruleset"
)

// saveText is what an iptables-save program printed, understood.
type saveText struct {
	tables   []*model.Table
	problems []string
	// refused are the tables that the program says it cannot print.
	refused map[string]bool
}

// readSave reads what an iptables-save program printed. The first text is kept as it is:
// all strings of the tables are parts of it. Of a later one no more is there at once than
// a piece: where its rules say the same as those of old they have the strings of those.
func readSave(out *printout, b model.Backend, f model.Family, old []*model.Table) (saveText, error) {
	if len(old) == 0 {
		text, err := out.text()
		if err != nil {
			return saveText{}, err
		}
		s := saveText{refused: map[string]bool{}}
		s.refuse(unsafe.String(unsafe.SliceData(text), len(text)))
		s.tables, s.problems = parseSave(out.program, text, b, f)
		return s, nil
	}
	s := saveText{refused: map[string]bool{}}
	blank := true
	pieces := func(yield func(string) bool) {
		for piece := range out.pieces() {
			s.refuse(piece)
			if blank = blank && strings.TrimSpace(piece) == ""; !blank && !yield(piece) {
				return
			}
		}
	}
	k := &keeper{old: old, family: f, backend: b}
	tables, problems := ruleset.ParseSavePieces(out.program, pieces, ruleset.Options{Backend: b, Family: f, Keep: k})
	if blank || out.failed != nil {
		return s, out.failed
	}
	s.tables, s.problems = tables, sentences(problems)
	k.share(tables)
	return s, nil
}

// refuse takes the comments on tables that cannot be printed.
func (s *saveText) refuse(text string) {
	if !strings.Contains(text, refusal) {
		return
	}
	for name := range incompatible(text) {
		s.refused[name] = true
	}
}

// parseSave reads what an iptables-save program printed. The text is the tables' from
// then on: of 16 MB there is to be one copy.
func parseSave(program string, text []byte, b model.Backend, f model.Family) ([]*model.Table, []string) {
	if len(bytes.TrimSpace(text)) == 0 { // no table: the program prints nothing
		return nil, nil
	}
	doc, problems := ruleset.ParseSaveText(program, unsafe.String(&text[0], len(text)), ruleset.Options{Backend: b, Family: f})
	return doc.Tables(), sentences(problems)
}

// parseNFT reads what nft printed.
func parseNFT(program string, text []byte) ([]*model.Table, []string) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, nil
	}
	tables, problems := ruleset.ParseNFT(program, text)
	return tables, sentences(problems)
}

func sentences(problems []ruleset.Problem) []string {
	var s []string
	for _, p := range problems {
		s = append(s, "not understood: "+p.Error())
	}
	return s
}
