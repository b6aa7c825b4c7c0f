package relay

import (
	"fmt"
	"runtime/debug"
)

// PanicError is a panic in what an engine does for one relay, or in a method of
// its Owner. It ends that relay and no other.
type PanicError struct {
	Value any    // what was given to panic
	Stack []byte // of the goroutine, as debug.Stack has it
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// survived tells the owner of a panic with that value, which was recovered.
func survived(owner Owner, value any) *PanicError {
	err := &PanicError{Value: value, Stack: debug.Stack()}
	defer func() { _ = recover() }() // an owner that cannot even be told
	owner.Panicked(err)
	return err
}

// tellEnded tells the owner of the end, and of a panic that comes from that.
func tellEnded(owner Owner, end End) {
	defer func() {
		if value := recover(); value != nil {
			survived(owner, value)
		}
	}()
	owner.Ended(end)
}
