package serde

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/leatdev/leat/registry"
)

const (
	confluentMagic      = 0x00
	confluentHeaderSize = 5
	glueMagic           = 0x03
	glueHeaderSize      = 18
	glueUncompressed    = 0
	glueZlib            = 5
)

// ErrNotFramed: the bytes carry no schema id in any of the formats.
var ErrNotFramed = errors.New("serde: no schema id in the data")

// Frame is a record taken apart, before any schema is looked at.
type Frame struct {
	Format     Format
	ID         registry.ID
	Compressed bool
	// Payload is what stands behind the header, decompressed; for the JSON node
	// the text without the node. Protobuf message indexes still stand in front.
	Payload []byte
}

// ParseFrame tells the formats apart by their first byte and takes the frame
// off. pointer is where a JSON node would lie; "" is DefaultPointer.
func ParseFrame(data []byte, pointer string) (Frame, error) {
	if pointer == "" {
		pointer = DefaultPointer
	}
	path, err := parsePointer(pointer)
	if err != nil {
		return Frame{}, err
	}
	return parseFrame(data, path)
}

func parseFrame(data []byte, path []string) (Frame, error) {
	if len(data) == 0 {
		return Frame{}, ErrNotFramed
	}
	switch {
	case data[0] == confluentMagic:
		return parseConfluent(data)
	case data[0] == glueMagic:
		return parseGlue(data)
	case bytes.IndexByte([]byte("{ \t\r\n"), data[0]) >= 0:
		return parseNode(data, path)
	}
	return Frame{}, fmt.Errorf("%w: the first byte is 0x%02x", ErrNotFramed, data[0])
}

func parseConfluent(data []byte) (Frame, error) {
	if len(data) < confluentHeaderSize {
		return Frame{}, fmt.Errorf("%w: %d bytes are too few for Confluent's header", ErrNotFramed, len(data))
	}
	id := binary.BigEndian.Uint32(data[1:])
	if id == 0 {
		return Frame{}, fmt.Errorf("%w: schema id 0", ErrNotFramed)
	}
	return Frame{Format: Confluent, ID: registry.ID{Number: id}, Payload: data[confluentHeaderSize:]}, nil
}

func parseGlue(data []byte) (Frame, error) {
	if len(data) < glueHeaderSize {
		return Frame{}, fmt.Errorf("%w: %d bytes are too few for Glue's header", ErrNotFramed, len(data))
	}
	f := Frame{Format: Glue, Payload: data[glueHeaderSize:]}
	copy(f.ID.UUID[:], data[2:])
	if !f.ID.IsUUID() {
		return Frame{}, fmt.Errorf("%w: the nil UUID", ErrNotFramed)
	}
	switch data[1] {
	case glueUncompressed:
		return f, nil
	case glueZlib:
		f.Compressed = true
		var err error
		f.Payload, err = inflate(f.Payload)
		return f, err
	default:
		return Frame{}, fmt.Errorf("serde: unknown compression byte 0x%02x", data[1])
	}
}

// inflate decompresses at most MaxPayload bytes: a bomb is refused, not unpacked.
func inflate(data []byte) ([]byte, error) {
	z, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("serde: %w", err)
	}
	defer z.Close()
	out, err := io.ReadAll(io.LimitReader(z, MaxPayload+1))
	if err != nil {
		return nil, fmt.Errorf("serde: %w", err)
	}
	if len(out) > MaxPayload {
		return nil, fmt.Errorf("serde: the payload decompresses to more than %d bytes", MaxPayload)
	}
	return out, nil
}

func confluentHeader(id registry.ID) []byte {
	return binary.BigEndian.AppendUint32([]byte{confluentMagic}, id.Number)
}

func glueHeader(id registry.ID, compress bool) []byte {
	b := []byte{glueMagic, glueUncompressed}
	if compress {
		b[1] = glueZlib
	}
	return append(b, id.UUID[:]...)
}
