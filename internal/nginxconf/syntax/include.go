package syntax

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// What a file includes is bounded, since it can include itself.
const (
	maxFiles    = 1000
	maxNesting  = 20
	maxFileSize = 16 << 20 // lists of networks are long
)

// Read reads a file; what it includes stands in the place of the include. An
// include that finds no file stays as it is. Relative names are relative to the
// folder prefix, also in included files, which is nginx's way. An error begins
// with FILE:LINE, or with FILE where the file itself cannot be read.
func Read(file, prefix string) ([]Directive, error) {
	r := reader{prefix: prefix}
	return r.file(file, 0)
}

type reader struct {
	prefix string
	files  int // read so far
}

func (r *reader) file(name string, nesting int) ([]Directive, error) {
	if r.files++; r.files > maxFiles || nesting > maxNesting {
		return nil, &fileError{name, fmt.Errorf("got includes in includes, %d files and %d deep", r.files, nesting)}
	}
	text, err := readFile(name)
	if err != nil {
		return nil, err
	}
	directives, err := Parse(name, text)
	if err != nil {
		return nil, err
	}
	return r.resolve(directives, nesting)
}

// resolve puts the directives of included files in the place of the includes.
func (r *reader) resolve(directives []Directive, nesting int) ([]Directive, error) {
	resolved := []Directive{}
	for _, d := range directives {
		some, err := r.one(d, nesting)
		if err != nil {
			return nil, err
		}
		resolved = append(resolved, some...)
	}
	return resolved, nil
}

func (r *reader) one(d Directive, nesting int) (_ []Directive, err error) {
	if d.Name == "include" && d.Block == nil {
		return r.include(d, nesting)
	}
	if d.Block != nil {
		d.Block, err = r.resolve(d.Block, nesting)
	}
	return []Directive{d}, err
}

func (r *reader) include(d Directive, nesting int) ([]Directive, error) {
	if len(d.Args) != 1 {
		return nil, fmt.Errorf("%s:%d: include: got %d arguments, want 1", d.File, d.Line, len(d.Args))
	}
	names, err := r.names(d.Args[0])
	if err != nil {
		return nil, fmt.Errorf("%s:%d: include: %w", d.File, d.Line, err)
	}
	if len(names) == 0 {
		return []Directive{d}, nil
	}
	all := []Directive{}
	for _, name := range names {
		some, err := r.file(name, nesting+1)
		if _, unreadable := err.(*fileError); unreadable { // and not one that it includes
			return nil, fmt.Errorf("%s:%d: include: %w", d.File, d.Line, err)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// names are the files that an include finds.
func (r *reader) names(pattern string) ([]string, error) {
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(r.prefix, pattern)
	}
	if !strings.ContainsAny(pattern, "*?[") {
		if _, err := os.Lstat(pattern); errors.Is(err, os.ErrNotExist) {
			return nil, nil
		}
		return []string{pattern}, nil
	}
	names, err := filepath.Glob(pattern)
	hidden := strings.HasPrefix(filepath.Base(pattern), ".")
	return slices.DeleteFunc(names, func(name string) bool {
		return !hidden && strings.HasPrefix(filepath.Base(name), ".") // to a shell's *, and nginx's
	}), err
}

// readFile reads regular files only: opening a pipe would block for ever.
func readFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, cannotRead(name, err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxFileSize {
		return nil, cannotRead(name, errors.New("got a folder, a device or more than 16 MiB, want a configuration file"))
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, cannotRead(name, err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFileSize))
	if err != nil {
		return nil, cannotRead(name, err)
	}
	return text, nil
}

// fileError is a file that cannot be read, and why.
type fileError struct {
	name string
	err  error
}

func (e *fileError) Error() string { return e.name + ": " + e.err.Error() }

func (e *fileError) Unwrap() error { return e.err }

// cannotRead leaves the system call out, and the name that it repeats.
func cannotRead(name string, err error) error {
	var pathErr *os.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return &fileError{name, err}
}
