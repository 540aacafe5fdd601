package sqs

import (
	"crypto/md5" //nolint:gosec // the API's integrity check, not a protection
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// checkText refuses what XML 1.0 cannot carry, as SQS does in both protocols.
func checkText(s string) error {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return errContents(rune(s[i]))
			}
		}
		switch {
		case r == 0x9, r == 0xA, r == 0xD, r >= 0x20 && r <= 0xD7FF, r >= 0xE000 && r <= 0xFFFD, r >= 0x10000:
		default:
			return errContents(r)
		}
	}
	return nil
}

func errContents(r rune) error {
	return invalidContents(fmt.Sprintf("Invalid binary character '#x%X' was found in the message body, the set of allowed characters is #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF", r))
}

var attributeName = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,256}$`)

// checkMessageAttributes refuses attributes SQS would not take, and gives the
// bytes they count for.
func checkMessageAttributes(attributes map[string]types.MessageAttributeValue) (size int, err error) {
	if len(attributes) > MaxAttributes {
		return 0, errInvalidParameter("Number of message attributes [%d] exceeds the allowed maximum [%d].", len(attributes), MaxAttributes)
	}
	for _, name := range sortedNames(attributes) {
		v := attributes[name]
		if err := checkAttributeName(name); err != nil {
			return 0, err
		}
		if len(v.StringListValues) > 0 || len(v.BinaryListValues) > 0 {
			return 0, errUnsupported("Message attribute list values in SendMessage operation are not supported.")
		}
		if err := checkAttributeValue(name, v.DataType, v.StringValue, v.BinaryValue); err != nil {
			return 0, err
		}
		size += len(name) + len(*v.DataType) + len(v.BinaryValue)
		if v.StringValue != nil {
			size += len(*v.StringValue)
		}
	}
	return size, nil
}

func checkAttributeName(name string) error {
	lower := strings.ToLower(name)
	switch {
	case name == "" || len(name) > 256:
		return errInvalidParameter("Message (user) attribute name must be between 1 and 256 characters long.")
	case !attributeName.MatchString(name):
		return errInvalidParameter("Message (user) attribute name can contain upper and lower score alphabets, digits, periods, hyphens and underscores: '%s'.", name)
	case strings.HasPrefix(lower, "aws.") || strings.HasPrefix(lower, "amazon."):
		return errInvalidParameter("You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are reserved for internal use.")
	case strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".") || strings.Contains(name, ".."):
		return errInvalidParameter("Message (user) attribute name can not start or end with a period, or have successive periods: '%s'.", name)
	}
	return nil
}

// checkAttributeValue checks type and value of one attribute.
func checkAttributeValue(name string, dataType, text *string, blob []byte) error {
	if dataType == nil || *dataType == "" {
		return errInvalidParameter("The message attribute '%s' must contain non-empty message attribute type.", name)
	}
	kind, _, _ := strings.Cut(*dataType, ".")
	if kind != "String" && kind != "Number" && kind != "Binary" {
		return errInvalidParameter("The message attribute '%s' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.", name)
	}
	if len(*dataType) > 256 {
		return errInvalidParameter("The message attribute '%s' has an invalid message attribute type, its length must be at most 256 characters.", name)
	}
	if kind == "Binary" {
		if len(blob) == 0 || text != nil {
			return errInvalidParameter("The message attribute '%s' must contain non-empty message attribute value for message attribute type '%s'.", name, *dataType)
		}
		return nil
	}
	if text == nil || *text == "" || len(blob) > 0 {
		return errInvalidParameter("The message attribute '%s' must contain non-empty message attribute value for message attribute type '%s'.", name, *dataType)
	}
	if kind == "Number" {
		if f, err := strconv.ParseFloat(*text, 64); err != nil && !isRange(err) || math.IsNaN(f) {
			return errInvalidParameter("Can't cast the value of message (user) attribute '%s' to a number.", name)
		}
	}
	return checkText(*text)
}

func isRange(err error) bool { return strings.Contains(err.Error(), strconv.ErrRange.Error()) }

// checkTrace accepts the one system attribute senders may set.
func checkTrace(attributes map[string]types.MessageSystemAttributeValue) (*types.MessageSystemAttributeValue, error) {
	for name := range attributes {
		if name != string(types.MessageSystemAttributeNameForSendsAWSTraceHeader) {
			return nil, errInvalidParameter("Message system attribute name '%s' is invalid.", name)
		}
	}
	v, ok := attributes[string(types.MessageSystemAttributeNameForSendsAWSTraceHeader)]
	if !ok {
		return nil, nil
	}
	if v.DataType == nil || *v.DataType != "String" {
		return nil, errInvalidParameter("The message system attribute 'AWSTraceHeader' must be of type String.")
	}
	return &v, checkAttributeValue("AWSTraceHeader", v.DataType, v.StringValue, v.BinaryValue)
}

func md5Hex(b []byte) string {
	sum := md5.Sum(b) //nolint:gosec // see the import
	return hex.EncodeToString(sum[:])
}

// md5Attributes is the checksum clients verify: over names in order, each with
// its type and its value behind their lengths.
func md5Attributes(attributes map[string]types.MessageAttributeValue) *string {
	if len(attributes) == 0 {
		return nil
	}
	var b []byte
	for _, name := range sortedNames(attributes) {
		v := attributes[name]
		b = appendForMD5(b, name, v.DataType, v.StringValue, v.BinaryValue)
	}
	sum := md5Hex(b)
	return &sum
}

func md5Trace(v *types.MessageSystemAttributeValue) *string {
	if v == nil {
		return nil
	}
	sum := md5Hex(appendForMD5(nil, "AWSTraceHeader", v.DataType, v.StringValue, v.BinaryValue))
	return &sum
}

func appendForMD5(b []byte, name string, dataType, text *string, blob []byte) []byte {
	part := func(s string) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	part(name)
	part(*dataType)
	if text != nil {
		b = append(b, 1)
		part(*text)
		return b
	}
	b = append(b, 2)
	part(string(blob))
	return b
}

var idText = regexp.MustCompile("^[a-zA-Z0-9!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~]{1,128}$")

// checkID checks group, deduplication and attempt ids.
func checkID(parameter, id string) error {
	if !idText.MatchString(id) {
		return errValue(parameter, id, parameter+" can only include alphanumeric and punctuation characters. 1 to 128 in length.")
	}
	return nil
}
