package policy

import (
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// comparison decides one value of the context against one of the policy.
type comparison func(have, want string) bool

// operators are the condition operators of the user guide's "IAM JSON policy
// elements: Condition operators"; negated ones hold when no value matches.
var operators = map[string]struct {
	compare comparison
	negated bool
}{
	"StringEquals":              {equal, false},
	"StringNotEquals":           {equal, true},
	"StringEqualsIgnoreCase":    {strings.EqualFold, false},
	"StringNotEqualsIgnoreCase": {strings.EqualFold, true},
	"StringLike":                {like, false},
	"StringNotLike":             {like, true},
	"ArnEquals":                 {arnLike, false},
	"ArnLike":                   {arnLike, false},
	"ArnNotEquals":              {arnLike, true},
	"ArnNotLike":                {arnLike, true},
	"Bool":                      {strings.EqualFold, false},
	"BinaryEquals":              {binaryEqual, false},
	"NumericEquals":             {numeric(func(a, b float64) bool { return a == b }), false},
	"NumericNotEquals":          {numeric(func(a, b float64) bool { return a == b }), true},
	"NumericLessThan":           {numeric(func(a, b float64) bool { return a < b }), false},
	"NumericLessThanEquals":     {numeric(func(a, b float64) bool { return a <= b }), false},
	"NumericGreaterThan":        {numeric(func(a, b float64) bool { return a > b }), false},
	"NumericGreaterThanEquals":  {numeric(func(a, b float64) bool { return a >= b }), false},
	"DateEquals":                {date(func(a, b time.Time) bool { return a.Equal(b) }), false},
	"DateNotEquals":             {date(func(a, b time.Time) bool { return a.Equal(b) }), true},
	"DateLessThan":              {date(func(a, b time.Time) bool { return a.Before(b) }), false},
	"DateLessThanEquals":        {date(func(a, b time.Time) bool { return !a.After(b) }), false},
	"DateGreaterThan":           {date(func(a, b time.Time) bool { return a.After(b) }), false},
	"DateGreaterThanEquals":     {date(func(a, b time.Time) bool { return !a.Before(b) }), false},
	"IpAddress":                 {inNetwork, false},
	"NotIpAddress":              {inNetwork, true},
}

const (
	ifExists  = "IfExists"
	forAll    = "ForAllValues:"
	forAny    = "ForAnyValue:"
	nullCheck = "Null"
)

func knownOperator(op string) bool {
	if op == nullCheck {
		return true
	}
	op = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(op, forAll), forAny), ifExists)
	_, ok := operators[op]
	return ok
}

// holds tells whether the condition is met. A key that the request lacks fails a
// positive operator and meets a negated one; with IfExists it meets both.
func (c *Condition) holds(req *Request) bool {
	have, present := req.Context[strings.ToLower(c.Key)]
	if c.Operator == nullCheck {
		for _, v := range c.Values {
			if strings.EqualFold(v, "true") == present {
				return false
			}
		}
		return true
	}
	name, every := strings.CutPrefix(c.Operator, forAll)
	name, some := strings.CutPrefix(name, forAny)
	name, optional := strings.CutSuffix(name, ifExists)
	op := operators[name]
	if !present {
		return optional || every || (op.negated && !some)
	}
	matches := func(value string) bool {
		for _, want := range c.Values {
			if op.compare(value, substitute(want, req)) {
				return true
			}
		}
		return false
	}
	if every {
		for _, v := range have {
			if matches(v) == op.negated {
				return false
			}
		}
		return true
	}
	if op.negated && !some { // no value may match
		for _, v := range have {
			if matches(v) {
				return false
			}
		}
		return true
	}
	for _, v := range have {
		if matches(v) != op.negated {
			return true
		}
	}
	return false
}

func equal(have, want string) bool { return have == want }

func like(have, want string) bool { return Wildcard(want, have) }

// arnLike matches each of the six parts on its own, so that a * does not cross a colon.
func arnLike(have, want string) bool {
	h, w := strings.SplitN(have, ":", 6), strings.SplitN(want, ":", 6)
	if len(h) != 6 || len(w) != 6 {
		return false
	}
	for i := range h {
		if !Wildcard(w[i], h[i]) {
			return false
		}
	}
	return true
}

func binaryEqual(have, want string) bool {
	a, err1 := base64.StdEncoding.DecodeString(have)
	b, err2 := base64.StdEncoding.DecodeString(want)
	return err1 == nil && err2 == nil && string(a) == string(b)
}

func numeric(compare func(a, b float64) bool) comparison {
	return func(have, want string) bool {
		a, err1 := strconv.ParseFloat(have, 64)
		b, err2 := strconv.ParseFloat(want, 64)
		return err1 == nil && err2 == nil && compare(a, b)
	}
}

func date(compare func(a, b time.Time) bool) comparison {
	return func(have, want string) bool {
		a, ok1 := parseDate(have)
		b, ok2 := parseDate(want)
		return ok1 && ok2 && compare(a, b)
	}
}

// parseDate reads ISO 8601 (of the forms the W3C note lists) or epoch seconds.
func parseDate(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00", "2006-01-02", "2006-01", "2006"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	sec, err := strconv.ParseInt(s, 10, 64)
	return time.Unix(sec, 0), err == nil
}

func inNetwork(have, want string) bool {
	addr, err := netip.ParseAddr(have)
	if err != nil {
		return false
	}
	if net, err := netip.ParsePrefix(want); err == nil {
		return net.Contains(addr)
	}
	single, err := netip.ParseAddr(want)
	return err == nil && single == addr
}
