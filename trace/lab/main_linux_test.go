package lab

import (
	"context"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"nfscope/docs/labs"
	"nfscope/trace/guard"
)

// childEnv makes the test binary play a program of its own.
const childEnv = "NFSCOPE_LAB_CHILD"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == guard.Arg {
		guard.Main()
		return
	}
	switch os.Getenv(childEnv) {
	case "hold":
		os.Exit(hold())
	case "userns":
		os.Exit(userns())
	}
	os.Exit(m.Run())
}

// hold builds a lab, says its instance and waits to be killed.
func hold() int {
	l, err := Load(labs.FS, "close-the-door")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	held := *l
	held.Name = "held" // apart from the labs of other tests and users
	if _, err := Up(context.Background(), &held, nil); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("up")
	return wait()
}

// wait waits to be killed. To Go a select without cases is a deadlock where no other
// goroutine is left.
func wait() int {
	_ = unix.Pause()
	return 1
}

// userns is a main as nfscope's: it enters, builds, plays and says what it saw.
func userns() int {
	ran, status, err := EnterUserns(os.Args[1:])
	switch {
	case err != nil:
		fmt.Println("cannot:", err)
		return 3
	case ran:
		return status
	}
	fmt.Println("uid", os.Getuid(), "args", os.Args[1:])
	if os.Getenv("NFSCOPE_LAB_WAIT") != "" {
		fmt.Println("pid", os.Getpid())
		return wait()
	}
	for _, name := range []string{"close-the-door", "gateway"} {
		l, err := Load(labs.FS, name)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		n, err := Up(context.Background(), l, nil)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		results, err := Play(context.Background(), n, nil, nil)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		for _, f := range Check(n.Lab(), Evidence{Results: results}) {
			fmt.Println(f)
			return 1
		}
		fmt.Println(name, "played", len(results))
		if err := n.Down(); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	return 42
}
