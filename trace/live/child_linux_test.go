package live

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"nfscope/model"
	"nfscope/model/fact"
	"nfscope/model/feed"
	"nfscope/model/filter"
	"nfscope/trace/guard"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
	"nfscope/trace/sets"
)

// killEnv names the namespace that a child of TestKilledAnywhere arms in.
const killEnv = "LIVE_TEST_ARM"

// armAndStay arms as nfscope does, says so, and waits for its end.
func armAndStay(name string) {
	err := func() error {
		ns, err := netns.Open(name)
		if err != nil {
			return err
		}
		exe, err := os.Executable()
		if err != nil {
			return err
		}
		g, err := guard.Start(exe)
		if err != nil {
			return err
		}
		s, err := Open(ns, g, About{Name: name}, func(feed.Item) {})
		if err != nil {
			return err
		}
		if _, err := s.Rules(context.Background()); err != nil {
			return err
		}
		tr := Trace{Method: os.Getenv(killEnv + "_METHOD")}
		if text := os.Getenv(killEnv + "_BOTH"); text != "" {
			tr.Both = true
			if tr.Filter, err = filter.Parse(text); err != nil {
				return err
			}
		}
		if err := s.Arm(context.Background(), tr); err != nil {
			return err
		}
		if tr.Both { // and asks the sets, as --misses does
			r, err := sets.Open(ns)
			if err != nil {
				return err
			}
			table := &model.Table{Backend: model.BackendNFTables, Family: model.FamilyIPv4, Name: "killed"}
			if a := sets.NewLookup(r).In(table, "members", []string{"10.1.0.2"}); a != fact.Yes {
				return fmt.Errorf("the set says %v", a)
			}
		}
		_, err = os.Stdout.WriteString("ready\n")
		_, _ = os.Stdin.Read(make([]byte, 1))
		return err
	}()
	fmt.Println(err)
	os.Exit(1)
}

// floodArg is the first argument of a child that sends packets; their number and how many
// of them a second follow. It prints the rate that it reached.
const floodArg = "flood"

func floodMain() {
	err := func() error {
		if len(os.Args) != 4 {
			return fmt.Errorf("flood: expected a number and a rate")
		}
		n, err := strconv.Atoi(os.Args[2])
		if err != nil {
			return err
		}
		rate, err := strconv.ParseFloat(os.Args[3], 64)
		if err != nil {
			return err
		}
		fd, err := nettest.ToServer()
		if err != nil {
			return err
		}
		reached, err := nettest.Flood(fd, n, rate)
		if err == nil {
			fmt.Println(reached)
		}
		return err
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
