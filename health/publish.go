package health

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"fermata/internal/pusher"
)

// publish posts an event through the node. The error says why the node has not
// taken it, as far as that is known.
func publish(ctx context.Context, s Site, p Plan, channel, event string) error {
	link, err := dial(ctx, s.Place, p.Timeout)
	if err != nil {
		return err
	}
	defer link.Close()
	request, err := signedPost(ctx, s, p, channel, event)
	if err != nil {
		return err
	}
	answer, err := link.ask(request)
	what := "POST " + request.URL.EscapedPath()
	switch {
	case err != nil:
		return answerError(what, err, p.Timeout)
	case answer.StatusCode != http.StatusOK:
		return fmt.Errorf("%s: status %d, want 200%s", what, answer.StatusCode, appHint(answer.StatusCode, p))
	}
	io.Copy(io.Discard, answer.Body)
	return nil
}

// signedPost has a length, and its own connection, as Reverb wants it. Its
// signature does not cover the path prefix, which Reverb takes off first.
func signedPost(ctx context.Context, s Site, p Plan, channel, event string) (*http.Request, error) {
	body, err := json.Marshal(map[string]any{"name": event, "channels": []string{channel}, "data": "{}"})
	if err != nil {
		return nil, err
	}
	path := "/apps/" + url.PathEscape(p.App.ID) + "/events"
	query := pusher.SignedQuery(p.App.Key, p.App.Secret, http.MethodPost, path, body, time.Now())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.Address+p.PathPrefix+path+"?"+query, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Close = true
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "fermata")
	return request, nil
}

// appHint names what is most likely wrong.
func appHint(status int, p Plan) string {
	switch status {
	case http.StatusUnauthorized:
		return " (are the app's key and secret those of the node?)"
	case http.StatusNotFound:
		return fmt.Sprintf(" (does the node know the app %s?)", p.App.ID)
	}
	return ""
}
