package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"fermata/balancer"
)

// drainFile remembers, in the state directory, which nodes are draining, so
// that a restart in the middle of a deploy sends nobody to a node that is
// about to go. The zero value remembers nothing.
type drainFile struct {
	dir string // empty: nothing is remembered
}

// load returns the remembered drains by node. No file means none.
func (f drainFile) load() (drains map[string]balancer.Drain, err error) {
	if err := readState(f.dir, "drains.json", &drains); err != nil {
		return nil, fmt.Errorf("read the remembered drains: %w", err)
	}
	return drains, nil
}

// save writes the drains of these nodes.
func (f drainFile) save(nodes []balancer.Status) error {
	drains := make(map[string]balancer.Drain)
	for _, n := range nodes {
		if n.Drain != nil {
			drains[n.Name] = *n.Drain
		}
	}
	if err := writeState(f.dir, "drains.json", drains); err != nil {
		return fmt.Errorf("remember the drains: %w", err)
	}
	return nil
}

// rollFile remembers, in the state directory, which nodes a roll has still to
// drain. The zero value remembers nothing.
type rollFile struct {
	dir string // empty: nothing is remembered
}

// load returns the nodes that are still to be drained. No file means none.
func (f rollFile) load() (nodes []string, err error) {
	if err := readState(f.dir, "roll.json", &nodes); err != nil {
		return nil, fmt.Errorf("read the remembered roll: %w", err)
	}
	return nodes, nil
}

// save writes them.
func (f rollFile) save(nodes []string) error {
	if err := writeState(f.dir, "roll.json", nodes); err != nil {
		return fmt.Errorf("remember the roll: %w", err)
	}
	return nil
}

// readState reads a file of the state directory; where there is none, into
// stays as it is.
func readState(dir, name string, into any) error {
	if dir == "" {
		return nil
	}
	path := filepath.Join(dir, name)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// writeState writes a file of the state directory. A crash leaves the old file
// or the new one, never half of one.
func writeState(dir, name string, value any) error {
	if dir == "" {
		return nil
	}
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(filepath.Join(dir, name), text)
}

// replaceFile writes a file beside the old one and renames it over that.
func replaceFile(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	_, err = temporary.Write(text)
	err = errors.Join(err, temporary.Sync(), temporary.Close())
	if err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}
