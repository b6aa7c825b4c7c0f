package proxy

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestOnlyAnOldClientsAnswerOfUnknownLengthIsMeasured(t *testing.T) {
	f := func(minor int, length int64, size int, want int64, wantField string) {
		t.Helper()
		text := strings.Repeat("x", size)
		r := &http.Response{
			Request: &http.Request{ProtoMajor: 1, ProtoMinor: minor}, Header: make(http.Header),
			ContentLength: length, Body: io.NopCloser(strings.NewReader(text)),
		}
		if err := measure(r); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r.Body)
		if err != nil || string(got) != text || r.ContentLength != want || r.Header.Get("Content-Length") != wantField {
			t.Errorf("HTTP/1.%d, %d bytes: got %d, length %d and %q, %v, want all, %d and %q",
				minor, size, len(got), r.ContentLength, r.Header.Get("Content-Length"), err, want, wantField)
		}
	}
	f(1, -1, 5, -1, "")
	f(0, -1, 5, 5, "5")
	f(0, -1, 0, 0, "0")
	f(0, 0, 0, 0, "") // as after a HEAD
	f(0, 5, 5, 5, "")
	f(0, -1, maxAnswerHead-1, maxAnswerHead-1, "65535")
	f(0, -1, maxAnswerHead, -1, "") // it may be longer
	f(0, -1, maxAnswerHead+1, -1, "")
}

func TestAnAnswerThatBreaksOffIsNotMeasured(t *testing.T) {
	r := &http.Response{
		Request: &http.Request{ProtoMajor: 1}, ContentLength: -1,
		Body: io.NopCloser(io.MultiReader(bytes.NewReader([]byte("half")), ends{})),
	}
	if err := measure(r); err == nil {
		t.Error("got no error, want that of the node")
	}
}
