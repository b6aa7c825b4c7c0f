package session

import (
	"fmt"
	"testing"
)

// listOf is the list in an answer of a node.
func listOf(t *testing.T, presence string) members {
	t.Helper()
	list, err := readMembers(field{raw: []byte(`{"presence":` + presence + `}`)})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestMembersAreReadAsPHPWritesThem(t *testing.T) {
	f := func(presence, want string) {
		t.Helper()
		got := ""
		for _, m := range (members{}).differ(listOf(t, presence), "presence-c", "me") {
			s := heard(string(m))
			got += s.Event[len("pusher_internal:"):] + " " + s.data() + ";"
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", presence, got, want)
		}
	}
	f(`{"count":0,"ids":[],"hash":[]}`, "")
	f(`{"count":1,"ids":[7],"hash":{"7":{"n":1}}}`, `member_added {"user_id":7,"user_info":{"n":1}};`)
	f(`{"count":1,"ids":["7"],"hash":{"7":null}}`, `member_added {"user_id":"7","user_info":null};`)
	f(`{"count":2,"ids":["0","1"],"hash":["x",{"n":1}]}`, `member_added {"user_id":"0","user_info":"x"};member_added {"user_id":"1","user_info":{"n":1}};`)
	f(`{"count":2,"ids":["\u00e4<","b\""],"hash":{"ä<":"\u2028","b\"":[]}}`, `member_added {"user_id":"b\"","user_info":[]};member_added {"user_id":"\u00e4<","user_info":"\u2028"};`)
	f(`{"count":1,"ids":["me"],"hash":{"me":1}}`, "")
	f(`{"count":1,"ids":["7"],"hash":{}}`, `member_added {"user_id":"7"};`)
}

// A node whose list a member without a user_id has spoilt tells that nobody is
// there.
func TestAClientIsNeverToldThatItHasLeft(t *testing.T) {
	all := listOf(t, `{"count":2,"ids":[7,8],"hash":{"7":1,"8":2}}`)
	got := all.differ(listOf(t, `{"count":0,"ids":[],"hash":[]}`), "presence-c", "7")
	wantMessages(t, got, `{"event":"pusher_internal:member_removed","data":"{\"user_id\":8}","channel":"presence-c"}`)
}

// One user with two connections may have a user_info on each; nodes tell of the
// first. To tell of another would look as if somebody had left and come.
func TestAMemberWithOtherInfoStays(t *testing.T) {
	was, is := listOf(t, `{"count":1,"ids":[8],"hash":{"8":"old"}}`), listOf(t, `{"count":1,"ids":["8"],"hash":{"8":"new"}}`)
	wantMessages(t, was.differ(is, "presence-c", "7"))
}

func TestWhomPHPTakesForSomebody(t *testing.T) {
	f := func(id, want string) {
		t.Helper()
		if got := userID(fmt.Sprintf(`{"user_id":%s}`, id)); got != want {
			t.Errorf("%s: got %q, want %q", id, got, want)
		}
	}
	f(`7`, "7")
	f(`"7"`, "7")
	f(`-7`, "-7")
	f(`"00"`, "00")
	f(`"ann"`, "ann")
	f(`"null"`, "null")
	f(`"\u00e4"`, "ä")
	for _, nobody := range []string{`0`, `-0`, `0.0`, `1.5`, `1e3`, `"0"`, `""`, `null`, `false`, `true`, `[]`, `{}`, `7,"user_id":0`} {
		f(nobody, "")
	}
}
