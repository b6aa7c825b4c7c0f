//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"fermata/internal/lab/command"
)

// What the operator of each balancer does around the restart of a node.

func drainFermata(ctx context.Context, r *running, node int) error {
	return r.fermata(ctx, "drain", nodeName(node), "--wait")
}

func undrainFermata(ctx context.Context, r *running, node int) error {
	return r.fermata(ctx, "undrain", nodeName(node))
}

// fermata runs a command, which asks the first member where there are several.
func (r *running) fermata(ctx context.Context, args ...string) error {
	at := r.at
	if len(r.members) > 0 {
		at = r.members[0].at
	}
	args = append(args, "--admin", at.admin())
	if out, err := exec.CommandContext(ctx, r.program.Path(), args...).CombinedOutput(); err != nil {
		return fmt.Errorf("fermata %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

func drainNginx(ctx context.Context, r *running, node int) error {
	if err := r.reloadNginx(node, true); err != nil {
		return err
	}
	return command.Pause(ctx, operatorWaits)
}

func undrainNginx(_ context.Context, r *running, node int) error { return r.reloadNginx(node, false) }

func (r *running) reloadNginx(node int, out bool) error {
	r.at.Nodes[node].Out = out
	if _, err := r.program.Configure(configs, r.at.Dir, r.at); err != nil {
		return err
	}
	return r.Signal(syscall.SIGHUP)
}

func drainHAProxy(ctx context.Context, r *running, node int) error {
	if err := r.setHAProxy(ctx, node, "drain"); err != nil {
		return err
	}
	return command.Pause(ctx, operatorWaits)
}

func undrainHAProxy(ctx context.Context, r *running, node int) error {
	return r.setHAProxy(ctx, node, "ready")
}

// setHAProxy sets a node's state, which is answered with nothing when all is well.
func (r *running) setHAProxy(ctx context.Context, node int, state string) error {
	answer, err := r.askHAProxy(ctx, fmt.Sprintf("set server reverb/%s state %s", nodeName(node), state))
	if text := strings.TrimSpace(answer); err == nil && text != "" {
		err = fmt.Errorf("haproxy answered %q", text)
	}
	return err
}

// askHAProxy gives HAProxy a command by its socket.
func (r *running) askHAProxy(ctx context.Context, line string) (answer string, err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", filepath.Join(r.at.Dir, "haproxy.sock"))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	fmt.Fprintln(conn, line)
	text, err := io.ReadAll(conn)
	return string(text), err
}
