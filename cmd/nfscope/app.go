package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"nfscope/trace/guard"
	"nfscope/trace/netns"
)

// app is one run of the command line.
type app struct {
	ctx      context.Context
	in       io.Reader
	out, err io.Writer

	netns, lang, glyphs, logFile string
	debug                        bool
	// logger writes --log-file; nil where there is none.
	logger *slog.Logger

	// live is set once something runs until it is interrupted.
	live bool
	// closers undo, last first; over is true when they have run. A lab may be built beside
	// the screen, and be there when it is over.
	closing sync.Mutex
	closers []func()
	over    bool
	// failed is the first error of a closer.
	failed error
	guard  *guard.Guard
	// lastEvent is when the last event of a lab came, in nanoseconds.
	lastEvent atomic.Int64
	// armed, if not nil, is called when a trace is armed.
	armed func()
	// again is how often what a command adds up is read anew, 0 for every two seconds.
	again time.Duration
}

// anew is again as it is meant.
func (a *app) anew() time.Duration { return cmp.Or(a.again, 2*time.Second) }

// later has fn run when the command is over, whatever happens; at once where it is.
func (a *app) later(fn func()) {
	a.closing.Lock()
	over := a.over
	if !over {
		a.closers = append(a.closers, fn)
	}
	a.closing.Unlock()
	if over {
		fn()
	}
}

func (a *app) close() {
	a.closing.Lock()
	list := a.closers
	a.closers, a.over = nil, true
	a.closing.Unlock()
	for _, fn := range slices.Backward(list) {
		fn()
	}
}

func (a *app) command() *cobra.Command {
	root := a.rootCommand()
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usagef("%w; see `%s --help`", err, c.CommandPath())
	})
	f := root.PersistentFlags()
	f.StringVar(&a.netns, "netns", "", "look at this network namespace: a `NAME` of ip-netns(8), a process id, or a path")
	f.StringVar(&a.lang, "lang", "", "language of lessons and explanations: `en` or zh (default from LC_ALL, LC_MESSAGES or LANG)")
	f.StringVar(&a.glyphs, "glyphs", "", "draw with `unicode` or ascii (default ascii where the locale is not UTF-8)")
	f.StringVar(&a.logFile, "log-file", "", "write a log to `FILE`")
	f.BoolVar(&a.debug, "debug", false, "log more")
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return a.prepare() }
	root.AddCommand(a.demoCommand(), a.labCommand(), a.rulesCommand(), a.tablesCommand(), a.setsCommand(), a.connsCommand(), a.logCommand(), a.dropsCommand(), a.whyCommand(), a.traceCommand(), a.replayCommand(),
		a.doctorCommand(), a.cleanCommand(), manCommand(), versionCommand())
	strictHelp(root)
	for _, c := range append(root.Commands(), root) {
		if c.Name() != "help" {
			c.Args = usageArgs(c.Args)
		}
	}
	return root
}

// strictHelp has cobra's own commands refuse what they do not know: they would print
// some help, with status 0.
func strictHelp(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Args = func(c *cobra.Command, args []string) error {
				if _, rest, err := root.Find(args); err != nil || len(rest) > 0 {
					return usagef("there is no command %q; see `%s --help`", strings.Join(args, " "), root.Name())
				}
				return nil
			}
		case "completion":
			c.Args = cobra.ArbitraryArgs
			c.RunE = func(c *cobra.Command, args []string) error {
				if len(args) > 0 {
					return usagef("completion: there is none for %q; expected bash, fish, powershell or zsh", args[0])
				}
				return c.Help()
			}
			for _, s := range c.Commands() {
				s.Args = usageArgs(s.Args)
			}
		}
	}
}

