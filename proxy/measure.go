package proxy

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
)

// measure reads an answer whose length its node has not said, as Reverb's errors
// are, for a client of HTTP/1.0, which has no chunks: it could not tell half of
// the answer from all of it. The error is that of the node. What is longer than
// a node's errors are is passed on as it comes.
func measure(response *http.Response) error {
	if response.ContentLength >= 0 || response.Request.ProtoAtLeast(1, 1) {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerHead))
	if err != nil {
		return err
	}
	if len(body) < maxAnswerHead {
		response.ContentLength = int64(len(body))
		response.Header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	response.Body = readCloser{io.MultiReader(bytes.NewReader(body), response.Body), response.Body}
	return nil
}

type readCloser struct {
	io.Reader
	io.Closer
}
