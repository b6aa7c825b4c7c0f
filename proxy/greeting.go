package proxy

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// errOverQuota is a node that has accepted a client and then says that it has
// no place for it. pusher-js would take that for good; another node may have
// a place.
var errOverQuota = errors.New("over quota (pusher:error 4004)")

// speaksFirst is whether a node says something before the client does, as
// Reverb does on the paths of its apps.
func speaksFirst(path string) bool { return strings.Contains(path, appPath) }

// appPath stands before the key of an app.
const appPath = "/app/"

// checkGreeting reads the first frame behind a 101, without taking it: with
// Reverb the 101 alone does not mean accepted. It errors on a node that ends
// there, and on one that is over quota; what else it says is for the client.
func (a *answer) checkGreeting() error {
	payload, err := a.peekFrame()
	if err != nil {
		return fmt.Errorf("no greeting behind the 101: %w", err)
	}
	if errorCode(payload) == 4004 {
		return errOverQuota
	}
	a.greeted = bytes.Contains(payload, []byte("pusher:connection_established"))
	return nil
}

// peekFrame is the payload of the first frame, as far as it fits the buffer:
// a greeting does.
func (a *answer) peekFrame() ([]byte, error) {
	head, err := a.rest.Peek(2)
	if err != nil {
		return nil, err
	}
	length, start := int(head[1]&0x7f), 2
	if length > 125 {
		if head, err = a.rest.Peek(4); err != nil {
			return nil, err
		}
		length, start = int(binary.BigEndian.Uint16(head[2:])), 4
	}
	frame, err := a.rest.Peek(min(start+length, a.rest.Size()))
	if err != nil {
		return nil, err
	}
	return frame[start:], nil
}

// errorCode is the code of a pusher:error, or 0 for anything else.
func errorCode(message []byte) int {
	if !bytes.Contains(message, []byte("pusher:error")) {
		return 0 // nearly always
	}
	var m struct {
		Event string
		Data  json.RawMessage
	}
	if json.Unmarshal(message, &m) != nil || m.Event != "pusher:error" {
		return 0
	}
	data := []byte(m.Data)
	var text string
	if json.Unmarshal(data, &text) == nil { // JSON within JSON, as Pusher has it
		data = []byte(text)
	}
	var complaint struct{ Code int }
	json.Unmarshal(data, &complaint)
	return complaint.Code
}
