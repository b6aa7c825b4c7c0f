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

func (f drainFile) path() string { return filepath.Join(f.dir, "drains.json") }

// load returns the remembered drains by node. No file means none.
func (f drainFile) load() (map[string]balancer.Drain, error) {
	if f.dir == "" {
		return nil, nil
	}
	text, err := os.ReadFile(f.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the remembered drains: %w", err)
	}
	var drains map[string]balancer.Drain
	if err := json.Unmarshal(text, &drains); err != nil {
		return nil, fmt.Errorf("read the remembered drains: %s: %w", f.path(), err)
	}
	return drains, nil
}

// save writes the drains of these nodes. A crash leaves the old file or the
// new one, never half of one.
func (f drainFile) save(nodes []balancer.Status) error {
	if f.dir == "" {
		return nil
	}
	drains := make(map[string]balancer.Drain)
	for _, n := range nodes {
		if n.Drain != nil {
			drains[n.Name] = *n.Drain
		}
	}
	text, err := json.MarshalIndent(drains, "", "  ")
	if err == nil {
		err = replaceFile(f.path(), text)
	}
	if err != nil {
		return fmt.Errorf("remember the drains: %w", err)
	}
	return nil
}

// replaceFile writes a file beside the old one and renames it over that.
func replaceFile(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), ".drains-*")
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
