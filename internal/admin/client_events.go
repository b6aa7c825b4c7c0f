package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// Events calls each for the latest events and then for every new one, until
// the stream ends, which is no error, or the context does. Events that are not
// in the API's form are an error.
func (c *Client) Events(ctx context.Context, each func(Event)) error {
	response, err := c.do(ctx, http.MethodGet, "/v1/events", nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var event Event
		if err := json.Unmarshal([]byte(data), &event); err != nil {
			return fmt.Errorf("%s does not answer as Fermata does: %w", c.address, err)
		}
		each(event)
	}
	if err := lines.Err(); err != nil {
		return c.unreachable(ctx, err)
	}
	return ctx.Err()
}
