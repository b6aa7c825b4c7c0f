package app

import (
	"errors"
	"os"
	"syscall"
	"testing"
)

func TestAFullDiskIsToldFromWhatCanNeverWork(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	_, err = full.WriteString("x")
	if !isFull(err) || !isFull(errors.Join(nil, err)) {
		t.Errorf("got %v for full: false, want true", err)
	}
	for _, err := range []error{syscall.EACCES, syscall.EROFS, syscall.ENOTDIR} {
		if isFull(err) {
			t.Errorf("got %v for full: true, want false", err)
		}
	}
}
