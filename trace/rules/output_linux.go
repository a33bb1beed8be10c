package rules

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
)

// longest is how long a program may take to print rules. 100,000 rules take nft 6 s.
const longest = time.Minute

// output runs a program in a namespace and gives what it printed, in one piece of just
// that size; after limit it is stopped. The program writes to a file in memory, not to a pipe: it never waits for
// us, and 16 MB need no buffer that doubles.
func output(ctx context.Context, ns *netns.Handle, limit time.Duration, path string, args ...string) ([]byte, error) {
	return followed(ctx, ns, limit, nil, path, args...)
}

// glance is how often a program's output is looked at while it grows.
const glance = 50 * time.Millisecond

// followed is output that shows seen what was printed while the program still runs, in
// pieces, now and then an empty one. seen may be nil. It is not called any more once
// followed has returned.
func followed(ctx context.Context, ns *netns.Handle, limit time.Duration, seen func([]byte), path string, args ...string) ([]byte, error) {
	fd, err := unix.MemfdCreate("nfscope", unix.MFD_CLOEXEC)
	if err != nil { // forbidden, as by some seccomp filters
		return ns.Output(ctx, nil, path, args...)
	}
	file := os.NewFile(uintptr(fd), "memfd:nfscope")
	defer file.Close()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	var errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = file, &errs
	if err := ns.Start(cmd); err != nil {
		return nil, fmt.Errorf("run %s: %w", path, err)
	}
	ended := watchOutput(file, seen)
	err = cmd.Wait()
	ended()
	if err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			err = fmt.Errorf("it was stopped after %s", limit)
		}
		return nil, fmt.Errorf("%s %s: %w: %s", path, strings.Join(args, " "), err, strings.TrimSpace(errs.String()))
	}
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("read what %s printed: %w", path, err)
	}
	text := make([]byte, info.Size())
	if _, err := io.ReadFull(io.NewSectionReader(file, 0, info.Size()), text); err != nil {
		return nil, fmt.Errorf("read what %s printed: %w", path, err)
	}
	return text, nil
}

// watchOutput shows seen what is written to a file until the function that it gives is called:
// then the rest, and that is all.
func watchOutput(file *os.File, seen func([]byte)) (end func()) {
	if seen == nil {
		return func() {}
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(glance)
		defer ticker.Stop()
		buf := make([]byte, 256<<10)
		at := int64(0)
		for last := false; !last; {
			select {
			case <-stop:
				last = true
			case <-ticker.C:
			}
			for {
				n, err := file.ReadAt(buf, at)
				seen(buf[:n])
				at += int64(n)
				if n < len(buf) || err != nil {
					break
				}
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
	}
}
