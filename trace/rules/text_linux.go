package rules

import (
	"bytes"
	"unsafe"

	"nfscope/model"
	"nfscope/model/ruleset"
)

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
