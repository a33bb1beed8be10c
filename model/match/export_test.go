package match

import "strings"

// OptionNames lists, for the tests, every option that iptables-save may print, as
// "module --option".
func OptionNames() []string {
	var l []string
	for _, t := range []map[string]*extension{matches, targets} {
		for n, e := range t {
			for i := range e.options {
				l = append(l, strings.TrimPrefix(n, "6:")+" "+e.options[i].name())
			}
		}
	}
	return l
}

// NamesICMP reports, for the tests, whether a word is one of the names of a type of ICMP.
func NamesICMP(word string) bool {
	for _, types := range []map[string]ICMPType{icmpTypes(), icmp6Types()} {
		for n := range types {
			if strings.Contains(n, word) {
				return true
			}
		}
	}
	return false
}

// HasPhrase reports, for the tests, whether an option "module --option" has words.
func HasPhrase(name string) bool {
	return phrases[name] != "" || targetPhrases[name] != ""
}
