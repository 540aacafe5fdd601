package sqs

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
)

// A receipt handle names one receipt of one message:
//
//	version (1) | queue number (8) | sequence number (8) | receive count (4) | MAC (16)
//
// The MAC, under the queue's secret, keeps a handle from being made up. The
// receive count makes the handles of earlier receipts stale.
const (
	handleVersion = 1
	handleBody    = 1 + 8 + 8 + 4
	handleBytes   = handleBody + 16
)

type receipt struct {
	seq   uint64
	count uint32
}

func (q *queue) handle(r receipt) string {
	b := make([]byte, 0, handleBytes)
	b = append(b, handleVersion)
	b = binary.BigEndian.AppendUint64(b, q.id)
	b = binary.BigEndian.AppendUint64(b, r.seq)
	b = binary.BigEndian.AppendUint32(b, r.count)
	return base64.StdEncoding.EncodeToString(append(b, q.mac(b)...))
}

func (q *queue) mac(b []byte) []byte {
	h, ok := q.macs.Get().(hash.Hash)
	if !ok {
		h = hmac.New(sha256.New, q.secret)
	}
	defer q.macs.Put(h)
	h.Reset()
	h.Write(b)
	return h.Sum(nil)[:16]
}

// receipt reads a handle that this queue has given out.
func (q *queue) receipt(handle string) (receipt, error) {
	if len(handle) > base64.StdEncoding.EncodedLen(handleBytes) {
		return receipt{}, errReceiptHandle()
	}
	b, err := base64.StdEncoding.DecodeString(handle)
	if err != nil || len(b) != handleBytes || b[0] != handleVersion || base64.StdEncoding.EncodeToString(b) != handle { // one spelling only: base64 overlooks line breaks
		return receipt{}, errReceiptHandle()
	}
	if binary.BigEndian.Uint64(b[1:]) != q.id || !hmac.Equal(b[handleBody:], q.mac(b[:handleBody])) {
		return receipt{}, errReceiptHandle()
	}
	return receipt{seq: binary.BigEndian.Uint64(b[9:]), count: binary.BigEndian.Uint32(b[17:])}, nil
}
