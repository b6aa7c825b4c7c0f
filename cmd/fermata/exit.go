package main

import (
	"context"
	"errors"
	"net/http"

	"fermata/internal/admin"
	"fermata/internal/config"
)

// The exit codes that scripts rely on.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2 // or a mistake in the configuration
	exitNotInTime   = 3
	exitRefused     = 4
	exitUnreachable = 5
)

// exitError is an error with an exit code of its own.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// exitCode is what the process ends with after err.
func exitCode(err error) int {
	var own *exitError
	var api *admin.APIError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &own):
		return own.code
	case errors.As(err, new(config.Mistakes)):
		return exitUsage
	case errors.Is(err, admin.ErrUnreachable):
		return exitUnreachable
	case errors.As(err, &api):
		return exitCodeOf(api.Status)
	case errors.Is(err, context.DeadlineExceeded):
		return exitNotInTime
	}
	return exitFailed
}

// exitCodeOf maps what the API answers: all that is 4xx is something that the
// caller got wrong, a name, a value or the token.
func exitCodeOf(status int) int {
	switch {
	case status == http.StatusConflict:
		return exitRefused
	case status >= 400 && status < 500:
		return exitUsage
	}
	return exitFailed
}
