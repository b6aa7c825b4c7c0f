package proxy

import (
	"bytes"
	"encoding/json"
	"net"
	"slices"
	"strings"
	"testing"
)

// presentIn is what two clients of the tests are known by.
func presentIn(told string) (string, bool) {
	id, moved := map[string]string{"1.2": "333333.4444", "5555.6666": "7.8"}[told]
	return id, moved
}

// replace is what a node gets of a body that came in pieces of that size.
func replace(text string, batch bool, size int) string {
	b := &body{size: int64(len(text)), pieces: slices.Collect(slices.Chunk([]byte(text), size))}
	before := bytes.Join(b.pieces, nil)
	old := slices.Clone(b.pieces)
	b.splice(findSocketIDs(b.pieces, batch, presentIn))
	got := string(bytes.Join(b.pieces, nil))
	if int64(len(got)) != b.size || !bytes.Equal(bytes.Join(old, nil), before) {
		panic("the body's size is wrong, or its memory was written to")
	}
	return got
}

func TestOnlyTheSocketIDsOfMovedClientsAreReplaced(t *testing.T) {
	f := func(batch bool, text, want string) {
		t.Helper()
		for _, size := range []int{1, 7, len(text)} {
			if got := replace(text, batch, size); got != want {
				t.Errorf("in pieces of %d: got %s, want %s", size, got, want)
			}
		}
	}
	event := func(text, want string) { t.Helper(); f(false, text, want) }
	batch := func(text, want string) { t.Helper(); f(true, text, want) }
	same := func(text string) { t.Helper(); f(false, text, text); f(true, text, text) }

	event(`{"name":"a","socket_id":"1.2","data":"{}"}`, `{"name":"a","socket_id":"333333.4444","data":"{}"}`)
	event(`{"socket_id":"5555.6666","name":"a"}`, `{"socket_id":"7.8","name":"a"}`)
	event(" {\t\"socket_id\" \r\n: \"1.2\" } \n", " {\t\"socket_id\" \r\n: \"333333.4444\" } \n")
	event(`{"socket\u005fid":"1\u002e2"}`, `{"socket\u005fid":"333333.4444"}`)
	event(`{"socket_id":"1.2","socket_id":"9.9","socket_id":"5555.6666"}`, `{"socket_id":"333333.4444","socket_id":"9.9","socket_id":"7.8"}`)
	event(`{"a":[{"socket_id":"1.2"},[],{}],"data":{"socket_id":"1.2"},"socket_id":"1.2"}`, `{"a":[{"socket_id":"1.2"},[],{}],"data":{"socket_id":"1.2"},"socket_id":"333333.4444"}`)
	event(`{"data":"{\"socket_id\":\"1.2\"}","x":-1.5e3,"y":null,"z":true,"socket_id":"1.2"}`, `{"data":"{\"socket_id\":\"1.2\"}","x":-1.5e3,"y":null,"z":true,"socket_id":"333333.4444"}`)
	event(`{"socket_id":"`+strings.Repeat("x", longestText+9)+`","socket_id":"1.2"}`, `{"socket_id":"`+strings.Repeat("x", longestText+9)+`","socket_id":"333333.4444"}`)
	event(`{"a":"\\","socket_id":"1.2"}`, `{"a":"\\","socket_id":"333333.4444"}`)
	batch(`{"batch":[{"socket_id":"1.2"},{"name":"b"},{"socket_id":"9.9"},{"a":1,"socket_id":"5555.6666"}]}`, `{"batch":[{"socket_id":"333333.4444"},{"name":"b"},{"socket_id":"9.9"},{"a":1,"socket_id":"7.8"}]}`)
	batch(`{"batch":{"x":{"socket_id":"1.2"}}}`, `{"batch":{"x":{"socket_id":"333333.4444"}}}`)
	batch(`{"socket_id":"1.2","batch":[[{"socket_id":"1.2"}],{"data":{"socket_id":"1.2"}},"socket_id",1],"x":[{"socket_id":"1.2"}]}`,
		`{"socket_id":"1.2","batch":[[{"socket_id":"1.2"}],{"data":{"socket_id":"1.2"}},"socket_id",1],"x":[{"socket_id":"1.2"}]}`)

	same(`{"socket_id":"1.20"}`)
	same(`{"Socket_Id":"1.2"}`)
	same(`{"socket_id":1.2}`)
	same(`{"socket_id":null}`)
	same(`{"socket_id":["1.2"]}`)
	same(`["socket_id","1.2"]`)
	same(`"1.2"`)
	same(`{"socket_id":"` + strings.Repeat(" ", longestText) + `1.2"}`)
}

