package main

import (
	"context"
	"errors"
	"testing"
)

func TestClass(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(context.Background())
	free := newClass(false)
	if waited, err := free.wait(ctx, 0); waited || err != nil {
		t.Errorf("steps that go by themselves wait: %v, %v", waited, err)
	}
	free.Hold()
	free.Send(0)
	if waited, err := free.wait(ctx, 0); waited || err != nil {
		t.Errorf("a step that was sent waits: %v, %v", waited, err)
	}
	went := make(chan error)
	go func() {
		_, err := free.wait(ctx, 1)
		went <- err
	}()
	free.Send(0) // not that one
	select {
	case <-went:
		t.Fatal("step 2 goes before it was sent")
	default:
	}
	free.Send(1)
	if err := <-went; err != nil {
		t.Error(err)
	}
	go func() {
		_, err := free.wait(ctx, 2)
		went <- err
	}()
	stop()
	if err := <-went; !errors.Is(err, context.Canceled) {
		t.Errorf("the end of it all: %v", err)
	}
}
