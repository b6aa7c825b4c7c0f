package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"fermata/internal/lab/devnode"
)

// tickEvery is how often Tick publishes.
const tickEvery = time.Second

// Tick publishes a numbered event to all pages each second, until ctx ends: so they
// see whether they have missed one. A number that could not be published is tried
// again.
func Tick(ctx context.Context, o PageOptions) {
	clock := time.NewTicker(tickEvery)
	defer clock.Stop()
	for n := 1; ; {
		select {
		case <-ctx.Done():
			return
		case <-clock.C:
		}
		if (page{o}).publish(ctx, "tick", fmt.Sprintf(`{"n":%d}`, n)) == nil {
			n++
		}
	}
}

// publish sends the pages an event, signed as an app's own server does it.
func (p page) publish(ctx context.Context, event, data string) error {
	body, _ := json.Marshal(map[string]any{"name": event, "channels": []string{Channel}, "data": data})
	path := "/apps/" + url.PathEscape(p.AppID) + "/events"
	query := devnode.Sign(http.MethodPost, path, nil, body, p.AppKey, p.AppSecret)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.API+path+"?"+query.Encode(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := p.client().Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return check(response)
}

func (p page) client() *http.Client {
	if p.Client == nil {
		return http.DefaultClient
	}
	return p.Client
}

func check(response *http.Response) error {
	if response.StatusCode == http.StatusOK {
		return nil
	}
	why, _ := io.ReadAll(io.LimitReader(response.Body, 200))
	return fmt.Errorf("publishing: got %s: %s", response.Status, why)
}
