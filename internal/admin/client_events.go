package admin

import (
	"context"
	"net/http"
	"strings"
)

// Events calls each for the latest events and then for every new one, until
// the stream ends, which is no error, or the context does. Events that are not
// in the API's form are an error.
func (c *Client) Events(ctx context.Context, each func(Event)) error {
	request, err := c.request(ctx, http.MethodGet, "/v1/events", nil)
	if err != nil {
		return err
	}
	return c.readLines(request, func(line string) error {
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			return nil
		}
		return decodeTo(each, []byte(data))
	})
}
