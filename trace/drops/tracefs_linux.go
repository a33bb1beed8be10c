package drops

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// errNoTracefs says that nobody knows the tracepoint's number.
var errNoTracefs = errors.New("tracefs is not mounted, so that the number of the tracepoint is not known")

// findTracepoint reads the tracepoint's number and format. tracefs is where it is mounted, the usual
// places if "".
func findTracepoint(tracefs string) (id uint64, f *format, err error) {
	err = inTracefs(tracefs, func(at string) error {
		if id, err = numberAt(at); err != nil {
			return err
		}
		text, err := os.ReadFile(filepath.Join(at, "format"))
		if err == nil {
			f, err = parseFormat(string(text))
		}
		return err
	})
	return id, f, err
}

// tracepointID is the tracepoint's number.
func tracepointID(tracefs string) (id uint64, err error) {
	err = inTracefs(tracefs, func(at string) (err error) {
		id, err = numberAt(at)
		return err
	})
	return id, err
}

func numberAt(at string) (uint64, error) {
	b, err := os.ReadFile(filepath.Join(at, "id"))
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
}

// inTracefs has the tracepoint's directory looked at, where tracefs is mounted. Where it is mounted at
// none of the usual places, it is by a mount of our own, if we may.
func inTracefs(tracefs string, look func(at string) error) error {
	places := []string{"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}
	if tracefs != "" {
		places = []string{tracefs}
	}
	err := errNoTracefs
	for _, dir := range places {
		switch e := look(tracepointIn(dir)); {
		case e == nil:
			return nil
		case !errors.Is(e, os.ErrNotExist):
			err = e
		}
	}
	if errors.Is(err, errNoTracefs) && tracefs == "" {
		if e := unmounted(look); e == nil {
			return nil
		}
	}
	return err
}

func tracepointIn(tracefs string) string { return filepath.Join(tracefs, "events/skb/kfree_skb") }

// unmounted has the tracepoint's directory looked at by a mount that is in no namespace, and goes
// with its descriptor.
func unmounted(look func(at string) error) error {
	fs, err := unix.Fsopen("tracefs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("fsopen", err)
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return os.NewSyscallError("fsconfig", err)
	}
	mount, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("fsmount", err)
	}
	defer unix.Close(mount)
	return look(tracepointIn(fmt.Sprintf("/proc/self/fd/%d", mount)))
}
