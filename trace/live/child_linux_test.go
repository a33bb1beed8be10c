package live

import (
	"context"
	"fmt"
	"os"

	"nfscope/model/feed"
	"nfscope/trace/guard"
	"nfscope/trace/netns"
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
		if err := s.Arm(context.Background(), Trace{Method: os.Getenv(killEnv + "_METHOD")}); err != nil {
			return err
		}
		_, err = os.Stdout.WriteString("ready\n")
		_, _ = os.Stdin.Read(make([]byte, 1))
		return err
	}()
	fmt.Println(err)
	os.Exit(1)
}
