package screen

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// do begins a task; nil is none.
func (c *Screen) do(ctx context.Context, t task) {
	if t == nil {
		return
	}
	c.begin(ctx, func(ctx context.Context) error {
		c.tell(ctx, t(ctx, c.client))
		return nil
	})
}

// tell hands a change to the goroutine that owns the model.
func (c *Screen) tell(ctx context.Context, next change) {
	select {
	case <-ctx.Done():
	case c.changes <- next:
	}
}

// begin runs f beside. When it errors or panics, the screen ends, which gives
// the terminal back.
func (c *Screen) begin(ctx context.Context, f func(context.Context) error) {
	c.work.Go(func() {
		defer func() {
			if value := recover(); value != nil {
				c.fail(panicked{value, debug.Stack()})
			}
		}()
		if err := f(ctx); err != nil {
			c.fail(err)
		}
	})
}

// fail keeps the first error.
func (c *Screen) fail(err error) {
	select {
	case c.failed <- err:
	default:
	}
}

// panicked is a panic of another goroutine, on its way to Run's.
type panicked struct {
	value any
	stack []byte
}

func (p panicked) Error() string { return fmt.Sprintf("%v\n\n%s", p.value, p.stack) }

// ended is what Run returns for err, if that is no panic.
func ended(err error) error {
	var p panicked
	if errors.As(err, &p) {
		panic(p)
	}
	return err
}
