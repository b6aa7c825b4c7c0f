// Package child runs this program's own binary again, as a child with a role.
// main, or TestMain, calls Become first.
package child

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// variable says which role a process has.
const variable = "FERMATA_LAB_ROLE"

// Become turns the process into the child that Command wanted, and never
// returns then. In any other process it does nothing.
func Become(roles map[string]func() error) {
	role := os.Getenv(variable)
	if role == "" {
		return
	}
	if err := play(roles[role]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", role, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func play(role func() error) error {
	if role == nil {
		return errors.New("got no such role")
	}
	return role()
}

// Command is this program's own binary in a role.
func Command(ctx context.Context, role string, args ...string) (*exec.Cmd, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(os.Environ(), variable+"="+role)
	cmd.Stderr = os.Stderr
	return cmd, nil
}
