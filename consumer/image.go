package consumer

import (
	"encoding/json"
	"fmt"

	"github.com/aws/aws-lambda-go/events"
)

// image decodes an item's image into a T by way of plain JSON, so that json tags
// name the attributes; nil when there is none.
func image[T any](attributes map[string]events.DynamoDBAttributeValue) (*T, error) {
	if attributes == nil {
		return nil, nil
	}
	plain, err := plainMap(attributes)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(plain)
	if err != nil {
		return nil, err
	}
	v := new(T)
	if err := json.Unmarshal(text, v); err != nil {
		return nil, fmt.Errorf("consumer: item image: %w", err)
	}
	return v, nil
}

func plainMap(attributes map[string]events.DynamoDBAttributeValue) (map[string]any, error) {
	out := make(map[string]any, len(attributes))
	for name, a := range attributes {
		v, err := plain(a)
		if err != nil {
			return nil, fmt.Errorf("consumer: attribute %s: %w", name, err)
		}
		out[name] = v
	}
	return out, nil
}

// plain is an attribute value as JSON knows it: numbers keep their digits, binary becomes base64.
func plain(a events.DynamoDBAttributeValue) (any, error) {
	switch a.DataType() {
	case events.DataTypeString:
		return a.String(), nil
	case events.DataTypeNumber:
		return json.Number(a.Number()), nil
	case events.DataTypeBoolean:
		return a.Boolean(), nil
	case events.DataTypeNull:
		return nil, nil
	case events.DataTypeBinary:
		return a.Binary(), nil
	case events.DataTypeStringSet:
		return a.StringSet(), nil
	case events.DataTypeBinarySet:
		return a.BinarySet(), nil
	case events.DataTypeNumberSet:
		out := make([]json.Number, 0, len(a.NumberSet()))
		for _, n := range a.NumberSet() {
			out = append(out, json.Number(n))
		}
		return out, nil
	case events.DataTypeMap:
		return plainMap(a.Map())
	case events.DataTypeList:
		out := make([]any, 0, len(a.List()))
		for _, e := range a.List() {
			v, err := plain(e)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	default:
		return nil, fmt.Errorf("unknown type %d", a.DataType())
	}
}
