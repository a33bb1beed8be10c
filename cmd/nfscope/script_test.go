package main

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"nfscope/trace/guard"
)

func TestMain(m *testing.M) {
	testscript.Main(neutral{m}, map[string]func(){"nfscope": main, "nfscope-panics": panics, "nfscope-often": often})
}

// neutral are tests that see nothing of the language and the time zone of who runs them: what
// they compare is in English, and of UTC.
type neutral struct{ *testing.M }

func (n neutral) Run() int {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG", "LANGUAGE"} {
		os.Unsetenv(name)
	}
	os.Setenv("TZ", "UTC")
	time.Local = time.UTC
	return n.M.Run()
}

// panics is nfscope with a defect that shows when a trace is armed.
func panics() {
	if len(os.Args) > 1 && os.Args[1] == guard.Arg {
		guard.Main()
		return
	}
	os.Exit(run(func(a *app) { a.armed = func() { panic("a test's") } }))
}

// often is nfscope that reads again at once what it adds up.
func often() {
	os.Exit(run(func(a *app) { a.again = 100 * time.Millisecond }))
}

// TestScripts runs the command line as a shell would.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// status N COMMAND...: the command ends with exit status N.
			"status": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) < 2 {
					ts.Fatalf("usage: status N command [args...]")
				}
				want, err := strconv.Atoi(args[0])
				ts.Check(err)
				err = ts.Exec(args[1], args[2:]...)
				got := 0
				var exit *exec.ExitError
				if errors.As(err, &exit) {
					got = exit.ExitCode()
				} else if err != nil {
					ts.Fatalf("%v", err)
				}
				if got != want {
					ts.Fatalf("exit status %d, want %d", got, want)
				}
			},
		},
	})
}
