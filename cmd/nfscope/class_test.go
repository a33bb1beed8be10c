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
	over, end := context.WithCancel(ctx)
	end()
	for sent, waits := range []bool{true, false, true} { // only the step that was sent goes
		free.Send(sent)
		if waited, err := free.wait(over, 1); waited != waits || !errors.Is(err, context.Canceled) {
			t.Errorf("step 1, when %d was sent: waited %v, %v", sent, waited, err)
		}
	}
	went := make(chan error)
	go func() {
		_, err := free.wait(ctx, 1)
		went <- err
	}()
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
