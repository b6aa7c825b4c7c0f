package main

import (
	"io"
	"os"
	"strconv"
	"syscall"

	"fermata/internal/app"
)

// failureFile is where a process that was started by an upgrade says why it fails.
// Nobody reads it once it serves.
func failureFile() io.WriteCloser {
	fd, err := strconv.Atoi(os.Getenv(app.FailureFile))
	if err != nil || fd < 3 {
		return discard{io.Discard}
	}
	os.Unsetenv(app.FailureFile)
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "failure file")
}

// thisProgram is how this process is started again. What is in the place of its file by
// then is what starts.
func thisProgram() app.Program {
	path, err := os.Executable()
	if err != nil {
		return app.Program{}
	}
	return app.Program{Path: path, Args: os.Args[1:]}
}

type discard struct{ io.Writer }

func (discard) Close() error { return nil }
