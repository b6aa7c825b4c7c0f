package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"fermata/internal/nodetls"
)

// httpProbe sends one GET and compares the status. Redirects are not followed.
func httpProbe(at Place, o Options) probe {
	what := "GET " + o.PathPrefix + o.HTTP.Path
	return func(ctx context.Context) (finding, error) {
		status, waited, err := get(ctx, at, o)
		switch {
		case err != nil:
			return finding{}, err
		case status != o.HTTP.Status:
			return finding{}, fmt.Errorf("%s: status %d, want %d%s", what, status, o.HTTP.Status, statusHint(status, at, o))
		}
		return finding{fmt.Sprintf("%s: %d", what, status), waited}, nil
	}
}

// statusHint names what is most likely missing where a node answers with that status.
func statusHint(status int, at Place, o Options) string {
	switch {
	case status == http.StatusNotFound && o.PathPrefix == "":
		return " (is path_prefix missing?)"
	case status == http.StatusBadRequest && at.Secure == nil:
		return " (does it speak TLS, and want https:// in its url?)"
	case status == http.StatusBadRequest:
		return " (does it want a certificate, tls.client_cert, that it trusts?)"
	}
	return ""
}

// signOfLifeProbe sends the same GET, and takes whatever comes back, the end of
// the connection too, as proof that the node does something.
func signOfLifeProbe(at Place, o Options) probe {
	what := "GET " + o.PathPrefix + o.HTTP.Path
	return func(ctx context.Context) (finding, error) {
		status, waited, err := get(ctx, at, o)
		switch {
		case err != nil && faultOf(err) == FaultBadAnswer:
			return finding{err.Error(), waited}, nil
		case err != nil:
			return finding{}, err
		}
		return finding{fmt.Sprintf("%s: %d", what, status), waited}, nil
	}
}

// Answers is whether the node would pass a check of type http, whatever the type
// is. It asks the node, and may be called at any time from any goroutine.
func (c *Checker) Answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	_, err := httpProbe(c.place, c.options)(ctx)
	return err == nil
}

// get returns the status with which the node answers, and how long that took
// once it was asked.
func get(ctx context.Context, at Place, o Options) (status int, waited time.Duration, err error) {
	path := o.PathPrefix + o.HTTP.Path
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at.Address+path, nil)
	if err != nil {
		return 0, 0, err
	}
	request.Close = true
	request.Header.Set("User-Agent", "fermata")

	link, err := dial(ctx, at, o.Timeout)
	if err != nil {
		return 0, 0, err
	}
	defer link.Close()
	answer, err := link.ask(request)
	if err != nil {
		return 0, 0, answerError("GET "+path, err, o.Timeout)
	}
	// Closing before the body is read would reset the connection, which some
	// nodes log. The status has decided already, so the body may fail.
	io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, link.waited, nil
}

// answerError says why there was no usable answer to what was asked.
func answerError(what string, err error, limit time.Duration) error {
	err = nodetls.Refused(err)
	switch {
	case isTLS(err):
		return faulty{fmt.Errorf("%s: %w", what, err), FaultTLS}
	case errors.Is(err, net.ErrClosed):
		return faulty{fmt.Errorf("%s: no answer in %v", what, limit), FaultNoAnswer}
	case hungUp(err):
		return fmt.Errorf("%s: connection closed without an answer", what)
	}
	return fmt.Errorf("%s: %w", what, root(err))
}
