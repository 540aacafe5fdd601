package trace

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"

	"github.com/leatdev/leat/internal/kv"
)

// MaxCalls bounds the different calls that are kept of one function. What a
// function calls beyond that is not suggested.
const MaxCalls = 1000

// maxKnownCalls bounds the calls that are remembered as stored.
const maxKnownCalls = 50_000

// call is a function's use of an action on a resource.
type call struct{ function, action, resource string }

// Used keeps that a function called an action ("dynamodb:PutItem") on a
// resource's ARN. It writes only what it has not seen before.
func (l *Log) Used(ctx context.Context, function, action, resource string) error {
	c := call{function, action, resource}
	l.mu.Lock()
	_, known := l.calls[c]
	l.mu.Unlock()
	if known {
		return nil
	}
	err := l.store.Update(ctx, func(tx kv.Txn) error {
		key := kv.Key(kv.SpaceTrace, "a", function, action, resource)
		if _, ok, err := tx.Get(key); err != nil || ok {
			return err
		}
		countKey := kv.Key(kv.SpaceTrace, "n", function)
		b, _, err := tx.Get(countKey)
		if err != nil {
			return err
		}
		n, _ := binary.Uvarint(b)
		if n >= MaxCalls {
			return nil
		}
		if err := tx.Set(countKey, binary.AppendUvarint(nil, n+1)); err != nil {
			return err
		}
		return tx.Set(key, nil)
	})
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.calls) >= maxKnownCalls {
		clear(l.calls)
	}
	l.calls[c] = struct{}{}
	return nil
}

// Statement is one statement of a policy.
type Statement struct {
	Effect   string
	Action   []string
	Resource []string
}

// Suggest gives the least policy that covers what a function has called, as
// JSON: for each set of resources the actions that were used on exactly those.
func (l *Log) Suggest(ctx context.Context, function string) ([]byte, error) {
	resources := map[string][]string{} // by action
	prefix := kv.Key(kv.SpaceTrace, "a", function)
	err := l.store.View(ctx, func(r kv.Reader) error {
		clear(resources)
		return r.Scan(kv.PrefixRange(prefix), func(key, _ []byte) error {
			d := kv.DecodeKey(key, len(prefix))
			action, resource := d.String(), d.String()
			resources[action] = append(resources[action], resource)
			return d.Err()
		})
	})
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent(struct {
		Version   string
		Statement []Statement
	}{"2012-10-17", statements(resources)}, "", "  ")
}

func statements(resources map[string][]string) []Statement {
	bySet := map[string]*Statement{}
	for action, list := range resources {
		service, _, _ := strings.Cut(action, ":")
		key := service + "\x00" + strings.Join(list, "\x00")
		if bySet[key] == nil {
			bySet[key] = &Statement{Effect: "Allow", Resource: list}
		}
		bySet[key].Action = append(bySet[key].Action, action)
	}
	out := []Statement{}
	for _, s := range bySet {
		slices.Sort(s.Action)
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b Statement) int {
		return bytes.Compare([]byte(a.Action[0]), []byte(b.Action[0]))
	})
	return out
}
