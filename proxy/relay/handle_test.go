package relay

import "testing"

func TestAHandleIsOldOnceItsRelayHasGone(t *testing.T) {
	var all table[int]
	a, b := new(int), new(int)
	old := all.add(a)
	if all.get(old) != a || all.len() != 1 {
		t.Fatal("it is not there")
	}
	all.remove(old)
	if all.get(old) != nil || all.len() != 0 {
		t.Error("it is still there")
	}
	fresh := all.add(b)
	if fresh.index != old.index {
		t.Errorf("got index %d, want %d again", fresh.index, old.index)
	}
	if all.get(old) != nil || all.get(fresh) != b {
		t.Error("the old handle finds the new one's relay")
	}
	if all.get(handle{index: 7}) != nil {
		t.Error("something is where nothing ever was")
	}
}
