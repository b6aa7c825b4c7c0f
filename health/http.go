package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// httpProbe sends one GET and compares the status. Redirects are not followed.
func httpProbe(address string, o Options) probe {
	what := "GET " + o.HTTP.Path
	return func(ctx context.Context) (string, error) {
		status, err := get(ctx, address, o)
		switch {
		case err != nil:
			return "", err
		case status != o.HTTP.Status:
			return "", fmt.Errorf("%s: status %d, want %d", what, status, o.HTTP.Status)
		}
		return fmt.Sprintf("%s: %d", what, status), nil
	}
}

// get returns the status with which the node answers.
func get(ctx context.Context, address string, o Options) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+o.HTTP.Path, nil)
	if err != nil {
		return 0, err
	}
	request.Close = true
	request.Header.Set("User-Agent", "fermata")

	link, err := dial(ctx, address, o.Timeout)
	if err != nil {
		return 0, err
	}
	defer link.Close()
	answer, err := link.ask(request)
	if err != nil {
		return 0, answerError("GET "+o.HTTP.Path, err, o.Timeout)
	}
	// Closing before the body is read would reset the connection, which some
	// nodes log. The status has decided already, so the body may fail.
	io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, nil
}

// answerError says why there was no usable answer to what was asked.
func answerError(what string, err error, limit time.Duration) error {
	switch {
	case errors.Is(err, net.ErrClosed):
		return faulty{fmt.Errorf("%s: no answer in %v", what, limit), FaultNoAnswer}
	case hungUp(err):
		return fmt.Errorf("%s: connection closed without an answer", what)
	}
	return fmt.Errorf("%s: %w", what, root(err))
}