func TestABodyThatIsNoJSONStaysAsItIs(t *testing.T) {
	const whole = `{"batch":[{"socket_id":"1.2"}],"socket_id":"1.2","a":{"b":["c"]}}`
	texts := []string{
		"", " ", "socket_id=1.2", whole + "}", whole + "x", whole + whole, "\uFEFF" + whole, `{"socket_id":"1.2",}`, `{"socket_id":"1.2" "a":1}`, `{"socket_id" "1.2"}`,
		`{"socket_id":"1.2","a":}`, `{"socket_id":"1.2","a"}`, `{"socket_id":"1.2",1:2}`, "{\"socket_id\":\"1.2\",\"a\":\x00}", `{"socket_id":"1.2",{}}`, `{"a":1 2,"socket_id":"1.2"}`,
		strings.Repeat("[", 1<<17), strings.Repeat(`{"batch":`, 1<<14), `{"socket_id":"1.2","a":` + strings.Repeat("[", 1<<17),
	}
	for i := range whole {
		texts = append(texts, whole[:i])
	}
	for _, text := range texts {
		for _, batch := range []bool{false, true} {
			if got := replace(text, batch, 4096); got != text {
				t.Errorf("got %.200s, want %.200s", got, text)
			}
		}
	}
}

// token is where a value of a document stands, which is read by encoding/json.
type token struct {
	path       []string // keys and, for items of lists, ""
	objects    []bool   // what each of them stands in
	start, end int
	text       string
}

// valuesOf are the strings of a document that are values.
func valuesOf(text []byte) (all []token) {
	d := json.NewDecoder(bytes.NewReader(text))
	var path []string
	var objects, isKey []bool
	for {
		start := int(d.InputOffset())
		read, err := d.Token()
		if err != nil {
			return all
		}
		depth := len(path) - 1
		switch v := read.(type) {
		case json.Delim:
			if v == '{' || v == '[' {
				path, objects, isKey = append(path, ""), append(objects, v == '{'), append(isKey, v == '{')
				continue
			}
			path, objects, isKey = path[:depth], objects[:depth], isKey[:depth]
			depth--
		case string:
			if depth >= 0 && isKey[depth] {
				path[depth], isKey[depth] = v, false
				continue
			}
			start += bytes.IndexByte(text[start:], '"')
			all = append(all, token{slices.Clone(path), slices.Clone(objects), start, int(d.InputOffset()), v})
		}
		if depth >= 0 {
			isKey[depth] = objects[depth]
		}
	}
}

// wanted is what a node should get.
func wanted(text []byte, batch bool) string {
	var want []byte
	at := 0
	for _, t := range valuesOf(text) {
		inEvent := slices.Equal(t.path, []string{"socket_id"}) && t.objects[0]
		inBatch := len(t.path) == 3 && t.path[0] == "batch" && t.path[2] == "socket_id" && t.objects[0] && t.objects[2]
		if id, moved := presentIn(t.text); moved && (batch && inBatch || !batch && inEvent) {
			want = append(append(want, text[at:t.start]...), `"`+id+`"`...)
			at = t.end
		}
	}
	return string(append(want, text[at:]...))
}

func FuzzSocketIDsInBodies(f *testing.F) {
	for _, text := range []string{
		`{"name":"a","socket_id":"1.2","data":"{\"socket_id\":\"1.2\"}"}`, `{"batch":[{"socket_id":"1.2"},{"socket_id":"5555.6666"}]}`, `{"batch":{"a":{"socket_id":"1.2"}},"socket_id":"1.2"}`,
		`{"socket\u005fid" : "1\u002e2", "a":[1,-2.5e3,null,true,{"b":{}}],"socket_id":"5555.6666"}`, `[{"socket_id":"1.2"}]`, `{"socket_id":"1.2"`, `"\"`,
	} {
		f.Add([]byte(text), uint8(1))
		f.Add([]byte(text), uint8(9))
	}
	f.Fuzz(func(t *testing.T, text []byte, size uint8) {
		for _, batch := range []bool{false, true} {
			got := replace(string(text), batch, 1+int(size))
			if json.Valid(text) && got != wanted(text, batch) {
				t.Errorf("batch %v, %q: got %q, want %q", batch, text, got, wanted(text, batch))
			}
		}
	})
}

func BenchmarkSocketIDs(b *testing.B) {
	text := []byte(`{"name":"App\\Events\\Shipped","channels":["private-orders"],"data":"` + strings.Repeat(`{\"id\":1,\"name\":\"a name\"},`, 300) + `","socket_id":"1.2"}`)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if found := findSocketIDs(net.Buffers{text}, false, presentIn); len(found) != 1 {
			b.Fatal(found)
		}
	}
}
