//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"fermata/internal/lab/devnode"
)

// numbered is what the events are called whose deliveries are counted.
const numbered = "ticked"

// stream publishes numbered events through a node to which nothing happens, to
// the channels of one kind after the other.
type stream struct {
	url   string
	kinds [][]string

	stop      context.CancelFunc
	running   sync.WaitGroup
	published []int // to each kind; valid after running
	err       error // and so is this
}

// startStream publishes so many a second until it is ended.
func startStream(ctx context.Context, url string, kinds [][]string, perSecond float64) *stream {
	s := &stream{url: url, kinds: kinds, published: make([]int, len(kinds))}
	ctx, s.stop = context.WithCancel(ctx)
	s.running.Go(func() { s.run(ctx, time.Duration(float64(time.Second)/perSecond)) })
	return s
}

// end returns how many events were published to each kind.
func (s *stream) end() ([]int, error) {
	s.stop()
	s.running.Wait()
	return s.published, s.err
}

func (s *stream) run(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for turn := 0; s.err == nil; turn++ {
		select {
		case <-ticker.C:
			s.err = s.publish(turn % len(s.kinds))
		case <-ctx.Done():
			return
		}
	}
}

// publish is not ended early, as then nobody knew whether the event is on its way.
func (s *stream) publish(kind int) error {
	body, err := json.Marshal(map[string]any{
		"name": numbered, "channels": s.kinds[kind], "data": fmt.Sprintf(`{"n":%d}`, s.published[kind]+1),
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := post(ctx, s.url, "/apps/"+devnode.DefaultAppID+"/events", body); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	s.published[kind]++
	return nil
}

func post(ctx context.Context, url, path string, body []byte) error {
	query := devnode.Sign(http.MethodPost, path, nil, body, devnode.DefaultAppKey, devnode.DefaultAppSecret)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+path+"?"+query.Encode(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if text, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusOK {
		return fmt.Errorf("got %s: %s", response.Status, text)
	}
	return nil
}
