package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"nfscope/model"
	"nfscope/model/ruleset"
)

func (a *app) tablesCommand() *cobra.Command {
	var asJSON bool
	var family, file string
	c := &cobra.Command{
		Use: "tables", Short: "Print the matrix of tables and chains, with what is registered here", Args: cobra.NoArgs,
		Long: "Print which tables and chains there are, with their priorities, what of it is registered\n" +
			"here and by whom (L iptables-legacy, I iptables-nft, N nftables), and in which order a\n" +
			"packet meets the chains at each hook.",
		Example: "  nfscope tables\n  nfscope tables --family ip6 --netns router",
		RunE: func(*cobra.Command, []string) error {
			if family != "" && family != "ip" && family != "ip6" {
				return usagef("--family %q: expected ip or ip6", family)
			}
			return a.tables(file, family, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print nfscope/tables/1 objects, one a line")
	c.Flags().StringVar(&family, "family", "", "only for `ip` or ip6 (default: ip, and ip6 where something is registered for it)")
	c.Flags().StringVar(&file, "file", "", "take the rules from `FILE`, - for standard input")
	return c
}

func (a *app) tables(file, family string, asJSON bool) error {
	var rs *model.Ruleset
	var err error
	if file != "" {
		rs, _, _, err = a.readRulesFile(file)
	} else {
		rs, err = a.readRules(false)
	}
	if err != nil {
		return err
	}
	for _, w := range rs.Warnings {
		fmt.Fprintln(a.err, "nfscope:", w)
	}
	out, st := a.objects(asJSON), stats{start: time.Now()}
	for _, f := range []model.Family{model.FamilyIPv4, model.FamilyIPv6} {
		m := ruleset.NewMatrix(rs, f)
		_, _, _, chains := m.Sizes()
		if family != "" && family != f.String() || family == "" && f == model.FamilyIPv6 && chains == 0 {
			continue
		}
		if asJSON {
			err = ruleset.WriteMatrixJSON(out, rs.Netns, m)
		} else {
			if st.events > 0 {
				fmt.Fprintln(out)
			}
			err = ruleset.WriteMatrix(out, m)
		}
		if err != nil {
			return err
		}
		st.events++
	}
	if asJSON {
		return st.print(out)
	}
	return nil
}
