package session

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
)

// field is the value of one key of an object. The zero value is one that is not
// there.
type field struct {
	raw []byte // its JSON
	at  int    // where that begins in the object's text
}

// object is the fields of one, in their order.
type object []pair

// pair is a field with its key, which is a value of its own.
type pair struct{ key, value field }

// get is the last of those with a key, as it is written, unlike encoding/json.
func (o object) get(key string) field {
	for _, f := range slices.Backward(o) {
		if f.key.says(key) {
			return f.value
		}
	}
	return field{}
}

// fields reads an object. Other JSON has no fields. Their JSON is the text's.
func fields(text []byte) (object, error) {
	if !readable(text) {
		return nil, errUnlike
	}
	i := space(text, 0)
	if text[i] != '{' {
		return nil, nil
	}
	all := make(object, 0, 4) // of all that a client sends, few have more
	for i = space(text, i+1); text[i] != '}'; {
		end := stringEnd(text, i)
		key := field{text[i:end], i}
		i = space(text, space(text, end)+1) // behind the colon
		end = valueEnd(text, i)
		all = append(all, pair{key, field{text[i:end], i}})
		if i = space(text, end); text[i] == ',' {
			i = space(text, i+1)
		}
	}
	return all, nil
}

// elements are the fields of an object, or those of a list by their number: PHP
// writes an object whose keys are 0, 1, 2 as a list.
func (f field) elements() map[string]field {
	var list []json.RawMessage
	if json.Unmarshal(f.raw, &list) != nil {
		all := make(map[string]field)
		members, _ := fields(f.raw)
		for _, m := range members {
			all[m.key.text()] = m.value
		}
		return all
	}
	all := make(map[string]field, len(list))
	for i, raw := range list {
		all[strconv.Itoa(i)] = field{raw: raw}
	}
	return all
}

func (f field) isNone() bool { return len(f.raw) == 0 || f.raw[0] == 'n' }
func (f field) isText() bool { return len(f.raw) > 0 && f.raw[0] == '"' }

// says is whether the value is this text.
func (f field) says(text string) bool {
	if f.isText() && bytes.IndexByte(f.raw, '\\') < 0 {
		return string(f.raw[1:len(f.raw)-1]) == text
	}
	return f.isText() && f.text() == text
}

// text is what the value says if it is text.
func (f field) text() (text string) {
	switch {
	case !f.isText():
	case bytes.IndexByte(f.raw, '\\') < 0:
		return string(f.raw[1 : len(f.raw)-1])
	default:
		_ = json.Unmarshal(f.raw, &text)
	}
	return text
}

// inside is the value's JSON, or that which it has in a string.
func (f field) inside() []byte {
	if f.isText() {
		return []byte(f.text())
	}
	return f.raw
}

// place is where a value is in a message.
type place struct {
	start, end int
	quoted     bool // within a string
}

// within is where the value is in the message if its object is what is inside of
// the other value there.
func (f field) within(outer field) place {
	start, end := f.at, f.at+len(f.raw)
	if outer.isText() {
		return place{outer.at + rawOffset(outer.raw, start), outer.at + rawOffset(outer.raw, end), true}
	}
	return place{outer.at + start, outer.at + end, false}
}

// replace returns the message with other text as the value.
func (p place) replace(message []byte, text string) []byte {
	value, _ := json.Marshal(text)
	if p.quoted {
		value, _ = json.Marshal(string(value))
		value = value[1 : len(value)-1]
	}
	return slices.Concat(message[:p.start], value, message[p.end:])
}
