package machine

import (
	"bytes"
	"encoding/json"
)

// ItemFailures reads the identifiers of failed items from a function's
// response. An empty response, null, an object without the list, and a list
// that is null or empty mean that nothing failed. ok is false when the response
// makes the whole batch fail: it is no JSON object, the list is no list, or an
// item has no identifier, an empty one, or one that is no string.
func ItemFailures(response []byte) (ids []string, ok bool) {
	response = bytes.TrimSpace(response)
	if len(response) == 0 || string(response) == "null" {
		return nil, true
	}
	members, ok := object(response)
	if !ok {
		return nil, false
	}
	list := members["batchItemFailures"]
	if len(list) == 0 || string(list) == "null" {
		return nil, true
	}
	var items []json.RawMessage
	if json.Unmarshal(list, &items) != nil {
		return nil, false
	}
	for _, raw := range items {
		item, ok := object(raw)
		if !ok {
			return nil, false
		}
		// A pointer tells null from the empty string; both are failures.
		var id *string
		if raw, ok := item["itemIdentifier"]; !ok || json.Unmarshal(raw, &id) != nil || id == nil || *id == "" {
			return nil, false
		}
		ids = append(ids, *id)
	}
	return ids, true
}

// object decodes into a map, whose keys, unlike a struct's, are compared by case.
func object(raw []byte) (map[string]json.RawMessage, bool) {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil || members == nil {
		return nil, false
	}
	return members, true
}

// responseState reads the state of a tumbling window; a response without one fails.
func responseState(response []byte) (state []byte, ok bool) {
	members, ok := object(response)
	if !ok {
		return nil, false
	}
	state, ok = members["state"]
	if string(state) == "null" {
		state = []byte("{}")
	}
	return state, ok
}
