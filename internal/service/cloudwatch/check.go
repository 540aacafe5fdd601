package cloudwatch

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/leatdev/leat/internal/aws"
)

// Limits of members, as AWS states them.
const (
	maxName           = 255
	maxDimensionValue = 1024
	maxDimensions     = 30
)

// maxValue is the largest absolute value of a figure, 2^360.
var maxValue = math.Ldexp(1, 360)

// checks collects what is wrong with a request; AWS tells all of it at once, a line each.
type checks struct {
	code  string
	lines []string
}

// fail notes a fault. The first fault's code is the reply's.
func (c *checks) fail(code, format string, args ...any) {
	if c.code == "" {
		c.code = code
	}
	if c.code == code {
		c.lines = append(c.lines, fmt.Sprintf(format, args...))
	}
}

const (
	badValue       = "InvalidParameterValueException"
	badCombination = "InvalidParameterCombinationException"
	missing        = "MissingRequiredParameterException"
	badQuery       = "ValidationError"
)

func (c *checks) value(format string, args ...any) { c.fail(badValue, format, args...) }

func (c *checks) err() error {
	if c.code == "" {
		return nil
	}
	return aws.Errorf(c.code, "%s", strings.Join(c.lines, "\n"))
}

// text checks a required text of at most limit characters.
func (c *checks) text(param string, v *string, limit int) {
	switch s := deref(v); {
	case s == "":
		c.fail(missing, "The parameter %s is required.", param)
	case len(s) > limit:
		c.value("The parameter %s must be shorter than %d characters.", param, limit+1)
	case !printable(s):
		c.value("The value for parameter %s contains non-ASCII characters.", param)
	}
}

// printable tells ASCII without control characters.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// namespace checks a namespace that is read from; the ones of AWS are not written to by clients.
func (c *checks) namespace(v *string, write bool) {
	c.text("Namespace", v, maxName)
	if s := deref(v); strings.HasPrefix(s, ":") || write && strings.HasPrefix(s, "AWS/") {
		c.value("The value %s for parameter Namespace is invalid.", s)
	}
}

// dimensions checks and converts a set of dimensions.
func (c *checks) dimensions(param string, in []types.Dimension) []Dimension {
	if len(in) > maxDimensions {
		c.value("The collection %s must not have a size greater than %d.", param, maxDimensions)
		return nil
	}
	out := make([]Dimension, len(in))
	for i, d := range in {
		at := fmt.Sprintf("%s.member.%d.", param, i+1)
		c.text(at+"Name", d.Name, maxName)
		c.text(at+"Value", d.Value, maxDimensionValue)
		out[i] = Dimension{deref(d.Name), deref(d.Value)}
		if strings.HasPrefix(out[i].Name, ":") {
			c.value("The value %s for parameter %sName is invalid.", out[i].Name, at)
		}
		if slices.ContainsFunc(out[:i], func(o Dimension) bool { return o.Name == out[i].Name }) {
			c.value("The value %s for parameter %sName is given more than once.", out[i].Name, at)
		}
	}
	return out
}

// noUnit is the unit of figures that name none.
const noUnit = string(types.StandardUnitNone)

// unit checks a unit; an absent one is the caller's to interpret.
func (c *checks) unit(param string, u types.StandardUnit) {
	if u == "" || slices.Contains(u.Values(), u) {
		return
	}
	names := make([]string, 0, len(u.Values()))
	for _, v := range u.Values() {
		names = append(names, string(v))
	}
	c.value("The parameter %s must be a value in the set [ %s ].", param, strings.Join(names, ", "))
}

// number checks a figure.
func (c *checks) number(param string, v float64) {
	if math.IsNaN(v) || math.Abs(v) > maxValue {
		c.value("The value %v for parameter %s is invalid.", v, param)
	}
}

// validPeriod tells 1, 5, 10, 20, 30 and the multiples of 60.
func validPeriod(p int32) bool {
	switch p {
	case 1, 5, 10, 20, 30:
		return true
	}
	return p >= 60 && p%60 == 0
}

var percentileName = regexp.MustCompile(`^p(\d{1,2}(\.\d{1,10})?|100(\.0{1,10})?)$`)
