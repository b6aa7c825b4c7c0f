package pusher

import (
	"testing"
	"time"
)

// The example of Pusher's documentation, "Worked authentication example".
func TestARequestIsSignedAsInPushersDocumentation(t *testing.T) {
	body := []byte(`{"name":"foo","channels":["project-3"],"data":"{\"some\":\"data\"}"}`)
	got := SignedQuery("278d425bdf160c739803", "7ad3773142a6692b25b8", "POST", "/apps/3/events", body, time.Unix(1353088179, 0))
	const want = "auth_key=278d425bdf160c739803&auth_timestamp=1353088179&auth_version=1.0&body_md5=ec365a775a4cd0599faeb73354201b6f" +
		"&auth_signature=da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
