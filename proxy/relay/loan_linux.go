package relay

import (
	"bytes"
	"crypto/tls"
	"reflect"
	"unsafe"
)

// loan is memory that a shard lends the tls.Conns that it reads from, one after the
// other. By itself each keeps buffers as large as the largest that it has read: 4 KiB
// after a browser's ClientHello (golang/go#43563). When all is read that has come,
// they are empty, and need not be there.
//
// crypto/tls has no function for that, so it is done to its fields: to those of the
// shard's own tls.Conns, between two reads, and only to buffers that are empty. If
// the fields of another Go are others, nothing is lent, and a test fails.
type loan struct {
	fields connFields
	memory []byte // nil: it is lent, or was kept
}

// leastLoan is enough for some messages. With larger ones the loan grows, and stays so.
const leastLoan = 4 << 10

func newLoan() loan { return loan{fields: fieldsOf(reflect.TypeFor[tls.Conn]())} }

// give lends c memory, if it has nothing unread.
func (l *loan) give(c *tls.Conn) {
	if !l.fields.known || !l.fields.empty(c) {
		return
	}
	if l.memory == nil {
		l.memory = make([]byte, 0, leastLoan)
	}
	*l.fields.records(c) = *bytes.NewBuffer(l.memory)
	l.memory = nil
}

// takeBack leaves c without memory, unless it has something unread in it: a part of a
// record, mostly. Then that is taken once it has been read.
func (l *loan) takeBack(c *tls.Conn) {
	if !l.fields.known {
		return
	}
	if hand := l.fields.messages(c); hand.Len() == 0 {
		*hand = bytes.Buffer{}
	}
	if !l.fields.empty(c) {
		return
	}
	l.fields.data(c).Reset(nil)
	records := l.fields.records(c)
	records.Reset()
	if memory := records.AvailableBuffer(); cap(memory) > cap(l.memory) {
		l.memory = memory
	}
	*records = bytes.Buffer{}
}

// connFields are where a tls.Conn keeps what it has read.
type connFields struct {
	known                 bool
	rawInput, input, hand uintptr // their offsets
}

// fieldsOf finds them in tls.Conn, and knows none unless all are there.
func fieldsOf(conn reflect.Type) (f connFields) {
	f.known = true
	offset := func(name string, of reflect.Type) uintptr {
		field, ok := conn.FieldByName(name)
		f.known = f.known && ok && field.Type == of && len(field.Index) == 1
		return field.Offset
	}
	f.rawInput = offset("rawInput", reflect.TypeFor[bytes.Buffer]())
	f.input = offset("input", reflect.TypeFor[bytes.Reader]())
	f.hand = offset("hand", reflect.TypeFor[bytes.Buffer]())
	return f
}

// empty is whether c has neither records nor data of one that are unread.
func (f *connFields) empty(c *tls.Conn) bool { return f.records(c).Len() == 0 && f.data(c).Len() == 0 }

// records are those that it has not decrypted.
func (f *connFields) records(c *tls.Conn) *bytes.Buffer {
	return (*bytes.Buffer)(unsafe.Add(unsafe.Pointer(c), f.rawInput))
}

// data is the rest of the record that it has decrypted, in the memory of records.
func (f *connFields) data(c *tls.Conn) *bytes.Reader {
	return (*bytes.Reader)(unsafe.Add(unsafe.Pointer(c), f.input))
}

// messages are those of a handshake that are not whole.
func (f *connFields) messages(c *tls.Conn) *bytes.Buffer {
	return (*bytes.Buffer)(unsafe.Add(unsafe.Pointer(c), f.hand))
}
