package codec

import (
	"bytes"
	"encoding/base64"
	"io"
	"math"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/leatdev/leat/internal/wire/model"
)

// Error is a refusal to read a body: what AWS calls a SerializationException.
type Error struct{ Message string }

// Error implements error.
func (e *Error) Error() string {
	if e.Message == "" {
		return "malformed body"
	}
	return e.Message
}

func mismatch(token, target string) error {
	return &Error{Message: token + " cannot be converted to " + target}
}

// typeName names a node's type as AWS's texts do.
func (n *node) typeName() string {
	if n.shape != nil {
		switch n.shape.Kind {
		case model.Long:
			return "Long"
		case model.Float:
			return "Float"
		}
	}
	switch n.kind {
	case kindString:
		return "String"
	case kindBlob, kindReader:
		return "ByteBuffer"
	case kindBool:
		return "Boolean"
	case kindInt:
		return "Integer"
	case kindFloat:
		return "Double"
	case kindTime:
		return "Timestamp"
	case kindList:
		return "List"
	case kindMap:
		return "Map"
	}
	return "Structure"
}

func (n *node) setInt(v reflect.Value, i int64) error {
	if v.OverflowInt(i) {
		return mismatch("NUMBER_VALUE", n.typeName())
	}
	v.SetInt(i)
	return nil
}

// setText reads a value from text: a form field, a URL part, a header.
func (n *node) setText(v reflect.Value, s string) error {
	t := n.target(v)
	switch n.kind {
	case kindString:
		t.SetString(s)
	case kindBlob:
		b, err := decodeBase64(s)
		if err != nil {
			return err
		}
		t.SetBytes(b)
	case kindBool:
		switch {
		case strings.EqualFold(s, "true") || s == "1":
			t.SetBool(true)
		case strings.EqualFold(s, "false") || s == "0":
			t.SetBool(false)
		default:
			return mismatch("STRING_VALUE", n.typeName())
		}
	case kindInt:
		i, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return mismatch("STRING_VALUE", n.typeName())
		}
		return n.setInt(t, i)
	case kindFloat:
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return mismatch("STRING_VALUE", n.typeName())
		}
		t.SetFloat(f)
	case kindTime:
		tm, err := parseTime(s)
		if err != nil {
			return mismatch("STRING_VALUE", n.typeName())
		}
		t.Set(reflect.ValueOf(tm))
	default:
		return mismatch("STRING_VALUE", n.typeName())
	}
	return nil
}

// setReader hands a payload over as a stream; one that need not be closed can
// also be sought.
func (n *node) setReader(v reflect.Value, b []byte) {
	if n.typ == readerType {
		v.Set(reflect.ValueOf(bytes.NewReader(b)))
		return
	}
	v.Set(reflect.ValueOf(io.NopCloser(bytes.NewReader(b))))
}

func decodeBase64(s string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		b, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
	}
	if err != nil {
		return nil, &Error{Message: "Invalid base64 encoding"}
	}
	return b, nil
}

// parseTime reads any of AWS's spellings of a time: ISO 8601, HTTP dates, and
// seconds since the epoch.
func parseTime(s string) (time.Time, error) {
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return epoch(f)
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04Z07:00", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return http.ParseTime(s)
}

// maxEpoch is the last second of the year 9999; beyond it time has no text.
const maxEpoch = 253402300799

func epoch(f float64) (time.Time, error) {
	if math.IsNaN(f) || f > maxEpoch || f < -maxEpoch {
		return time.Time{}, &Error{Message: "Timestamp must be between year 0 and 9999"}
	}
	sec := math.Floor(f)
	// Microseconds are all a float of today's seconds can carry honestly.
	micro := math.Round((f - sec) * 1e6)
	return time.Unix(int64(sec), int64(micro)*1000).UTC(), nil
}

// text renders a scalar for a form, URL part, header or XML element.
func (n *node) text(v reflect.Value, timeFormat string) string {
	switch n.kind {
	case kindString:
		return v.String()
	case kindBlob:
		return base64.StdEncoding.EncodeToString(v.Bytes())
	case kindBool:
		return strconv.FormatBool(v.Bool())
	case kindInt:
		return strconv.FormatInt(v.Int(), 10)
	case kindFloat:
		return formatFloat(v.Float(), v.Type().Bits())
	case kindTime:
		if n.timeFormat != "" {
			timeFormat = n.timeFormat
		}
		return formatTime(timeOf(v), timeFormat)
	}
	return ""
}

// timeOf reads a time, without boxing it where it can be pointed at.
func timeOf(v reflect.Value) time.Time {
	if v.CanAddr() {
		return *v.Addr().Interface().(*time.Time)
	}
	return v.Interface().(time.Time)
}

func formatTime(t time.Time, format string) string {
	switch format {
	case "rfc822":
		return t.UTC().Format(http.TimeFormat)
	case "unixTimestamp":
		return string(appendEpoch(nil, t))
	default:
		return t.UTC().Format("2006-01-02T15:04:05.999Z07:00")
	}
}

func formatFloat(f float64, bits int) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return strconv.FormatFloat(f, 'g', -1, bits)
}

// appendEpoch writes seconds with up to three decimals, as AWS does.
func appendEpoch(dst []byte, t time.Time) []byte {
	ms := t.UnixMilli()
	if ms < 0 {
		return strconv.AppendFloat(dst, float64(ms)/1000, 'f', -1, 64)
	}
	dst = strconv.AppendInt(dst, ms/1000, 10)
	if frac := ms % 1000; frac != 0 {
		dst = append(dst, '.', byte('0'+frac/100), byte('0'+frac/10%10), byte('0'+frac%10))
		for dst[len(dst)-1] == '0' {
			dst = dst[:len(dst)-1]
		}
	}
	return dst
}
