package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"nfscope/model"
	"nfscope/model/ruleset"
	"nfscope/trace/rules"
)

func (a *app) rulesCommand() *cobra.Command {
	var file, format string
	c := &cobra.Command{
		Use: "rules", Short: "Print the rules and their counters", Args: cobra.NoArgs,
		Long: "Print the rules of every backend with their counters, or those of a file\n" +
			"(iptables-save, iptables -S, nft list ruleset or nft -j list ruleset, scripts\n" +
			"for iptables-restore and nft -f, shell scripts of iptables and nft commands).",
		Example: "  nfscope rules\n  nfscope rules --netns router --format json\n  nfscope rules --file rules.v4 --format save",
		RunE: func(*cobra.Command, []string) error {
			switch format {
			case "tree", "save", "json", "dot":
			default:
				return usagef("--format %q: expected tree, save, json or dot", format)
			}
			if file != "" {
				return a.rulesOfFile(file, format)
			}
			rs, err := a.readRules(format != "save") // which prints no sets; the arrows of dot come from verdict maps too
			if err != nil {
				return err
			}
			if format != "tree" { // which ends with them
				for _, w := range rs.Warnings {
					fmt.Fprintln(a.err, "nfscope:", w)
				}
			}
			return a.printRules(rs, format)
		},
	}
	c.Flags().StringVar(&file, "file", "", "read the rules from `FILE`, - for standard input")
	c.Flags().StringVar(&format, "format", "tree", "print as `tree`, save, json or dot")
	return c
}

// readRules reads the namespace's rules once. elements has those of nft's named sets
// read too: what is printed is to be all there is.
func (a *app) readRules(elements bool) (*model.Ruleset, error) {
	ns, err := a.open()
	if err != nil {
		return nil, err
	}
	if err := needAdmin("reading rules"); err != nil {
		return nil, err
	}
	r, err := rules.Open(ns)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if elements {
		r.Elements()
	}
	rs, err := r.Snapshot(a.ctx)
	if err != nil {
		return nil, err
	}
	rs.Netns = a.netns
	return rs, nil
}

func (a *app) printRules(rs *model.Ruleset, format string) error {
	counts := rs.Counts()
	switch format {
	case "save":
		return ruleset.WriteSave(a.verbatim(), rs.Tables, counts, true)
	case "json":
		return ruleset.WriteJSON(a.objects(true), rs, counts)
	case "dot":
		return ruleset.WriteDot(a.objects(false), rs)
	}
	return ruleset.WriteTree(a.objects(false), rs, counts, a.width())
}

// rulesOfFile prints what a file holds. Problems go to stderr and end in the status
// of bad usage; what could be read is printed all the same.
func (a *app) rulesOfFile(name, format string) error {
	rs, doc, bad, err := a.readRulesFile(name)
	if err != nil {
		return err
	}
	if format == "save" && doc != nil {
		_, err = doc.WriteTo(a.verbatim())
	} else {
		err = a.printRules(rs, format)
	}
	if err == nil && bad > 0 {
		err = usagef("%s: %s could not be understood; the rest is shown", name, places(bad))
	}
	return err
}

func places(n int) string {
	if n == 1 {
		return "one place"
	}
	return fmt.Sprintf("%d places", n)
}

// readRulesFile parses a file, and says on stderr what in it could not be understood.
func (a *app) readRulesFile(name string) (rs *model.Ruleset, doc *ruleset.Document, bad int, err error) {
	var text []byte
	if name == "-" {
		text, err = io.ReadAll(a.in)
	} else {
		text, err = os.ReadFile(name)
	}
	if err != nil {
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, nil, 0, usagef("%s: %w", name, err)
	}
	rs, doc, problems := ruleset.ParseFile(name, text)
	for _, p := range problems {
		if p.Fatal {
			return nil, nil, 0, usage(p)
		}
		fmt.Fprintln(a.err, "nfscope:", p.Error())
		if p.Line > 0 && !p.Remark { // what is said of the whole file is a remark too
			bad++
		}
	}
	return rs, doc, bad, nil
}
