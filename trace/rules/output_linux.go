package rules

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
)

// longest is how long a program may take to print rules. 100,000 rules take nft 6 s.
const longest = time.Minute

// output runs a program in a namespace and gives what it printed; after limit it is
// stopped. The program writes to a file in memory, not to a pipe: it never waits for us,
// 16 MB need no buffer that doubles, and need not be ours in one piece.
func output(ctx context.Context, ns *netns.Handle, limit time.Duration, path string, args ...string) (*printout, error) {
	return followed(ctx, ns, limit, nil, path, args...)
}

// glance is how often a program's output is looked at while it grows.
const glance = 50 * time.Millisecond

// followed is output that shows seen what was printed while the program still runs, in
// pieces, now and then an empty one. seen may be nil. It is not called any more once
// followed has returned.
func followed(ctx context.Context, ns *netns.Handle, limit time.Duration, seen func([]byte), path string, args ...string) (out *printout, err error) {
	fd, err := unix.MemfdCreate("nfscope", unix.MFD_CLOEXEC)
	if err != nil { // forbidden, as by some seccomp filters
		text, err := ns.Output(ctx, nil, path, args...)
		return &printout{program: path, from: bytes.NewReader(text), size: len(text)}, err
	}
	file := os.NewFile(uintptr(fd), "memfd:nfscope")
	defer func() {
		if err != nil {
			_ = file.Close()
		}
	}()
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
	return &printout{program: path, from: file, size: int(info.Size()), file: file}, nil
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
