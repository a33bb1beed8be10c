package kprog

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"nfscope/trace/nettest"
)

// TestNoWakeup: an event wakes nobody, and is there for who looks.
func TestNoWakeup(t *testing.T) {
	nettest.Kernel(t)
	t.Parallel()
	k, err := Open("nfs_test", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	var c Code
	c.Reserve(k.Ring, 8, "out")
	c.Emit(asm.Mov.Imm(asm.R1, 7), asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord))
	c.Submit(asm.R0)
	c.Emit(asm.Mov.Imm(asm.R0, 0).WithSymbol("out"), asm.Return())
	p, err := k.Load("load the test's program", ebpf.ProgramSpec{Name: "nfs_test", Type: ebpf.SocketFilter, Instructions: c.List})
	if err != nil {
		t.Fatal(err)
	}
	late := time.Now().Add(200 * time.Millisecond)
	k.Ring.r.SetDeadline(late)
	thread, got := make(chan int), make(chan time.Time)
	go func() {
		runtime.LockOSThread()
		thread <- unix.Gettid()
		_, err := k.Ring.r.Read()
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
		got <- time.Now()
	}()
	// Its thread sleeps before the event comes.
	where := fmt.Sprintf("/proc/self/task/%d/syscall", <-thread)
	for sleeps := fmt.Sprintf("%d ", unix.SYS_EPOLL_PWAIT); time.Now().Before(late); runtime.Gosched() {
		b, err := os.ReadFile(where)
		if err != nil {
			nettest.Skip(t, "where a thread sleeps is not told: "+err.Error())
		}
		if strings.HasPrefix(string(b), sleeps) {
			break
		}
	}
	if _, _, err := p.Test(make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
	if at := <-got; at.Before(late.Add(-20 * time.Millisecond)) {
		t.Errorf("a sleeping reader was woken, %v before its time", late.Sub(at))
	}
}
