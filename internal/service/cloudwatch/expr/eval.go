package expr

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Series is a time series: values by Unix second, Period seconds apart where there are any.
type Series struct {
	Label  string
	Period int64
	Points map[int64]float64
}

// Times are the series' times in ascending order.
func (s *Series) Times() []int64 {
	times := make([]int64, 0, len(s.Points))
	for t := range s.Points {
		times = append(times, t)
	}
	slices.Sort(times)
	return times
}

// Value is a number, or series: exactly one unless Array.
type Value struct {
	Number float64
	Series []*Series
	Array  bool
}

// IsNumber tells a value without a time.
func (v Value) IsNumber() bool { return !v.Array && len(v.Series) == 0 }

func one(s *Series) Value { return Value{Series: []*Series{s}} }

// Scope is what an expression may speak of.
type Scope struct {
	// Lookup gives the value of an id.
	Lookup func(id string) (Value, error)
	// Metrics are the metrics of the request whose ids contain part.
	Metrics func(part string) []*Series
	// Start and End bound the request, in Unix seconds, End excluded.
	Start, End int64
	// Budget is how many datapoints all expressions of the request may still make.
	Budget *int64
}

// MaxArray bounds the series of an array.
const MaxArray = 500

func (sc *Scope) spend(points int64) error {
	if *sc.Budget -= points; *sc.Budget < 0 {
		return errors.New("the expressions make too many datapoints")
	}
	return nil
}

// Eval computes the expression.
func (e *Expr) Eval(sc *Scope) (Value, error) { return sc.eval(&e.root) }

// eval computes a node. Every series it makes is paid for: ids that name each other could
// otherwise double the work with each of them.
func (sc *Scope) eval(n *node) (Value, error) {
	v, err := sc.compute(n)
	if err != nil || n.kind == kindRef || n.kind == kindNumber {
		return v, err
	}
	if len(v.Series) > MaxArray {
		return v, fmt.Errorf("an array holds more than %d time series", MaxArray)
	}
	made := int64(1)
	for _, s := range v.Series {
		made += int64(len(s.Points))
	}
	return v, sc.spend(made)
}

func (sc *Scope) compute(n *node) (Value, error) {
	switch n.kind {
	case kindNumber:
		return Value{Number: n.number}, nil
	case kindRef:
		return sc.Lookup(n.text)
	case kindMinus:
		v, err := sc.eval(&n.args[0])
		if err != nil {
			return v, err
		}
		return v.each(func(x float64) float64 { return -x }), nil
	case kindBinary:
		return sc.binary(n)
	case kindList:
		return sc.list(n)
	case kindCall:
		f := functions[n.text]
		if len(n.args) < f.min || len(n.args) > f.max {
			return Value{}, fmt.Errorf("%s takes another number of arguments", n.text)
		}
		return f.call(sc, n.args)
	}
	return Value{}, fmt.Errorf("%q stands where a value is expected", n.text)
}

// list makes an array of series.
func (sc *Scope) list(n *node) (Value, error) {
	out := Value{Array: true}
	for i := range n.args {
		v, err := sc.eval(&n.args[i])
		if err != nil {
			return v, err
		}
		if v.IsNumber() {
			return v, errors.New("an array holds time series only")
		}
		if out.Series = append(out.Series, v.Series...); len(out.Series) > MaxArray {
			break // refused by eval
		}
	}
	return out, nil
}

var operators = map[string]func(a, b float64) float64{
	"+": func(a, b float64) float64 { return a + b },
	"-": func(a, b float64) float64 { return a - b },
	"*": func(a, b float64) float64 { return a * b },
	"/": func(a, b float64) float64 { return a / b },
	"^": math.Pow,
}

func (sc *Scope) binary(n *node) (Value, error) {
	a, err := sc.eval(&n.args[0])
	if err != nil {
		return a, err
	}
	b, err := sc.eval(&n.args[1])
	if err != nil {
		return b, err
	}
	op := operators[n.text]
	switch {
	case a.IsNumber() && b.IsNumber():
		return Value{Number: op(a.Number, b.Number)}, nil
	case a.IsNumber():
		return b.each(func(x float64) float64 { return op(a.Number, x) }), nil
	case b.IsNumber():
		return a.each(func(x float64) float64 { return op(x, b.Number) }), nil
	case a.Array && b.Array:
		return Value{}, fmt.Errorf("%s is not defined for two arrays of time series", n.text)
	}
	out := Value{Array: a.Array || b.Array}
	for _, x := range a.Series {
		for _, y := range b.Series {
			out.Series = append(out.Series, join(x, y, op))
		}
	}
	return out, nil
}

// join combines two series where both have a value.
func join(x, y *Series, op func(a, b float64) float64) *Series {
	out := &Series{Label: x.Label, Period: max(x.Period, y.Period), Points: map[int64]float64{}}
	for t, a := range x.Points {
		if b, ok := y.Points[t]; ok {
			out.set(t, op(a, b))
		}
	}
	return out
}

// set keeps a value unless it is none: what a division by zero makes is a gap, as on AWS.
func (s *Series) set(t int64, v float64) {
	if !math.IsNaN(v) && !math.IsInf(v, 0) {
		s.Points[t] = v
	}
}

// each applies f to every value.
func (v Value) each(f func(float64) float64) Value {
	if v.IsNumber() {
		return Value{Number: f(v.Number)}
	}
	out := Value{Array: v.Array}
	for _, s := range v.Series {
		to := &Series{Label: s.Label, Period: s.Period, Points: make(map[int64]float64, len(s.Points))}
		for t, x := range s.Points {
			to.set(t, f(x))
		}
		out.Series = append(out.Series, to)
	}
	return out
}
