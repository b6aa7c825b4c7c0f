package app

import "testing"

func TestClientsWithMuchQueuedAreHandedOverFewAtATime(t *testing.T) {
	t.Parallel()
	f := func(want int, sizes ...int) {
		t.Helper()
		if got := fitting(sizes); got != want {
			t.Errorf("sizes %v: got %d clients in a batch, want %d", sizes, got, want)
		}
	}
	f(0)
	f(3, 500, 500, 500)
	f(1, batchBytes+1, 500)
	f(2, batchBytes/2, batchBytes/2, 1)
}
