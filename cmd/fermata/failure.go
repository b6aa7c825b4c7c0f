package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
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

// thisProgram is how this process is started again: what is then at the path by which it
// was started, be that a link to the present release.
func thisProgram() app.Program {
	file, err := os.Executable()
	if err != nil {
		return app.Program{}
	}
	return app.Program{Path: startedAs(os.Args[0], file), Args: os.Args[1:]}
}

// startedAs is the path of a name by which a file was started, or else the file itself.
func startedAs(name, file string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		return file
	}
	if path, err = filepath.Abs(path); err != nil {
		return file
	}
	named, err := os.Stat(path)
	running, runningErr := os.Stat(file)
	if err != nil || runningErr != nil || !os.SameFile(named, running) {
		return file
	}
	return path
}

type discard struct{ io.Writer }

func (discard) Close() error { return nil }