// usageArgs gives a bad argument the exit status of bad usage; of a bad number of them it
// says what the command takes.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	if check == nil {
		return nil
	}
	return func(c *cobra.Command, args []string) error {
		err := check(c, args)
		if err == nil {
			return nil
		}
		if c.HasParent() {
			name, want, found := strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" "), "no argument", "nothing"
			if _, form, ok := strings.Cut(c.Use, " "); ok {
				want = form
			}
			if len(args) > 0 {
				found = strings.Trim(fmt.Sprintf("%q", args), "[]")
			}
			err = fmt.Errorf("%s: expected %s, found %s", name, want, found)
		}
		return usagef("%w; see `%s --help`", err, c.CommandPath())
	}
}

// prepare checks the flags that every command has.
func (a *app) prepare() error {
	if a.lang == "" {
		a.lang = language(os.Getenv)
	}
	if a.lang != "en" && a.lang != "zh" {
		return usagef("--lang %q: expected en or zh", a.lang)
	}
	if a.glyphs == "" {
		a.glyphs = "unicode"
		if asciiLocale() {
			a.glyphs = "ascii"
		}
	}
	if a.glyphs != "unicode" && a.glyphs != "ascii" {
		return usagef("--glyphs %q: expected unicode or ascii", a.glyphs)
	}
	return a.openLog()
}

func (a *app) openLog() error {
	if a.logFile == "" {
		return nil
	}
	level := slog.LevelInfo
	if a.debug {
		level = slog.LevelDebug
	}
	f, err := os.OpenFile(a.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return usagef("--log-file: %w", err)
	}
	a.later(func() { _ = f.Close() })
	a.logger = slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: level}))
	a.logger.Info("nfscope", "version", version(), "arguments", os.Args[1:])
	return nil
}

// descriptor is what may be a terminal.
type descriptor interface{ Fd() uintptr }

// terminal reports whether the TUI can be shown: keys come from one, pixels go to one,
// and it can do more than print.
func (a *app) terminal() bool {
	if t := os.Getenv("TERM"); runtime.GOOS != "windows" && (t == "" || t == "dumb") {
		return false
	}
	in, ok1 := a.in.(descriptor)
	out, ok2 := a.out.(descriptor)
	return ok1 && ok2 && term.IsTerminal(int(in.Fd())) && term.IsTerminal(int(out.Fd()))
}

// width is how wide plain text may be; 0, as wide as it takes, where no terminal wraps it.
func (a *app) width() int {
	if f, ok := a.out.(descriptor); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			return w
		}
	}
	return 0
}

// open opens the namespace that --netns names.
func (a *app) open() (*netns.Handle, error) {
	ns, err := netns.Open(a.netns)
	switch {
	case errors.Is(err, netns.ErrUnsupported):
		return nil, lacking(fmt.Errorf("netfilter needs Linux; here `nfscope replay FILE`, `nfscope rules --file FILE` and `nfscope demo --recorded` work"))
	case errors.Is(err, fs.ErrPermission):
		return nil, lacking(fmt.Errorf("%w; it needs CAP_SYS_PTRACE or root: run it with sudo", err))
	case err != nil && a.netns != "":
		return nil, usage(err)
	case err != nil:
		return nil, err
	}
	a.later(func() { _ = ns.Close() })
	if a.netns != "" {
		if err := ns.Do(func() error { return nil }); errors.Is(err, syscall.EINVAL) {
			return nil, usagef("--netns %s is no network namespace: expected a name of ip-netns(8), a process id, or a path such as /proc/1/ns/net", a.netns)
		}
	}
	return ns, nil
}

// startGuard starts the process that undoes what we did to the system if we are killed.
func (a *app) startGuard() (*guard.Guard, error) {
	if a.guard != nil {
		return a.guard, nil
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the own program, to start the guard: %w", err)
	}
	g, err := guard.Start(exe)
	if err != nil {
		return nil, err
	}
	a.guard = g
	a.later(func() {
		if err := g.Close(); err != nil && a.failed == nil {
			a.failed = err
		}
	})
	return g, nil
}
